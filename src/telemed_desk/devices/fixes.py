"""Which one thing a person can do about a problem: the button beside it. Data; pure."""

from dataclasses import dataclass
from enum import StrEnum

from telemed_desk.devices.findings import Finding, Group, Outcome
from telemed_desk.devices.problems import (
    CameraDenied,
    CameraSwitchedOff,
    MicrophoneDenied,
    MicrophoneMissing,
    MicrophoneMuted,
    SpeakerMissing,
    SpeakerMuted,
)


class FixKind(StrEnum):
    """What a button does."""

    CHOOSE = "choose"
    """Open the list of devices of this card."""
    SETTINGS = "settings"
    """Open the page of the system's settings where this is set."""
    AGAIN = "again"
    """Check this card again."""
    COPY = "copy"
    """Copy the text for IT."""
    PHONE = "phone"
    """Begin the next visits by telephone."""


class SettingsPage(StrEnum):
    """A page of the system's settings."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SOUND = "sound"
    NETWORK = "network"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Fix:
    """One button.

    Attributes:
        kind: What it does.
        page: For ``SETTINGS``.
    """

    kind: FixKind
    page: SettingsPage | None = None


_AGAIN, _CHOOSE, _COPY = Fix(FixKind.AGAIN), Fix(FixKind.CHOOSE), Fix(FixKind.COPY)
_SOUND = Fix(FixKind.SETTINGS, SettingsPage.SOUND)
_NETWORK = Fix(FixKind.SETTINGS, SettingsPage.NETWORK)

_BY_CHECK: dict[str, Fix] = {
    # Another camera is the errand where this one is too slow or too coarse; all else about a
    # picture is put right in front of the camera, and then looked at again.
    "C1": _CHOOSE,
    "C2": _CHOOSE,
    "C4": _CHOOSE,
    "C4.fps": _CHOOSE,
    "C10": _CHOOSE,
    "M1": _CHOOSE,
    "M2": _SOUND,
    "M3": _CHOOSE,
    "M5": _SOUND,
    "M6": _SOUND,
    "M7": _CHOOSE,
    "M8": _CHOOSE,
    "M9": _CHOOSE,
    "S1": _CHOOSE,
    "S2": _CHOOSE,
    "S3": _CHOOSE,
    "P2.disk": _COPY,
    "N2": _NETWORK,
    "N3": _COPY,
    "N4": Fix(FixKind.SETTINGS, SettingsPage.CLOCK),
    "loop": _COPY,
    "N5": _COPY,
    "N6": _COPY,
    "N12": _NETWORK,
}
_PAGES = {
    CameraDenied.sentence: Fix(FixKind.SETTINGS, SettingsPage.CAMERA),
    CameraSwitchedOff.sentence: Fix(FixKind.SETTINGS, SettingsPage.CAMERA),
    MicrophoneDenied.sentence: Fix(FixKind.SETTINGS, SettingsPage.MICROPHONE),
    MicrophoneMuted.sentence: _SOUND,
    SpeakerMuted.sentence: _SOUND,
}
_MISSING = {MicrophoneMissing.sentence, SpeakerMissing.sentence}
_CERTIFICATE, _CLOCK = "certificate", "clock of this PC is wrong"


def fix_for(finding: Finding) -> Fix | None:
    """Return the button for a finding; None on a pass."""
    if finding.outcome is Outcome.PASS:
        return None
    if finding.outcome is Outcome.CANNOT_TELL:
        return _AGAIN
    return _by_cause(finding) or _by_check(finding.check)


def _by_cause(finding: Finding) -> Fix | None:
    """Some causes are another errand than the check they were met in."""
    if finding.cause in _PAGES:
        return _PAGES[finding.cause]
    if finding.group is Group.NETWORK and _CLOCK in finding.cause:
        return Fix(FixKind.SETTINGS, SettingsPage.CLOCK)
    if finding.group is Group.NETWORK and _CERTIFICATE in finding.cause:
        return _COPY
    # Nothing to choose from; plugged in, it is noticed, and this is for those who cannot wait.
    return _AGAIN if finding.cause in _MISSING else None


def _by_check(check: str) -> Fix:
    return _BY_CHECK.get(check) or _BY_CHECK.get(check.partition(".")[0], _AGAIN)
