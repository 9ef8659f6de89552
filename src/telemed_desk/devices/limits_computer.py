"""What passes, what warns, and what that costs: the computer's part of :mod:`.limits`."""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.devices.judging import Limit

_HD, _VIDEO, _LOW = Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO
_P = Group.COMPUTER

COMPUTER_LIMITS = (
    Limit(
        "P1",
        _P,
        "Power to send HD video",
        "ms",
        20,
        33,
        False,
        "This PC is too slow, or too busy, to send HD video.",
        "Close other programs.",
        _HD,
        _VIDEO,
    ),
    Limit(
        "P2.cpu",
        _P,
        "Processor free",
        "%",
        60,
        85,
        False,
        "Other programs keep this PC busy.",
        "Close other programs before the visit.",
        _HD,
        _VIDEO,
    ),
    Limit(
        "P2.memory",
        _P,
        "Memory free",
        "GB",
        1.0,
        0.3,
        True,
        "Memory is nearly full.",
        "Close other programs before the visit.",
        _HD,
        _LOW,
    ),
    Limit(
        "P2.disk",
        _P,
        "Disk space free",
        "GB",
        2.0,
        0.5,
        True,
        "The disk is nearly full.",
        "Make room on the disk; notes need it.",
    ),
    Limit(
        "P2.battery",
        _P,
        "Power for the visit",
        "%",
        50,
        20,
        True,
        "This PC runs on battery.",
        "Plug the power cable in.",
        _HD,
        _HD,
    ),
)
