"""What kind of call will work: how all findings of a check become one verdict. Pure.

The verdict is the highest rung that every finding allows; what a rung needs stands in
:mod:`telemed_desk.clinical.ladder` and, for devices, in the table of limits. What was not measured
promises nothing: *cannot tell* never counts as a pass.
"""

from collections.abc import Collection, Iterable, Sequence

from telemed_desk.clinical.ladder import LADDER, USABLE_SHARE, Rung
from telemed_desk.devices.findings import Finding, Outcome, Verdict
from telemed_desk.devices.judging import Limit
from telemed_desk.devices.limits import LIMITS, N1_UNREACHABLE_RUNG

SENTENCES: dict[Rung, str] = {
    Rung.HD_VIDEO: "HD video ready",
    Rung.VIDEO: "Video ready",
    Rung.LOW_VIDEO: "Low video ready",
    Rung.AUDIO_PHOTOS: "Audio only advised",
    Rung.PHONE: "Use the phone for now",
    Rung.NO_LINK: "Camera, microphone or link missing",
}
NEEDED: dict[str, Rung] = {
    "C2": Rung.AUDIO_PHOTOS,
    "M3": Rung.PHONE,
    "S1": Rung.PHONE,
    "N1": Rung.AUDIO_PHOTOS,
    "N8.down": Rung.AUDIO_PHOTOS,
    "N8.up": Rung.AUDIO_PHOTOS,
    "P1": Rung.VIDEO,
}
"""Without these figures nothing better may be promised: a check that was not run is never green."""

MOST_BPS: dict[Rung, int] = {
    Rung.HD_VIDEO: 2_000_000,
    Rung.VIDEO: 1_200_000,
    Rung.LOW_VIDEO: 500_000,
    Rung.AUDIO_PHOTOS: 100_000,
}
"""What a call on a rung sends one way at most, picture, voice and overhead; the media engine's own
limits, which a test compares."""
QUARTER_HOUR_S = 900

_BY_LADDER = ("N7", "N8", "N9", "N10", "N11", "loop")
"""Figures of the link that the ladder judges: the worst that they can do is the telephone."""


def verdict(findings: Sequence[Finding], at_ms: int) -> Verdict:
    """Return the highest rung that everything allows, and what decides.

    Args:
        findings: Of one run; the newest of a check counts.
        at_ms: When it was run, Unix milliseconds.
    """
    newest = {finding.check: finding for finding in findings}
    told = {check for check, found in newest.items() if found.outcome is not Outcome.CANNOT_TELL}
    known = {check for check, found in newest.items() if _promises(found)}
    ceilings = [(finding.ceiling, check) for check, finding in newest.items()]
    ceilings += [(rung, check) for check, rung in NEEDED.items() if check not in known]
    rung = min((ceiling for ceiling, _ in ceilings), default=Rung.HD_VIDEO)
    deciding: tuple[str, ...] = ()
    if rung < Rung.HD_VIDEO:
        holding = {check for ceiling, check in ceilings if ceiling == rung}
        deciding = tuple(sorted(holding, key=_place))
    return Verdict(
        rung,
        SENTENCES[rung],
        deciding,
        at_ms,
        tuple(check for check in deciding if check not in told),
        quarter_hour_bytes(rung, newest.values()),
    )


def _promises(finding: Finding) -> bool:
    """Whether a finding says what is there at least: a measurement that was cut short still may."""
    return finding.outcome is not Outcome.CANNOT_TELL or finding.value is not None


def quarter_hour_bytes(rung: Rung, findings: Iterable[Finding]) -> int:
    """Return what a call on this rung moves in 15 minutes at most, both ways together.

    A link that was measured slower than the rung's most carries less than that.
    """
    if rung not in MOST_BPS:
        return 0
    measured = {f.check: f.value * 1000 for f in findings if f.value and f.check in _RATES}
    each = (min(MOST_BPS[rung], measured.get(check, MOST_BPS[rung])) for check in _RATES)
    return round(sum(each) * QUARTER_HOUR_S / 8)


_RATES = ("N8.down", "N8.up")
_PLACES = {check: place for place, check in enumerate(LIMITS)}


def _place(check: str) -> int:
    return _PLACES.get(check, len(_PLACES))


def rung_bounds(findings: Sequence[Finding], waiting: Collection[str]) -> tuple[Rung, Rung]:
    """Return between which rungs the verdict will lie, while some checks are still out.

    Args:
        findings: In so far.
        waiting: Checks that have not reported yet.

    Returns:
        At least, at most. They meet when nothing is out any more.
    """
    newest = {finding.check: finding for finding in findings}
    done = [newest[check].ceiling for check in newest]
    told = {check for check, found in newest.items() if _promises(found)}
    done += [rung for check, rung in NEEDED.items() if check not in waiting and check not in told]
    most = min(done, default=Rung.HD_VIDEO)
    worst = (_worst(LIMITS[check]) for check in waiting if check in LIMITS and check not in newest)
    return min((most, *worst)), most


def _worst(limit: Limit) -> Rung:
    if limit.check == "N1":
        return N1_UNREACHABLE_RUNG
    listed = min(limit.warn_rung, limit.fail_rung, limit.unknown_rung)
    if limit.check.partition(".")[0] in _BY_LADDER:
        listed = min(listed, Rung.PHONE)
    return min(listed, NEEDED.get(limit.check, Rung.HD_VIDEO))


def shortfall(finding: Finding) -> str:
    """Return what the next rung would need of a measured rate, such as ``1500``; empty otherwise.

    In the finding's own unit, as measured capacity: calls count on a share of it only.
    """
    above = Rung(finding.ceiling + 1) if finding.ceiling < Rung.HD_VIDEO else None
    if finding.check not in _RATES or above is None or above not in LADDER:
        return ""
    return f"{LADDER[above].usable_bps / USABLE_SHARE / 1000:.0f}"
