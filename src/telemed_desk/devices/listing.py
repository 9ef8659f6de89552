"""The microphones and speakers of this PC, with names people know and ids that stay.

Sound devices come from PulseAudio or PipeWire on Linux, where PortAudio knows only ALSA's definitions,
and from PortAudio elsewhere. Cameras: :mod:`telemed_desk.devices.cameras.listing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system import ON_LINUX

PULSE_PREFIX = "pulse:"
PORTAUDIO_PREFIX = "pa:"


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device that can be chosen.

    Attributes:
        kind: Camera, microphone or speaker.
        stable_id: What ``id:`` specs carry; the same after a restart and, where the system
            allows it, after plugging into the same port again.
        name: As the system calls it.
        address: What opens it now: a device path, a PulseAudio name, or a PortAudio index.
    """

    kind: DeviceKind
    stable_id: str
    name: str
    address: str


class SoundUnavailable(Exception):
    """The sound library is absent or cannot start; the detail names it. Internal to adapters."""


def list_sound(kind: DeviceKind) -> list[ListedDevice]:
    """Return microphones or speakers, the default first; empty when there is none or no sound."""
    if ON_LINUX:
        listed = _pulse_devices(kind)
        if listed is not None:
            return listed
    try:
        return list(_portaudio_devices(kind))
    except SoundUnavailable:
        return []


def find_sound(
    devices: Iterable[ListedDevice], stable_id: str, name: str = ""
) -> ListedDevice | None:
    """Return the device that was meant; None when it is not there, or cannot be told from another.

    By its id, else by its name where only one has it: another port gives some devices another id.

    Args:
        devices: Those that are listed now.
        stable_id: As listed when it was chosen.
        name: As listed then; empty = not remembered.
    """
    listed = list(devices)
    exact = next((one for one in listed if one.stable_id == stable_id), None)
    named = [one for one in listed if name and one.name == name]
    return exact or (named[0] if len(named) == 1 else None)


def _pulse_devices(kind: DeviceKind) -> list[ListedDevice] | None:
    """Ask the sound server; None when there is none to ask."""
    try:
        import pulsectl  # noqa: PLC0415 - loads libpulse, which a server PC may lack
    except (ImportError, OSError):
        return None
    try:
        with pulsectl.Pulse("telemed-desk-list", threading_lock=True) as pulse:
            if kind is DeviceKind.MICROPHONE:
                default = pulse.server_info().default_source_name
                # A monitor is what a speaker plays, not a microphone.
                entries = [s for s in pulse.source_list() if not s.monitor_of_sink_name]
            else:
                default = pulse.server_info().default_sink_name
                entries = list(pulse.sink_list())
    except pulsectl.PulseError:
        return None
    entries.sort(key=lambda entry: entry.name != default)
    return [
        ListedDevice(kind, PULSE_PREFIX + entry.name, entry.description or entry.name, entry.name)
        for entry in entries
    ]


def _portaudio_devices(kind: DeviceKind) -> Iterable[ListedDevice]:
    try:
        import sounddevice  # noqa: PLC0415 - raises OSError where PortAudio is absent
    except OSError as error:
        raise SoundUnavailable("PortAudio is not installed") from error
    channels = "max_input_channels" if kind is DeviceKind.MICROPHONE else "max_output_channels"
    try:
        hosts = sounddevice.query_hostapis()
        devices = sounddevice.query_devices()
    except sounddevice.PortAudioError as error:
        raise SoundUnavailable("PortAudio cannot list devices") from error
    slot = 0 if kind is DeviceKind.MICROPHONE else 1
    default = sounddevice.default.device[slot]
    listed = [
        (
            device["index"] != default,
            ListedDevice(
                kind,
                f"{PORTAUDIO_PREFIX}{hosts[device['hostapi']]['name']}/{device['name']}",
                str(device["name"]),
                str(device["index"]),
            ),
        )
        for device in devices
        if device[channels] > 0
    ]
    return [device for _, device in sorted(listed, key=lambda pair: pair[0])]
