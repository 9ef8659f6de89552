"""What the other side's browser shall send, by what reaches us. The ladder's other direction. Pure.

A browser has congestion control of its own, which our feedback drives; what it does not know is that
its voice must come first and which picture is of use here. So on a link that loses much it is asked
for a small picture, and where the voice still suffers for none.
"""

import json
from dataclasses import dataclass, replace
from typing import Final

from telemed_desk.clinical.ladder import LADDER, Rung

from .ladder import DOWN_NS, START_NS, UP_NS

CONCEALED: Final = 0.08
"""From this share of made-up sound on, words are lost."""
_SMOOTH_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class PeerHint:
    """The body of a ``send`` message on the data channel (docs/protocol.md).

    ``chosen``: the person at this desk wants no more, and nothing is wrong with the link.
    """

    video: bool
    max_kbps: int
    scale: float
    fps: int
    chosen: bool = False

    def message(self) -> str:
        """Return it as it travels."""
        body = {"max_kbps": self.max_kbps, "scale": self.scale, "fps": self.fps}
        why = {"why": "choice"} if self.chosen else {}
        return json.dumps({"t": "send", "video": self.video, **body, **why})


HINTS: Final = {
    Rung.HD_VIDEO: PeerHint(video=True, max_kbps=2000, scale=1, fps=30),
    Rung.VIDEO: PeerHint(video=True, max_kbps=1000, scale=1, fps=30),
    Rung.LOW_VIDEO: PeerHint(video=True, max_kbps=350, scale=2, fps=15),
    Rung.AUDIO_PHOTOS: PeerHint(video=False, max_kbps=60, scale=4, fps=5),
}


_MOST_TEXT: Final = 1000


def rung_asked(message: str | bytes) -> Rung | None:
    """Read the other side's hint to us; None when the message is something else or broken."""
    if not isinstance(message, str) or len(message) > _MOST_TEXT:
        return None
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("t") != "send":
        return None
    if body.get("video") is False:
        return Rung.AUDIO_PHOTOS
    kbps = body.get("max_kbps")
    if isinstance(kbps, bool) or not isinstance(kbps, int | float):
        return Rung.HD_VIDEO
    fitting = [rung for rung, hint in HINTS.items() if hint.video and kbps >= hint.max_kbps]
    return max(fitting, default=Rung.LOW_VIDEO)


@dataclass(frozen=True, slots=True)
class Reception:
    """What reaches us; None = cannot tell.

    Attributes:
        loss_ratio: Of all that should have come.
        concealed_ratio: Share of the voice that had to be made up.
        decode_share: Time that decoding a picture takes, as a share of the time between two.
        wanted: The most that is of use here: the doctor's own choice, the size of the window.
    """

    loss_ratio: float | None
    concealed_ratio: float | None
    decode_share: float = 0.0
    wanted: Rung = Rung.HD_VIDEO


class PeerLadder:
    """Ask :meth:`advise` about once a second. Loop thread."""

    def __init__(self) -> None:
        self.rung = Rung.HD_VIDEO
        self._loss = self._concealed = 0.0
        self._at_ns: int | None = None
        self._began_ns: int | None = None
        self._below_ns: int | None = None
        self._above_ns: int | None = None
        self._told: PeerHint | None = None

    def advise(self, now: Reception, now_ns: int) -> PeerHint | None:
        """Return what to tell the browser, or None while nothing has changed."""
        elapsed_s = 0.0 if self._at_ns is None else min((now_ns - self._at_ns) / 1e9, 2.0)
        self._at_ns = now_ns
        part = min(elapsed_s / _SMOOTH_S, 1.0)
        if now.loss_ratio is not None:
            self._began_ns = now_ns if self._began_ns is None else self._began_ns
            self._loss += part * (now.loss_ratio - self._loss)
        if now.concealed_ratio is not None:
            self._concealed += part * (now.concealed_ratio - self._concealed)
        self._move(now, now_ns)
        hint = HINTS[max(min(self.rung, now.wanted), Rung.AUDIO_PHOTOS)]
        if now.wanted < self.rung:
            hint = replace(hint, chosen=True)
        if hint == self._told:
            return None
        self._told = hint
        return hint

    def forget(self) -> None:
        """The page is a new one: tell it again."""
        self._told = None

    def _move(self, now: Reception, now_ns: int) -> None:
        fits = self._fits(now)
        self._below_ns = _since(self._below_ns, now_ns, holds=fits < self.rung)
        self._above_ns = _since(self._above_ns, now_ns, holds=fits > self.rung)
        starting = self._began_ns is None or now_ns - self._began_ns < START_NS
        if self._below_ns is not None and now_ns - self._below_ns >= DOWN_NS:
            self.rung, self._below_ns = Rung(max(fits, self.rung - 1)), None
        elif self._above_ns is not None and now_ns - self._above_ns >= UP_NS and not starting:
            self.rung, self._above_ns = Rung(self.rung + 1), None

    def _fits(self, now: Reception) -> Rung:
        rungs = (Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO)
        fits = next((r for r in rungs if self._loss <= LADDER[r].loss_ratio), Rung.AUDIO_PHOTOS)
        if self._concealed > CONCEALED or now.decode_share > 1:
            fits = min(fits, Rung(max(self.rung - 1, Rung.AUDIO_PHOTOS)))
        return fits


def _since(before_ns: int | None, now_ns: int, *, holds: bool) -> int | None:
    """Remember since when something holds."""
    if not holds:
        return None
    return now_ns if before_ns is None else before_ns
