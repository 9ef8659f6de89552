"""How loud a sound device is set in the system, and how many channels it has, where the system tells.

Linux: PulseAudio, or PipeWire in its place. Windows and macOS: :mod:`.system_volume_elsewhere`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from telemed_desk.devices.listing import PULSE_PREFIX, ListedDevice
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS
from telemed_desk.devices.system_volume_elsewhere import mac_volume, windows_volume

T = TypeVar("T")


def system_volume(kind: DeviceKind, device: ListedDevice) -> float | None:
    """Return 0 to 1, 0 when muted in the system; None = cannot tell. Takes milliseconds."""
    if ON_LINUX:
        return _ask(kind, device, lambda e: 0.0 if e.mute else float(e.volume.value_flat))
    if ON_WINDOWS:
        return windows_volume(kind, device.name)
    if ON_MAC:
        return mac_volume(kind)
    return None


def channel_count(device: ListedDevice) -> int:
    """Return how many channels a microphone has; 1 when it cannot be told."""
    if ON_LINUX:
        return _ask(DeviceKind.MICROPHONE, device, lambda entry: int(entry.channel_count)) or 1
    try:
        import sounddevice  # noqa: PLC0415 - raises OSError where PortAudio is absent
    except OSError:
        return 1
    try:
        return int(sounddevice.query_devices(int(device.address))["max_input_channels"])
    except (sounddevice.PortAudioError, ValueError):
        return 1


def _ask(kind: DeviceKind, device: ListedDevice, read: Callable[[Any], T]) -> T | None:
    """Read something of a device from the sound server; None when it does not know it."""
    if not device.stable_id.startswith(PULSE_PREFIX):
        return None
    try:
        import pulsectl  # noqa: PLC0415 - loads libpulse, which a PC may lack
    except (ImportError, OSError):
        return None
    try:
        with pulsectl.Pulse("telemed-desk-volume", threading_lock=True) as pulse:
            listed = pulse.source_list() if kind is DeviceKind.MICROPHONE else pulse.sink_list()
            entry = next((one for one in listed if one.name == device.address), None)
            return None if entry is None else read(entry)
    except pulsectl.PulseError:
        return None
