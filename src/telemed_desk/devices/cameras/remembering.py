"""Finds a remembered camera among those that are plugged in now. Pure."""

import os
from collections.abc import Iterable, Sequence

from telemed_desk.devices.cameras.listing import USB_PREFIX
from telemed_desk.devices.listing import ListedDevice


def find_again(
    cameras: Sequence[ListedDevice], stable_id: str, name: str = ""
) -> ListedDevice | None:
    """Return the camera that was meant; None when it is not there, or cannot be told from another.

    In this order: the id itself; the same USB serial number in another port; the same model in another
    port; a device path, as older versions remembered and IT people type; the same name. Where two
    cameras fit equally well none is taken: another camera may look at what nobody should see.

    Args:
        cameras: Those that are listed now.
        stable_id: As listed when it was chosen.
        name: As listed then; empty = not remembered.
    """
    exact = [camera for camera in cameras if camera.stable_id == stable_id]
    if exact:
        return exact[0]
    if stable_id.startswith(USB_PREFIX):
        model = stable_id.rpartition("@")[0]
        return _only(c for c in cameras if c.stable_id.rpartition("@")[0] == model) or _only(
            c for c in cameras if name and c.name == name and not _has_serial(model)
        )
    if stable_id.startswith(os.sep):
        address = os.path.realpath(stable_id)
        at_path = [camera for camera in cameras if camera.address == address]
        if at_path:
            return at_path[0]
    return _only(camera for camera in cameras if name and camera.name == name)


def _has_serial(model: str) -> bool:
    """Whether ``usb:<vendor>:<product>:<serial>`` names one single device in the world."""
    return not model.endswith(":")


def _only(cameras: Iterable[ListedDevice]) -> ListedDevice | None:
    fitting = list(cameras)
    return fitting[0] if len(fitting) == 1 else None
