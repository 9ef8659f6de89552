"""Which rung of the one ladder a call stands on, and why. One pure state machine.

Its limits are those of :mod:`telemed_desk.clinical.ladder`. Down after four seconds below a limit,
up after thirty seconds above it; within a rung the picture follows the rate at once
(:mod:`.allocation`), so that four seconds are never four seconds of late voice.
"""

from dataclasses import dataclass
from typing import Final, Literal

from telemed_desk.clinical.ladder import LADDER, Rung, delay_allows, loss_allows

Reason = Literal["", "rate", "loss", "delay", "processor", "other-side", "choice"]

DOWN_NS: Final = 4_000_000_000
UP_NS: Final = 30_000_000_000
START_NS: Final = 12_000_000_000
"""At the start the rung is a guess, and follows what the first probes find."""
VOICELESS_NS: Final = 20_000_000_000
USABLE_OF_TARGET: Final = 0.87
"""The estimate stays some 8 % below what the link carries; the ladder counts on 80 % of that."""
BUSY: Final = 0.85
"""Share of a picture's time that making it may take."""
BUSY_UP: Final = 0.6
_LOSS_S: Final = 6.0
_RUNGS: Final = (Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the ladder looks at.

    Attributes:
        target_bps: What may be sent.
        loss_ratio: Of what we send.
        rtt_ms: Round trip under load.
        queue_ms: Of it, what stands in the queue on the way there.
        informed: The other side has reported on what we sent.
        silent: It has not for some time.
        encode_share: Time that making a picture takes, as a share of the time between two.
        chosen: The most that the doctor wants.
        taken: The most that the other side takes.
        carried: The most that this PC encodes for this call, beside its other calls.
    """

    target_bps: float
    loss_ratio: float = 0.0
    rtt_ms: float = 0.0
    queue_ms: float = 0.0
    informed: bool = True
    silent: bool = False
    encode_share: float = 0.0
    chosen: Rung = Rung.HD_VIDEO
    taken: Rung = Rung.HD_VIDEO
    carried: Rung = Rung.HD_VIDEO

    def most(self) -> tuple[Rung, Reason]:
        """Return what people and the two PCs want at most, and which of them it is."""
        wishes: tuple[tuple[Rung, Reason], ...] = (
            (self.chosen, "choice"),
            (self.taken, "other-side"),
            (self.carried, "processor"),
        )
        return min(wishes, key=lambda wish: wish[0])


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a call stands; ``reason`` says why not higher, empty on the highest rung."""

    rung: Rung
    reason: Reason


def _pixels(rung: Rung) -> int:
    limit = LADDER[rung]
    return limit.width * limit.height * limit.frames_per_s


class Ladder:
    """Ask :meth:`stand` a few times a second. Loop thread."""

    def __init__(self, start: Rung) -> None:
        self.rung = min(max(start, Rung.AUDIO_PHOTOS), Rung.HD_VIDEO)
        self._reason: Reason = "rate"
        self._loss = 0.0
        self._at_ns: int | None = None
        self._informed_ns: int | None = None
        self._silent_ns: int | None = None
        self._below_ns: int | None = None
        self._above: dict[Rung, int] = {}

    def stand(self, now: Circumstances, now_ns: int) -> Standing:
        """Look at the circumstances and say where the call stands."""
        elapsed_s = 0.0 if self._at_ns is None else min((now_ns - self._at_ns) / 1e9, 1.0)
        self._at_ns = now_ns
        self._loss += min(elapsed_s / _LOSS_S, 1.0) * (now.loss_ratio - self._loss)
        if now.silent:
            return self._wait(now_ns)
        self._silent_ns = None
        if now.informed:
            if self._informed_ns is None:
                self._informed_ns = now_ns
            self._move(now, now_ns)
        return self._limited(now)

    def hope(self, now_ns: int) -> None:
        """More is wanted than before: as at the start, the rung follows what probes find."""
        if self._informed_ns is not None:
            self._informed_ns = now_ns

    def _wait(self, now_ns: int) -> Standing:
        """Silence says nothing about the rate; but voice that does not come is a matter of phones."""
        if self._silent_ns is None:
            self._silent_ns = now_ns
        self._below_ns = None
        self._above.clear()
        if now_ns - self._silent_ns > VOICELESS_NS:
            return Standing(Rung.PHONE, "rate")
        return Standing(self.rung, "" if self.rung is Rung.HD_VIDEO else self._reason)

    def _limited(self, now: Circumstances) -> Standing:
        """Apply what people and the other side want; that needs no patience.

        Nothing is probed for above it, so that the link's own rung sinks there and says nothing of the
        link: at the same rung it is still the wish that counts.
        """
        most, whose = now.most()
        if most <= self.rung and most < Rung.HD_VIDEO:
            return Standing(most, whose)
        return Standing(self.rung, "" if self.rung is Rung.HD_VIDEO else self._reason)

    def _move(self, now: Circumstances, now_ns: int) -> None:
        forbids = {rung: self._forbids(rung, now) for rung in _RUNGS}
        fits = next((rung for rung in _RUNGS if not forbids[rung]), Rung.PHONE)
        for rung in _RUNGS:
            if rung > self.rung and not forbids[rung]:
                self._above.setdefault(rung, now_ns)
            else:
                self._above.pop(rung, None)
        starting = self._informed_ns is None or now_ns - self._informed_ns < START_NS
        if fits < self.rung:
            if self._below_ns is None:
                self._below_ns = now_ns
            if now_ns - self._below_ns >= DOWN_NS:
                self._step_to(fits, forbids)
        else:
            self._below_ns = None
            patience_ns = 0 if starting else UP_NS
            ready = [rung for rung, at in self._above.items() if now_ns - at >= patience_ns]
            if ready:
                self._step_to(max(ready), forbids)
        higher = next((r for r in reversed(_RUNGS) if r > self.rung), None)
        if higher is not None and forbids[higher]:
            self._reason = forbids[higher]

    def _step_to(self, rung: Rung, forbids: dict[Rung, Reason]) -> None:
        higher = next((r for r in reversed(_RUNGS) if r > rung), Rung.HD_VIDEO)
        self._reason = forbids.get(higher, "") or self._reason
        self.rung = rung
        self._below_ns = None
        self._above.clear()

    def _forbids(self, rung: Rung, now: Circumstances) -> Reason:
        """Say what keeps a call from a rung, empty = nothing."""
        need = LADDER[rung]
        usable_bps = USABLE_OF_TARGET * now.target_bps
        if usable_bps < need.usable_bps:
            return "loss" if self._loss > LADDER[Rung.LOW_VIDEO].loss_ratio else "rate"
        if not loss_allows(rung, self._loss, usable_bps):
            return "loss"
        if not delay_allows(rung, now.rtt_ms, now.queue_ms):
            return "delay"
        return self._too_much_work(rung, now)

    def _too_much_work(self, rung: Rung, now: Circumstances) -> Reason:
        if rung <= Rung.LOW_VIDEO or not now.encode_share:
            return ""  # the smallest picture costs any PC little
        if rung > self.rung:
            grows = _pixels(rung) / max(_pixels(max(self.rung, Rung.LOW_VIDEO)), 1)
            return "processor" if now.encode_share * grows > BUSY_UP else ""
        return "processor" if rung is self.rung and now.encode_share > BUSY else ""
