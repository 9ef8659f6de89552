"""A test call with ourselves: the call's own engine at both ends, through the relay and back.

Encodes, paces, sends, repairs, receives, decodes and plays as a call does, with a drawn picture and a
made sound: neither camera nor microphone nor speaker is opened. One end sends only and the other
receives only, so that the link carries each way what one real call carries each way.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from aiortc.rtcconfiguration import RTCIceServer

from telemed_desk.clinical.ladder import LADDER, Rung
from telemed_desk.devices.checks.loop import LoopSeen
from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.control import CallPhase, CallStats, IceServerSpec
from telemed_desk.media.engine.call import Call, CallParts
from telemed_desk.media.engine.ladder import USABLE_OF_TARGET
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Picture, SoundBlock
from telemed_desk.media.sources.pattern import PatternCamera
from telemed_desk.media.sources.sound_files import NullSpeaker
from telemed_desk.media.sources.sound_hub import PacedMicrophone
from telemed_desk.media.transport.gathering import local_addresses
from telemed_desk.media.transport.servers import TurnServer, read_servers

POLL_S: Final = 0.05
LOOK_S: Final = 0.5
SETTLE_S: Final = 1.0
"""Until the first sound has found its place in the playout buffer: not counted as missing."""
MOST_FPS: Final = 15
HEADERS: Final = 1.2
GREETING_BYTES: Final = 15_000
"""What counters do not see: IP, UDP and the relay's headers; connecting. Measured on emulated links."""


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """What the test call may do; fields as in :class:`~telemed_desk.media.control.RunLinkTrial`."""

    ice_servers: tuple[IceServerSpec, ...] = ()
    seconds: float = 4.0
    connect_s: float = 8.0
    cap_bps: int = 600_000
    rung: Rung = Rung.VIDEO

    @property
    def picture_fits(self) -> bool:
        """Whether a call that may send no more than this sends a picture."""
        return self.cap_bps * USABLE_OF_TARGET >= LADDER[Rung.LOW_VIDEO].usable_bps

    @property
    def relays(self) -> list[TurnServer]:
        """The relays, one for each way to each."""
        return turn_servers(self.ice_servers)


def turn_servers(specs: Iterable[IceServerSpec]) -> list[TurnServer]:
    """Return the relays among the servers of a call."""
    return read_servers(
        [RTCIceServer(s.urls, s.username or None, s.credential or None) for s in specs]
    )[1]


async def hold_test_call(plan: LoopPlan) -> LoopSeen:
    """Hold it and return what was seen; ends early when it cannot connect. Loop thread.

    Cancelling it hangs up; the relay's addresses are given back.
    """
    addresses = await asyncio.to_thread(local_addresses)
    if not addresses:
        return LoopSeen(bool(plan.relays), addresses=False)
    begun = time.monotonic()
    async with _both_ends(plan) as ends:
        connected = await _connected(ends, plan)
        seen = LoopSeen(
            bool(plan.relays),
            relay_codes=tuple(ends.relay_codes()),
            limit_s=plan.connect_s,
            picture_fits=plan.picture_fits,
            connected_s=time.monotonic() - begun if connected else None,
        )
        if not connected:
            return replace(seen, moved_bytes=ends.moved())
        return await _watch(ends, plan, seen, begun)


async def _connected(ends: "_Ends", plan: LoopPlan) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plan.connect_s):
            answer = await ends.callee.accept_offer(await ends.caller.make_offer())
            await ends.caller.accept_answer(answer)
            while not ends.hopeless():
                if all(end.phase == "connected" for end in ends.says):
                    return True
                await asyncio.sleep(POLL_S)
    return False


async def _watch(ends: "_Ends", plan: LoopPlan, seen: LoopSeen, begun: float) -> LoopSeen:
    await asyncio.sleep(min(SETTLE_S, plan.seconds / 4))
    ends.look()
    sent: list[CallStats] = []
    got: list[CallStats] = []
    until = time.monotonic() + plan.seconds
    while (left_s := until - time.monotonic()) > 0:
        await asyncio.sleep(max(min(LOOK_S, left_s), LOOK_S / 2))
        one, other = ends.look()
        sent.append(one)
        got.append(other)
    first_at = ends.screen.first_at
    return replace(
        seen,
        first_picture_s=None if first_at is None else first_at - begun,
        loss_ratio=_mean([s.receive_loss_ratio for s in got]),
        jitter_ms=got[-1].receive_jitter_ms,
        rtt_ms=_median([s.rtt_ms for s in (*sent, *got)]),
        sent_fps=_mean([s.sent_fps for s in sent]),
        shown_fps=_mean([s.shown_fps for s in got]),
        concealed_ratio=_but_the_worst([s.concealed_ratio for s in got]),
        moved_bytes=ends.moved(),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _but_the_worst(values: list[float | None]) -> float | None:
    """One hiccup of this PC in half a second is not the link's; what goes on is."""
    known = sorted(value for value in values if value is not None)
    return _mean([*known[:-1]] if len(known) > 3 else [*known])


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


class _Screen:
    """Notes when the first picture came; looks at nothing else."""

    def __init__(self) -> None:
        self.first_at: float | None = None

    def present(self, picture: Picture) -> None:
        """Called on the decoder's thread."""
        del picture
        if self.first_at is None:
            self.first_at = time.monotonic()


class _Voice(PacedMicrophone):
    """Sounds like speech to a codec: a buzz with overtones, in syllables of a quarter second."""

    def __init__(self) -> None:
        super().__init__("loop-voice", lambda _code, _detail: None)
        at = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        buzz = sum(np.sin(2 * np.pi * 130 * k * at) / k for k in range(1, 24))
        syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at)
        self._second: SoundBlock = (3500 * syllables * buzz).astype(np.int16)

    def _block(self, count: int) -> SoundBlock:
        start = count * BLOCK_SAMPLES % SAMPLE_RATE_HZ
        return self._second[start : start + BLOCK_SAMPLES]


