"""Cameras with names people know and ids that stay.

``/dev/videoN`` is given out in the order of plugging in and says nothing of which camera it is. On Linux
the id is made of what the USB device says of itself (vendor, product, serial number) and the port it
sits in, as the kernel tells in ``/sys``. udev's ``/dev/v4l/by-id`` is made of the same but has one name
for two cameras of a model without serial numbers; it is accepted, not made. Windows and macOS: written
from the documents of FFmpeg and ``cv2-enumerate-cameras``, not tried.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from telemed_desk.devices.listing import ListedDevice
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system import ON_LINUX, ON_WINDOWS

USB_PREFIX = "usb:"
SYSTEM_PREFIX = "sys:"
VIRTUAL_PREFIX = "virtual:"


@dataclass(frozen=True, slots=True)
class Places:
    """Where Linux tells of cameras; a test has its own."""

    nodes: Path = Path("/dev")
    classes: Path = Path("/sys/class/video4linux")


HERE = Places()


def list_cameras(places: Places = HERE) -> list[ListedDevice]:
    """Return the cameras in the system's order; empty when there is none. Takes milliseconds."""
    found = _linux_cameras(places) if ON_LINUX else _other_cameras()
    return list(_told_apart(found))


def _linux_cameras(places: Places) -> Iterator[ListedDevice]:
    nodes = [node for node in places.nodes.glob("video*") if node.name[5:].isdigit()]
    for node in sorted(nodes, key=lambda node: int(node.name[5:])):
        about = places.classes / node.name
        # A UVC camera has a second node for metadata; its index is 1 and it never gives pictures.
        if _first_line(about / "index") not in ("", "0"):
            continue
        name = plain_name(_first_line(about / "name")) or node.name
        yield ListedDevice(DeviceKind.CAMERA, _stable_id(node, about, name), name, str(node))


def _stable_id(node: Path, about: Path, name: str) -> str:
    interface = about / "device"
    if not interface.exists():
        # Known to no bus: a virtual camera keeps its name, anything else nothing at all.
        return VIRTUAL_PREFIX + name if about.exists() else str(node)
    interface = interface.resolve()
    device = interface.parent
    vendor = _first_line(device / "idVendor")
    if not vendor:
        return SYSTEM_PREFIX + str(interface).removeprefix("/sys/devices/")
    product, serial = _first_line(device / "idProduct"), _first_line(device / "serial")
    return f"{USB_PREFIX}{vendor}:{product}:{serial}@{interface.name}"


def plain_name(name: str) -> str:
    """Cut the half that many drivers repeat: ``HD Webcam: HD Webcam`` is ``HD Webcam``.

    The kernel keeps 31 characters, so that the second half may be cut short.
    """
    first, colon, second = name.partition(": ")
    return first if colon and first.startswith(second.strip()) else name


def _told_apart(cameras: Iterable[ListedDevice]) -> Iterator[ListedDevice]:
    """Number cameras of one name, so that a person can choose between them."""
    seen: Counter[str] = Counter()
    for camera in cameras:
        seen[camera.name] += 1
        if seen[camera.name] > 1:
            yield replace(camera, name=f"{camera.name} ({seen[camera.name]})")
        else:
            yield camera


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _other_cameras() -> list[ListedDevice]:
    """Windows (DirectShow) and macOS. Written from the documents of FFmpeg and the package.

    FFmpeg's dshow input opens ``video=<name>`` or ``video=@device_pnp_<moniker>``, avfoundation an
    index or name (https://ffmpeg.org/ffmpeg-devices.html). The moniker holds the USB path and stays
    for a port; AVFoundation's uniqueID holds vendor, product and port.
    """
    try:
        import cv2_enumerate_cameras as enumerator  # noqa: PLC0415 - loads COM; not needed on Linux
    except (ImportError, OSError):
        return []
    dshow, avfoundation = 700, 1200  # cv2.CAP_DSHOW, cv2.CAP_AVFOUNDATION
    found = []
    for camera in enumerator.enumerate_cameras(dshow if ON_WINDOWS else avfoundation):
        path, name = str(camera.path or ""), str(camera.name)
        moniker = f"video=@device_pnp_{path}" if path else f"video={name}"
        address = moniker if ON_WINDOWS else name
        found.append(ListedDevice(DeviceKind.CAMERA, path or name, name, address))
    return found
