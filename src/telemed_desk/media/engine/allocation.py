"""Splits a rate: voice first, then as much picture as the rest carries, without flapping. Pure."""

from dataclasses import dataclass
from typing import Final

from telemed_desk.clinical.ladder import LADDER, Rung

VOICE_OVERHEAD_BPS: Final = 26_000
"""50 packets a second, 64 bytes of headers each."""
VOICE_HEADER_BITS: Final = 8 * 64
_VIDEO_SHARE: Final = 0.95
PAUSE_BPS: Final = 80_000
RESUME_BPS: Final = 110_000
PAUSE_NS: Final = 3_000_000_000
MOST_PAUSE_NS: Final = 60_000_000_000
TRIED_NS: Final = 20_000_000_000
UP_AFTER_NS: Final = 3_000_000_000
START_PATIENCE_NS: Final = 300_000_000
COARSE, FINE = 54, 40
"""Quantisers of VP8 (of 63) above which a picture is blocks, and below which it is clean."""
MOST_COARSE: Final = 1.8
DOWN_AFTER_NS: Final = 1_500_000_000
"""A size that is left costs a key frame, and soon another: a rate that dips is borne with coarseness."""
FAR_BELOW: Final = 0.6
FAR_BELOW_ON_TRIAL: Final = 0.35


@dataclass(frozen=True, slots=True)
class Step:
    """One size of picture.

    Attributes:
        enter_bps: Video rate from which it is worth it.
        leave_bps: Video rate below which it is left, after a moment if it is not far below.
    """

    width: int
    height: int
    fps: float
    enter_bps: int
    leave_bps: int
    rung: Rung


def _of(rung: Rung, enter_bps: int, leave_bps: int) -> Step:
    limit = LADDER[rung]
    return Step(limit.width, limit.height, float(limit.frames_per_s), enter_bps, leave_bps, rung)


STEPS: Final = (
    Step(320, 180, 8.0, 0, 0, Rung.LOW_VIDEO),
    Step(320, 180, 15.0, 42_000, 30_000, Rung.LOW_VIDEO),
    _of(Rung.LOW_VIDEO, 130_000, 90_000),
    _of(Rung.VIDEO, 300_000, 200_000),
    _of(Rung.HD_VIDEO, 900_000, 600_000),
)
"""From the smallest up; sizes and rates of pictures from the one ladder."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What to send. ``video_bps`` is 0 while pictures are paused."""

    rung: Rung
    reason: str
    voice_bps: int
    video_bps: int
    width: int
    height: int
    fps: float
    frame_ms: int = 20


@dataclass(frozen=True, slots=True)
class VoicePlan:
    """How the voice is sent.

    Attributes:
        bps: Of the codec, without headers.
        frame_ms: Of one packet. Headers cost 26 kbit/s at 20 ms, 9 kbit/s at 60 ms.
    """

    bps: int
    frame_ms: int

    @property
    def wire_bps(self) -> float:
        """With headers."""
        return self.bps + VOICE_HEADER_BITS * 1000 / self.frame_ms


_VOICES: Final = (
    (29_000, VoicePlan(8_000, 60)),
    (40_000, VoicePlan(12_000, 60)),
    (60_000, VoicePlan(12_000, 40)),
    (110_000, VoicePlan(LADDER[Rung.AUDIO_PHOTOS].voice_bps, 20)),
    (250_000, VoicePlan(LADDER[Rung.LOW_VIDEO].voice_bps, 20)),
)
_MOST_VOICE: Final = VoicePlan(32_000, 20)
_PROTECTED: Final = VoicePlan(40_000, 20)


def voice_plan(target_bps: float, loss_ratio: float) -> VoicePlan:
    """Return how the voice is sent; more protection where there is loss and room."""
    for below_bps, plan in _VOICES:
        if target_bps < below_bps:
            return plan
    return _PROTECTED if loss_ratio > 0.05 else _MOST_VOICE


def voice_rate(target_bps: float, loss_ratio: float) -> int:
    """Return the voice's bits per second."""
    return voice_plan(target_bps, loss_ratio).bps


MOST_VIDEO_BPS: Final = {
    Rung.HD_VIDEO: 1_900_000.0,
    Rung.VIDEO: 1_100_000.0,
    Rung.LOW_VIDEO: 450_000.0,
}
"""More makes a picture of the rung's size no better."""


class Coarseness:
    """How much more than usual this scene needs: moving hands and a plant cost more than a face.

    Where the encoder must work with a coarse quantiser for seconds, sizes are entered later and left
    earlier. Pure.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self._at_ns: int | None = None

    def note(self, quantiser: float | None, now_ns: int) -> None:
        """Take the encoder's quantiser (0 fine to 63 coarse), or None while nothing is sent."""
        elapsed_s = 0.0 if self._at_ns is None else min((now_ns - self._at_ns) / 1e9, 1.0)
        self._at_ns = now_ns
        if quantiser is None:
            return
        if quantiser > COARSE:
            self.factor = min(self.factor * 1.08**elapsed_s, MOST_COARSE)
        elif quantiser < FINE:
            self.factor = max(self.factor * 0.97**elapsed_s, 1.0)


