"""What became of one side's voice at the other side's ear.

Definitions: *delay* is mouth to ear, of pieces of 0.7 s that were recognised (normalised
correlation of 0.4 or more; of other speech the best place of one piece in a thousand does); *first*
is when something that was said from a moment on is first heard; *quality* is PESQ wide-band (ITU-T
P.862.2) of stretches of eight seconds, laid over each other by the delay found there.
"""

import importlib.util
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tests.support.media import SAMPLE_RATE_HZ
from tests.support.sound import Match, Sound, find, heard_share

PIECE_MS = 700.0
RECOGNISED = 0.4
_STEP_MS = 250.0
_TAIL_MS = 2000.0
"""What is said this shortly before the end may not have been heard yet and is left out."""
STRETCH_MS = 8000.0
_STRETCH_STEP_MS = 4000.0
_PESQ_RATE_HZ = 16_000
BROKEN = 1.0
"""Quality where PESQ finds no speech at all: below the 1.04 that it gives at worst."""
_FRAME_MS = 20.0
_AGREE_MS = 100.0
_APART_MS = (PIECE_MS, 3000.0)
_MISSING_MS = 100.0
"""Speech that is gone for less than this is a lost packet or two, not the beginning."""


class QualityToolMissing(Exception):
    """The package that measures speech quality is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "speech quality needs the package 'pesq': run scripts/setup.sh bench "
            "(it builds from source, with gcc and python3-dev)"
        )


def require_quality_tool() -> None:
    """Raise QualityToolMissing now, rather than after the first call."""
    if importlib.util.find_spec("pesq") is None:
        raise QualityToolMissing


@dataclass(frozen=True)
class VoiceReport:
    """One direction of a call.

    Attributes:
        found_share: Of the pieces that were said, how many were recognised.
        delay_p50_ms: Mouth to ear, of the recognised pieces; None when there is none.
        delay_p95_ms: As before.
        heard_share: Of the 100 ms pieces in which something was said, in how many something of
            comparable strength was heard at the place where it belongs.
        quality: Mean PESQ of the stretches; None when it was not asked for.
        worst_quality: Of the worst stretch.
        matches: The recognised pieces.
    """

    found_share: float
    delay_p50_ms: float | None
    delay_p95_ms: float | None
    heard_share: float
    quality: float | None
    worst_quality: float | None
    matches: list[Match]


def compare_voice(
    said: Sound, heard: Sound, from_ms: float, to_ms: float, *, quality: bool = True
) -> VoiceReport:
    """Compare a stretch of a call; what is said in its last two seconds is left out.

    Raises:
        QualityToolMissing: When quality is asked for and cannot be had.
    """
    until_ms = to_ms - _TAIL_MS
    tried = (
        find(said, heard, float(at), PIECE_MS) for at in np.arange(from_ms, until_ms, _STEP_MS)
    )
    matches = [match for match in tried if match is not None]
    found = [match for match in matches if match.likeness >= RECOGNISED]
    delays = np.array([match.delay_ms for match in found])
    scores = _qualities(said, heard, from_ms, until_ms, found) if quality else []
    return VoiceReport(
        found_share=len(found) / len(matches) if matches else 0.0,
        delay_p50_ms=float(np.percentile(delays, 50)) if found else None,
        delay_p95_ms=float(np.percentile(delays, 95)) if found else None,
        heard_share=heard_share(said, heard, found, from_ms, until_ms) if found else 0.0,
        quality=float(np.mean(scores)) if scores else None,
        worst_quality=min(scores) if scores else None,
        matches=found,
    )


def first_heard_ms(said: Sound, heard: Sound, from_ms: float, to_ms: float) -> float | None:
    """When something said from a moment on was first heard (Unix ms); None: never.

    Good to a fifth of a second where the speaker pauses just then, to 20 ms elsewhere.
    """
    earlier: list[Match] = []
    for at in np.arange(from_ms, to_ms - PIECE_MS, 100.0):
        match = find(said, heard, float(at), PIECE_MS)
        if match is None or match.likeness < RECOGNISED:
            continue
        # Two pieces that share no sound and yet agree: one alone may be chance.
        for first in earlier:
            apart_ms = match.said_ms - first.said_ms
            agree = abs(match.delay_ms - first.delay_ms) < _AGREE_MS
            if agree and _APART_MS[0] <= apart_ms <= _APART_MS[1]:
                return _begins_ms(said, heard, first, from_ms)
        earlier.append(match)
    return None


def _begins_ms(said: Sound, heard: Sound, match: Match, from_ms: float) -> float:
    """Walk back from the end of a recognised piece to where its sound sets in."""
    count = int(_FRAME_MS * SAMPLE_RATE_HZ / 1000)
    piece = int(PIECE_MS * SAMPLE_RATE_HZ / 1000)
    usual_said = _strength(said.cut(match.said_ms, piece))
    usual_heard = _strength(heard.cut(match.said_ms + match.delay_ms, piece))
    at = begins_ms = match.said_ms + match.delay_ms + PIECE_MS
    missing_ms = 0.0
    while at > from_ms and missing_ms < _MISSING_MS:
        at -= _FRAME_MS
        if _strength(said.cut(at - match.delay_ms, count)) < 0.15 * usual_said:
            continue  # a pause tells nothing
        if _strength(heard.cut(at, count)) < 0.1 * usual_heard:
            missing_ms += _FRAME_MS
        else:
            begins_ms, missing_ms = at, 0.0
    return max(begins_ms, from_ms)


def _strength(piece: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(piece**2)))


def _qualities(
    said: Sound, heard: Sound, from_ms: float, until_ms: float, found: list[Match]
) -> list[float]:
    last_ms = until_ms - STRETCH_MS
    if last_ms < from_ms:
        return []
    steps = int((last_ms - from_ms) // _STRETCH_STEP_MS) + 1
    scores = []
    for at in np.linspace(from_ms, last_ms, steps):
        near = [m.delay_ms for m in found if at - 500 <= m.said_ms <= at + STRETCH_MS]
        delays = near or [m.delay_ms for m in found] or [0.0]
        score = quality_of(said, heard, float(at), float(np.median(delays)))
        if score is not None:
            scores.append(score)
    return scores


def quality_of(said: Sound, heard: Sound, at_ms: float, delay_ms: float) -> float | None:
    """PESQ wide-band of eight seconds; None where nothing was said. Raises QualityToolMissing."""
    try:
        # Built from source and needed for benchmarks alone, so no test may depend on importing it.
        from pesq import NoUtterancesError, pesq  # noqa: PLC0415 - see above
    except ImportError as error:
        raise QualityToolMissing from error
    count = int(STRETCH_MS * SAMPLE_RATE_HZ / 1000)
    down = SAMPLE_RATE_HZ // _PESQ_RATE_HZ
    pair = [
        np.clip(resample_poly(piece, 1, down), -32768, 32767).astype(np.int16)
        for piece in (said.cut(at_ms, count), heard.cut(at_ms + delay_ms, count))
    ]
    if _strength(pair[0].astype(np.float64)) < 50:
        return None
    if not pair[1].any():
        return BROKEN
    try:
        return float(pesq(_PESQ_RATE_HZ, pair[0], pair[1], "wb"))
    except NoUtterancesError:
        return BROKEN
