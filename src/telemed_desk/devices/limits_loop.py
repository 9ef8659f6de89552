"""What passes in the test call, what warns, and what that costs: a part of :mod:`.limits`.

Which rung of a call loss and delay allow is the ladder's business, not this table's.
"""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.devices.judging import Limit

_N = Group.NETWORK
_HD, _LOW, _AUDIO, _PHONE = Rung.HD_VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS, Rung.PHONE

LOOP_LIMITS = (
    Limit(
        "loop",
        _N,
        "Test call",
        "s",
        3,
        8,
        False,
        "A test call takes long to connect.",
        "Use a cable instead of Wi-Fi.",
        _HD,
        _PHONE,
    ),
    Limit(
        "loop.loss",
        _N,
        "Packets lost in the test call",
        "%",
        1,
        3,
        False,
        "The link loses packets.",
        "Use a cable instead of Wi-Fi, and stop uploads and downloads.",
    ),
    Limit(
        "loop.jitter",
        _N,
        "Even arrival in the test call",
        "ms",
        20,
        40,
        False,
        "Packets arrive unevenly.",
        "Use a cable instead of Wi-Fi, and stop uploads and downloads.",
    ),
    Limit(
        "loop.rtt",
        _N,
        "Delay in the test call",
        "ms",
        150,
        300,
        False,
        "The way through the relay is slow.",
        "Stop uploads and downloads; switch a VPN off.",
    ),
    Limit(
        "loop.picture",
        _N,
        "First picture of the test call",
        "s",
        3,
        8,
        False,
        "The first picture takes long.",
        "Stop uploads and downloads, and close other programs.",
        _HD,
        _AUDIO,
    ),
    Limit(
        "loop.frames",
        _N,
        "Pictures shown in the test call",
        "%",
        90,
        60,
        True,
        "Pictures are lost on the way.",
        "Use a cable instead of Wi-Fi, and close other programs.",
        _HD,
        _LOW,
    ),
    Limit(
        "loop.voice",
        _N,
        "Voice missing in the test call",
        "%",
        2,
        10,
        False,
        "The voice has gaps.",
        "Use a cable instead of Wi-Fi, and close other programs.",
        _HD,
        _AUDIO,
    ),
)