class _End:
    """What one end's call says."""

    def __init__(self) -> None:
        self.phase: CallPhase = "connecting"
        self.other: Call | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def on_phase(self, phase: CallPhase, reason: str) -> None:
        """The connection changed its state."""
        del reason
        self.phase = phase

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """Carry it over, as the signalling would."""
        if self.other is not None:
            task = asyncio.ensure_future(self.other.add_candidate(candidate, mid, mline))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def on_data(self, message: str | bytes) -> None:
        """Nothing is said here."""

    def on_data_open(self) -> None:
        """Nothing is said here."""

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        """A path that breaks within seconds is the result, not to be repaired."""

    def stop(self) -> None:
        """Carry no more."""
        self.other = None
        for task in self._tasks:
            task.cancel()


@dataclass
class _Ends:
    """Both calls, and what each asked relay said."""

    caller: Call
    callee: Call
    says: tuple[_End, _End]
    screen: _Screen
    expected_relays: int
    relays: dict[tuple[str, str], str] = field(default_factory=dict)
    looked_at: float = field(default_factory=time.monotonic)
    bits: float = 0.0

    def relay_codes(self) -> list[str]:
        """What the relays said, both ends together."""
        return list(self.relays.values())

    def hopeless(self) -> bool:
        """Whether an end has asked all its relays and none is of use, or a connection failed."""
        for end in ("caller", "callee"):
            codes = [code for (who, _), code in self.relays.items() if who == end]
            if self.expected_relays and len(codes) >= self.expected_relays and "" not in codes:
                return True
        return any(end.phase in ("failed", "ended") for end in self.says)

    def look(self) -> tuple[CallStats, CallStats]:
        """Take the figures of the time since the last look."""
        now = time.monotonic()
        stats = self.caller.stats(), self.callee.stats()
        self.bits += sum(s.send_bps + s.receive_bps for s in stats) * (now - self.looked_at)
        self.looked_at = now
        return stats

    def moved(self) -> int:
        """Bytes over this PC's link so far; both ends count, both are behind it."""
        self.look()
        return round(self.bits / 8 * HEADERS + GREETING_BYTES) if self.bits else 0


@contextlib.asynccontextmanager
async def _both_ends(plan: LoopPlan) -> AsyncIterator[_Ends]:
    need = LADDER[plan.rung]
    width, height = (need.width, need.height) if need.width else (320, 180)
    fps = min(MOST_FPS, need.frames_per_s or MOST_FPS)
    camera = PatternCamera(UsePattern(width, height, fps), lambda _code, _detail: None)
    voice = _Voice()
    screen = _Screen()
    said = _End(), _End()

    def call(parts: CallParts, says: _End, *, offer: bool) -> Call:
        return Call(
            "loop",
            parts,
            says,
            offer=offer,
            ice_servers=list(plan.ice_servers),
            relay_only=bool(plan.relays),
            start_rung=plan.rung,
        )

    caller = call(CallParts(camera, voice, _Screen()), said[0], offer=True)
    callee = call(CallParts(None, None, screen), said[1], offer=False)
    caller.steering.outside.cap_bps = float(plan.cap_bps)
    caller.steering.outside.carried = plan.rung
    said[0].other, said[1].other = callee, caller
    speaker = NullSpeaker(callee.feed.pull, lambda _code, _detail: None)
    ends = _Ends(caller, callee, said, screen, len(plan.relays))
    caller.on_relay = lambda server, code: ends.relays.__setitem__(("caller", server), code)
    callee.on_relay = lambda server, code: ends.relays.__setitem__(("callee", server), code)
    try:
        for device in (camera, voice, speaker):
            device.start()
        yield ends
    finally:
        for end in said:
            end.stop()
        hanging_up = asyncio.gather(caller.close(), callee.close())
        try:
            await asyncio.shield(hanging_up)
        finally:
            for device in (speaker, voice, camera):
                await asyncio.to_thread(device.close)
            await hanging_up
