"""The cameras, microphones and speakers of this PC, with names people know and ids that stay.

Cameras come from the system's own list (``cv2-enumerate-cameras``); on Linux the id is the
``/dev/v4l/by-id`` name where udev made one, as ``/dev/videoN`` changes over a replug. Sound devices
come from PulseAudio or PipeWire on Linux, where PortAudio knows only ALSA's definitions, and from
PortAudio elsewhere.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system import ON_LINUX, ON_WINDOWS

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


# ---- cameras ------------------------------------------------------------------------------------


def list_cameras() -> list[ListedDevice]:
    """Return the cameras in the system's order; empty when there is none. Takes milliseconds."""
    if ON_LINUX:
        return _linux_cameras()
    return _other_cameras()
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




def _linux_cameras() -> list[ListedDevice]:
    nodes = sorted(
        (node for node in Path("/dev").glob("video*") if node.name[5:].isdigit()),
        key=lambda node: int(node.name[5:]),
    )
    if not nodes:
        return []
    stable = _by_id_names()
    found = []
    for node in nodes:
        about = Path("/sys/class/video4linux") / node.name
        # A UVC camera has a second node for metadata; its index is 1 and it never gives pictures.
        if _first_line(about / "index") not in ("", "0"):
            continue
        name = _first_line(about / "name") or node.name
        found.append(
            ListedDevice(DeviceKind.CAMERA, stable.get(node.name, str(node)), name, str(node))
        )
    return found


def _by_id_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for link in sorted(Path("/dev/v4l/by-id").glob("*")):
        names.setdefault(link.resolve().name, str(link))
    return names


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _other_cameras() -> list[ListedDevice]:
    """Windows (DirectShow) and macOS. Written from the documents of FFmpeg and the package.

    FFmpeg's dshow input opens ``video=<name>`` or ``video=@device_pnp_<moniker>``, avfoundation an
    index or name (https://ffmpeg.org/ffmpeg-devices.html).
    """
    import cv2_enumerate_cameras as enumerator  # noqa: PLC0415 - loads COM; not needed on Linux

    dshow, avfoundation = 700, 1200  # cv2.CAP_DSHOW, cv2.CAP_AVFOUNDATION
    found = []
    for camera in enumerator.enumerate_cameras(dshow if ON_WINDOWS else avfoundation):
        path = str(camera.path or "")
        if ON_WINDOWS:
            address = f"video=@device_pnp_{path}" if path else f"video={camera.name}"
        else:
            address = str(camera.name)
        found.append(
            ListedDevice(DeviceKind.CAMERA, path or str(camera.name), str(camera.name), address)
        )
    return found


# ---- sound --------------------------------------------------------------------------------------


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


def list_devices(kind: DeviceKind) -> list[ListedDevice]:
    """Return the devices of a kind, the default first."""
    return list_cameras() if kind is DeviceKind.CAMERA else list_sound(kind)


def find_listed(kind: DeviceKind, stable_id: str | None) -> ListedDevice | None:
    """Return the device with this id (None: the default); None when it is not connected now."""
    devices = list_devices(kind)
    if stable_id is None:
        return next(iter(devices), None)
    for device in devices:
        if device.stable_id == stable_id:
            return device
    # A plain device path is accepted too: what an IT person types.
    if kind is DeviceKind.CAMERA:
        wanted = os.path.realpath(stable_id)
        return next((device for device in devices if device.address == wanted), None)
    return None
