"""What passes, what warns, and what that costs: the network's part of :mod:`.limits`."""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.devices.judging import Limit

_HD, _AUDIO, _NONE = Rung.HD_VIDEO, Rung.AUDIO_PHOTOS, Rung.NO_LINK
_N = Group.NETWORK

NETWORK_LIMITS = (
    Limit(
        "N1",
        _N,
        "Server reachable and trusted",
        "s",
        1,
        3,
        False,
        "The clinic's server cannot be reached.",
        "Check the network cable or Wi-Fi. Notes go on working.",
        _HD,
        _HD,
        _AUDIO,
    ),
    Limit(
        "N4",
        _N,
        "Clock right",
        "s",
        2,
        60,
        False,
        "The clock of this PC is wrong; calls through the relay will be refused.",
        "Set the clock to automatic in the system's settings.",
        _HD,
        _AUDIO,
    ),
    Limit(
        "N8.down",
        _N,
        "Speed towards this PC",
        "kbit/s",
        1875,
        250,
        True,
        "The link is slow towards this PC.",
        "Stop downloads, or use a cable instead of Wi-Fi.",
        unknown_rung=_AUDIO,
    ),
    Limit(
        "N8.up",
        _N,
        "Speed from this PC",
        "kbit/s",
        1875,
        250,
        True,
        "The link is slow from this PC.",
        "Stop uploads, or use a cable instead of Wi-Fi.",
        unknown_rung=_AUDIO,
    ),
    Limit(
        "N9",
        _N,
        "Delay while busy",
        "ms",
        250,
        600,
        False,
        "The link gets slow to answer when it is busy.",
        "Stop uploads and downloads, or use a cable instead of Wi-Fi.",
    ),
)
