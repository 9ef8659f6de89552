"""Whether the system lets this program use a camera.

Linux knows no such switch for ordinary programs: a camera that may not be opened is a matter of file
permissions. Windows keeps it in the registry
(https://support.microsoft.com/windows/manage-app-permissions-for-your-camera), macOS behind AVFoundation
(https://developer.apple.com/documentation/avfoundation/avcapturedevice/authorizationstatus(for:)). Both
are written from those documents and were not tried.
"""

import importlib
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from telemed_desk.devices.cameras.holders import CONSENT_STORE
from telemed_desk.devices.problems import CameraDenied, CameraSwitchedOff, DeviceProblem
from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS


class Consent(Enum):
    """What the system says."""

    ALLOWED = auto()
    DENIED = auto()
    """This program, or programs like it, may not."""
    SWITCHED_OFF = auto()
    """No program may."""
    UNKNOWN = auto()


def camera_consent() -> Consent:
    """Ask the system. Takes milliseconds."""
    if ON_WINDOWS:
        return windows_consent(_registry_value)
    if ON_MAC:
        return _mac_consent()
    return Consent.UNKNOWN


def refused(problem: DeviceProblem) -> DeviceProblem:
    """Return the truer problem where the system blocks what looks like a broken camera.

    DirectShow and AVFoundation report a blocked camera as an input/output error or as one that never
    sends; only V4L2 has an error of its own for it.
    """
    if ON_LINUX:
        return problem
    match camera_consent():
        case Consent.DENIED:
            return CameraDenied(problem.detail)
        case Consent.SWITCHED_OFF:
            return CameraSwitchedOff(problem.detail)
        case _:
            return problem


def windows_consent(value_of: Callable[[str, str], str | None]) -> Consent:
    """Read Windows's consent store.

    Args:
        value_of: Gives the ``Value`` of a key below the machine's (``HKLM``) or the person's
            (``HKCU``) hive; None where there is none.
    """
    machine, person = value_of("HKLM", CONSENT_STORE), value_of("HKCU", CONSENT_STORE)
    desktop = value_of("HKCU", CONSENT_STORE + r"\NonPackaged")
    if "Deny" in (machine, person):
        return Consent.SWITCHED_OFF
    if desktop == "Deny":
        return Consent.DENIED
    if machine is None and person is None:
        return Consent.UNKNOWN
    return Consent.ALLOWED


def _registry_value(hive: str, path: str) -> str | None:
    registry: Any = importlib.import_module("winreg")
    root = registry.HKEY_LOCAL_MACHINE if hive == "HKLM" else registry.HKEY_CURRENT_USER
    try:
        with registry.OpenKey(root, path) as key:
            return str(registry.QueryValueEx(key, "Value")[0])
    except OSError:
        return None


def _mac_consent() -> Consent:
    try:
        framework: Any = importlib.import_module("AVFoundation")
    except ImportError:
        return Consent.UNKNOWN
    status = framework.AVCaptureDevice.authorizationStatusForMediaType_("vide")
    # notDetermined 0, restricted 1, denied 2, authorized 3
    return {1: Consent.SWITCHED_OFF, 2: Consent.DENIED, 3: Consent.ALLOWED}.get(
        int(status), Consent.UNKNOWN
    )
