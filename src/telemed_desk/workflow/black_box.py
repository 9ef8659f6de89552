"""Records a call's figures into its consultation, a part every two minutes. Core thread only."""

import secrets
from collections.abc import Callable
from typing import Final

from telemed_desk.clinical.call_record import PART_S, CallEvent, CallSample, pack_samples
from telemed_desk.media.control import CallStats
from telemed_desk.vault import OpDraft

_MOST_EVENTS: Final = 500


class BlackBox:
    """The record of one call with one other side.

    Args:
        consultation: Whose record it becomes part of.
        call: The connection's id; a re-offer is another call and another box.
        commit: Records an op; durable when it says so, but nobody waits for it.
        now_ms: Wall clock.
    """

    def __init__(
        self,
        consultation: bytes,
        call: str,
        commit: Callable[[OpDraft], object],
        now_ms: Callable[[], int],
    ) -> None:
        self._consultation = consultation
        self.call = call
        self._commit = commit
        self._now_ms = now_ms
        self._part = 0
        self._began_ms = now_ms()
        self._samples: list[CallSample] = []
        self._events: list[CallEvent] = []
        self._last: dict[str, str] = {}
        self._frozen_s = 0.0

    def phase(self, phase: str) -> None:
        """The connection stands differently."""
        self._note("phase", phase)

    def take(self, stats: CallStats) -> None:
        """Take the figures of a second."""
        self._note("reason", stats.reason)
        if stats.path:
            self._note("path", stats.path)
        self._samples.append(self._sample(stats))
        if len(self._samples) >= PART_S:
            self.close_part()

    def close_part(self) -> None:
        """Record what there is; also at the end of a call."""
        if self._samples or self._events:
            self._commit(
                OpDraft(
                    "call.box",
                    secrets.token_bytes(16),
                    {
                        "consultation": self._consultation,
                        "call": self.call,
                        "part": self._part,
                        "began_ms": self._began_ms,
                        "columns": pack_samples(self._samples),
                        "events": [(e.at_s, e.what, e.value) for e in self._events],
                    },
                )
            )
            self._part += 1
        self._began_ms = self._now_ms()
        self._samples, self._events = [], []

    @property
    def _at_s(self) -> int:
        return (self._now_ms() - self._began_ms) // 1000

    def _note(self, what: str, value: str) -> None:
        if self._last.get(what) != value and len(self._events) < _MOST_EVENTS:
            self._last[what] = value
            self._events.append(CallEvent(self._at_s, what, value))

    def _sample(self, stats: CallStats) -> CallSample:
        frozen_ms = round(1000 * (stats.frozen_s - self._frozen_s))
        self._frozen_s = stats.frozen_s
        return CallSample(
            at_s=self._at_s,
            rung=stats.rung,
            send_kbps=_thousands(stats.send_bps),
            receive_kbps=_thousands(stats.receive_bps),
            estimate_kbps=_thousands(stats.estimate_bps),
            voice_kbps=_thousands(stats.send_voice_bps),
            rtt_ms=_whole(stats.rtt_ms),
            send_loss=_per_mille(stats.send_loss_ratio),
            receive_loss=_per_mille(stats.receive_loss_ratio),
            send_jitter_ms=_whole(stats.send_jitter_ms),
            receive_jitter_ms=_whole(stats.receive_jitter_ms),
            playout_ms=_whole(stats.playout_delay_ms),
            concealed=_per_mille(stats.concealed_ratio),
            rebuilt=_per_mille(stats.rebuilt_ratio),
            sent_height=stats.sent_height,
            sent_fps=_whole(stats.sent_fps),
            shown_height=stats.shown_height,
            shown_fps=_whole(stats.shown_fps),
            frozen_ms=max(frozen_ms, 0),
            picture_delay_ms=_whole(stats.picture_delay_ms),
            lip_offset_ms=_whole(stats.lip_offset_ms),
            encode_ms=_whole(stats.encode_ms),
            decode_ms=_whole(stats.decode_ms),
            quantiser=_whole(stats.quantiser),
        )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _thousands(value: float | None) -> int | None:
    return None if value is None else round(value / 1000)


def _per_mille(value: float | None) -> int | None:
    return None if value is None else round(1000 * value)
