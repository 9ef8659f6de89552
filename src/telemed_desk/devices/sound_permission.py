"""Whether the system lets this program listen at all.

Linux: a sound server that refuses this program says so when it is asked (libpulse's
``PA_ERR_ACCESS``); an absent one does not answer. Windows keeps the switch in the registry, macOS
behind AVFoundation; there a blocked microphone opens and gives exact silence, or fails like a broken
one. Both written from the documents
(https://learn.microsoft.com/windows/privacy/windows-privacy-compliance-guide,
https://developer.apple.com/documentation/avfoundation/avcapturedevice/authorizationstatus(for:)), not
tried.
"""

import importlib
from collections.abc import Callable
from typing import Any, Final

from telemed_desk.devices.problems import (
    DeviceProblem,
    MicrophoneDenied,
    MicrophoneFailed,
    MicrophoneMissing,
)
from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS

_STORE: Final = (
    r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone"
)
_PA_ERR_ACCESS: Final = 1
"""``pa_error_code_t``, pulse/def.h."""
ReadValue = Callable[[str, str], str | None]


def microphone_refused(problem: DeviceProblem) -> DeviceProblem:
    """Return the truer problem where the system blocks what looks absent or broken."""
    if isinstance(problem, MicrophoneMissing | MicrophoneFailed) and microphone_denied():
        return MicrophoneDenied(problem.detail)
    return problem


def microphone_denied() -> bool:
    """Ask the system; False also when it cannot be told. Takes milliseconds."""
    if ON_LINUX:
        return _pulse_refuses()
    if ON_WINDOWS:
        return windows_denies(_registry_value)
    return ON_MAC and _mac_denies()


def windows_denies(value_of: ReadValue) -> bool:
    """Read Windows's consent store.

    Args:
        value_of: Gives the ``Value`` of a key below the machine's (``HKLM``) or the person's
            (``HKCU``) hive; None where there is none.
    """
    keys = (("HKLM", _STORE), ("HKCU", _STORE), ("HKCU", _STORE + r"\NonPackaged"))
    return any(value_of(hive, path) == "Deny" for hive, path in keys)


def _registry_value(hive: str, path: str) -> str | None:
    registry: Any = importlib.import_module("winreg")
    root = registry.HKEY_LOCAL_MACHINE if hive == "HKLM" else registry.HKEY_CURRENT_USER
    try:
        with registry.OpenKey(root, path) as key:
            return str(registry.QueryValueEx(key, "Value")[0])
    except OSError:
        return None


def _mac_denies() -> bool:
    try:
        framework: Any = importlib.import_module("AVFoundation")
    except ImportError:
        return False
    status = framework.AVCaptureDevice.authorizationStatusForMediaType_("soun")
    return int(status) in (1, 2)  # restricted, denied


def _pulse_refuses() -> bool:
    """Say whether a sound server is there and turns this program away."""
    try:
        import pulsectl  # noqa: PLC0415 - loads libpulse, which a PC may lack
        from pulsectl import _pulsectl  # noqa: PLC0415 - the error's number has no public way
    except (ImportError, OSError):
        return False
    pulse = pulsectl.Pulse("telemed-desk-permission", connect=False)
    try:
        pulse.connect()
    except pulsectl.PulseError:
        return bool(_pulsectl.pa.context_errno(pulse._ctx) == _PA_ERR_ACCESS)  # noqa: SLF001 - as above
    finally:
        pulse.close()
    return False