class Allocator:
    """Remembers the step it is on. Loop thread."""

    def __init__(self) -> None:
        self.coarseness = Coarseness()
        self._step: int | None = None
        self._paused = False
        self._above_ns: int | None = None
        self._below_ns: int | None = None
        self._resumed_ns = 0
        self._resume_at_ns = 0
        self._pause_ns = PAUSE_NS

    def decide(
        self,
        target_bps: float,
        loss_ratio: float,
        now_ns: int,
        repair_overhead: float = 0.0,
        *,
        informed: bool = True,
        most: Rung = Rung.HD_VIDEO,
        patience_ns: int = UP_AFTER_NS,
        voice_extra_bps: float = 0.0,
        trial: bool = False,
    ) -> Allocation:
        """Split the target.

        Args:
            target_bps: What may be sent.
            loss_ratio: Share of packets lost.
            now_ns: Time.
            repair_overhead: A share of the pictures' own rate.
            informed: False until the other side's first report: the voice begins small, for a link
                that cannot carry more would be late for seconds after one second of too much.
            most: The rung; no picture is larger than its own, and none is sent below low video.
            patience_ns: For so long a larger picture must fit before it is sent.
            trial: Less is sent for a moment only, to see whose the loss is: sizes stay.
            voice_extra_bps: What copies of the voice take beside it.
        """
        sound = voice_plan(target_bps if informed else min(target_bps, 59_000.0), loss_ratio)
        video = max(0.0, (target_bps - sound.wire_bps - voice_extra_bps) * _VIDEO_SHARE)
        video /= 1 + repair_overhead  # repeats take their room from the pictures, not from a queue
        self._judge_pause(target_bps, now_ns)
        reason = "loss" if loss_ratio > 0.08 else "rate"
        if self._paused or most < Rung.LOW_VIDEO:
            self._step, self._above_ns, self._below_ns = None, None, None
            rung = min(most, Rung.AUDIO_PHOTOS)
            return Allocation(rung, reason, sound.bps, 0, 0, 0, 1.0, sound.frame_ms)
        step = STEPS[self._choose(video, now_ns, most, patience_ns, trial=trial)]
        video = min(max(video, 30_000), MOST_VIDEO_BPS[most])
        return Allocation(
            step.rung,
            "" if step.rung is Rung.HD_VIDEO else reason,
            sound.bps,
            int(video),
            step.width,
            step.height,
            step.fps,
            sound.frame_ms,
        )

    def forgive(self) -> None:
        """The other side is heard again after silence: that pause said nothing about the rate."""
        self._resume_at_ns = 0
        self._pause_ns = PAUSE_NS

    def _judge_pause(self, target_bps: float, now_ns: int) -> None:
        """Pause at once; try again later and later where the last try did not last."""
        if self._paused:
            if target_bps >= RESUME_BPS and now_ns >= self._resume_at_ns:
                self._paused = False
                self._resumed_ns = now_ns
        elif target_bps < PAUSE_BPS:
            lasted = now_ns - self._resumed_ns > TRIED_NS
            self._pause_ns = PAUSE_NS if lasted else min(2 * self._pause_ns, MOST_PAUSE_NS)
            self._paused = True
            self._resume_at_ns = now_ns + self._pause_ns

    def _choose(
        self, video_bps: float, now_ns: int, most: Rung, patience_ns: int, *, trial: bool
    ) -> int:
        video_bps /= self.coarseness.factor
        allowed = [i for i, step in enumerate(STEPS) if step.rung <= most]
        fitting = max(i for i in allowed if video_bps >= STEPS[i].enter_bps)
        if self._step is None or self._step > allowed[-1]:
            self._step = fitting
        leave_bps = STEPS[self._step].leave_bps
        if video_bps >= leave_bps:
            self._below_ns = None
        elif self._below_ns is None:
            self._below_ns = now_ns
        if video_bps < leave_bps:
            since_ns = now_ns if self._below_ns is None else self._below_ns
            lasts = not trial and now_ns - since_ns >= DOWN_AFTER_NS
            if lasts or video_bps < (FAR_BELOW_ON_TRIAL if trial else FAR_BELOW) * leave_bps:
                self._step, self._above_ns, self._below_ns = fitting, None, None
        elif fitting > self._step:
            if self._above_ns is None:
                self._above_ns = now_ns
            if now_ns - self._above_ns >= patience_ns:
                self._step = fitting if patience_ns < UP_AFTER_NS else self._step + 1
                self._above_ns = None
        else:
            self._above_ns = None
        return self._step
