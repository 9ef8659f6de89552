"""What a camera says of its own switches, through V4L2 controls. Linux; elsewhere nobody tells.

Numbers: linux/v4l2-controls.h. Asking opens the device a second time, which V4L2 allows while another
program streams from it.
"""

import os
import struct
from dataclasses import dataclass

from telemed_desk.devices.system import ON_LINUX

_VIDIOC_G_CTRL = 0xC008561B
_PRIVACY = 0x009A0910
_POWER_LINE = 0x00980918
_POWER_LINE_HZ = {1: 50, 2: 60}


@dataclass(frozen=True, slots=True)
class CameraSwitches:
    """What the camera tells; None = it does not say.

    Attributes:
        shutter_closed: Its own privacy shutter or key blocks the sensor.
        power_line_hz: The lamp frequency it works against; 0 = none.
    """

    shutter_closed: bool | None = None
    power_line_hz: int | None = None


def camera_switches(address: str) -> CameraSwitches:
    """Ask a camera. Takes a millisecond or so; a device that cannot be asked says nothing."""
    if not ON_LINUX:
        return CameraSwitches()
    try:
        node = os.open(address, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return CameraSwitches()
    try:
        privacy, power_line = _control(node, _PRIVACY), _control(node, _POWER_LINE)
    finally:
        os.close(node)
    return CameraSwitches(
        None if privacy is None else bool(privacy),
        None if power_line is None or power_line > 2 else _POWER_LINE_HZ.get(power_line, 0),
    )


def _control(node: int, number: int) -> int | None:
    import fcntl  # noqa: PLC0415 - not on Windows

    question = struct.pack("=Ii", number, 0)
    try:
        answer = fcntl.ioctl(node, _VIDIOC_G_CTRL, question)
    except OSError:
        return None
    return int(struct.unpack("=Ii", answer)[1])
