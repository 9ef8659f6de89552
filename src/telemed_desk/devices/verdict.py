"""What kind of call will work, in one sentence."""

from collections.abc import Sequence

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Outcome, Verdict, verdict_rung

SENTENCES: dict[Rung, str] = {
    Rung.HD_VIDEO: "HD video ready",
    Rung.VIDEO: "Video ready",
    Rung.LOW_VIDEO: "Low video ready",
    Rung.AUDIO_PHOTOS: "Audio only advised",
    Rung.PHONE: "Use the phone for now",
    Rung.NO_LINK: "Camera, microphone or link missing",
}
NEEDED = {
    "C2": Rung.AUDIO_PHOTOS,
    "M3": Rung.PHONE,
    "N8.down": Rung.AUDIO_PHOTOS,
    "N8.up": Rung.AUDIO_PHOTOS,
}
"""Without these figures nothing better may be promised: a check that was not run is never green."""


def verdict(findings: Sequence[Finding], at_ms: int) -> Verdict:
    """Return the highest rung that everything allows, and what decides.

    Args:
        findings: Of one run.
        at_ms: When it was run, Unix milliseconds.
    """
    rung, deciding = verdict_rung(findings)
    known = {finding.check for finding in findings if finding.outcome is not Outcome.CANNOT_TELL}
    for check, ceiling in NEEDED.items():
        if check in known or ceiling > rung:
            continue
        if ceiling < rung:
            rung, deciding = ceiling, (check,)
        elif check not in deciding and rung < Rung.HD_VIDEO:
            deciding = (*deciding, check)
    return Verdict(rung, SENTENCES[rung], deciding, at_ms)
