"""Volume and mute on Windows and macOS. Written from the documents, not tried.

Windows: the audio endpoint's volume through ``pycaw`` where it is installed
(https://learn.microsoft.com/windows/win32/api/endpointvolume/nn-endpointvolume-iaudioendpointvolume).
macOS: the default device's properties through CoreAudio
(https://developer.apple.com/documentation/coreaudio/1422524-audioobjectgetpropertydata).
"""

import ctypes
import importlib
from typing import Any, Final

from telemed_desk.devices.specs import DeviceKind

_CORE_AUDIO: Final = "/System/Library/Frameworks/CoreAudio.framework/CoreAudio"
_SYSTEM_OBJECT: Final = 1


class _Address(ctypes.Structure):
    """``AudioObjectPropertyAddress``."""

    _fields_ = (
        ("selector", ctypes.c_uint32),
        ("scope", ctypes.c_uint32),
        ("element", ctypes.c_uint32),
    )


def windows_volume(kind: DeviceKind, name: str) -> float | None:
    """Return 0 to 1 of the endpoint with this name; None when it cannot be told."""
    try:
        pycaw: Any = importlib.import_module("pycaw.pycaw")
    except (ImportError, OSError):
        return None
    flow = 1 if kind is DeviceKind.MICROPHONE else 0  # EDataFlow: eCapture, eRender
    try:
        devices = pycaw.AudioUtilities.GetAllDevices(data_flow=flow)
        # PortAudio cuts names at 31 characters with the MME interface.
        fitting = [one for one in devices if one.FriendlyName and one.FriendlyName.startswith(name)]
        if len(fitting) != 1:
            return None
        volume = fitting[0].EndpointVolume
        return 0.0 if volume.GetMute() else float(volume.GetMasterVolumeLevelScalar())
    except (OSError, AttributeError, TypeError):  # COM's own errors are OSErrors
        return None


def _code(word: str) -> int:
    """Return CoreAudio's four-character code."""
    return int.from_bytes(word.encode("ascii"), "big")


def mac_volume(kind: DeviceKind) -> float | None:
    """Return 0 to 1 of the default device; None when it cannot be told, or has no such control."""
    try:
        audio = ctypes.CDLL(_CORE_AUDIO)
    except OSError:
        return None
    microphone = kind is DeviceKind.MICROPHONE
    device = ctypes.c_uint32()
    default = _code("dIn " if microphone else "dOut")
    if not _read(audio, _SYSTEM_OBJECT, default, _code("glob"), device):
        return None
    scope = _code("inpt" if microphone else "outp")
    mute, volume = ctypes.c_uint32(), ctypes.c_float()
    if _read(audio, device.value, _code("mute"), scope, mute) and mute.value:
        return 0.0
    if not _read(audio, device.value, _code("volm"), scope, volume):
        return None
    return float(volume.value)


def _read(audio: Any, target: int, selector: int, scope: int, into: Any) -> bool:
    """Call ``AudioObjectGetPropertyData``; False on any status but ``noErr``."""
    address = _Address(selector, scope, 0)
    size = ctypes.c_uint32(ctypes.sizeof(into))
    status = audio.AudioObjectGetPropertyData(
        ctypes.c_uint32(target),
        ctypes.byref(address),
        ctypes.c_uint32(0),
        None,
        ctypes.byref(size),
        ctypes.byref(into),
    )
    return bool(status == 0)
