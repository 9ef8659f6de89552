"""What passes when the link is filled and listened to, and what warns: a part of :mod:`.limits`.

Which rung of a call capacity, loss and delay allow is the ladder's business, not this table's.
"""

from telemed_desk.devices.findings import Group
from telemed_desk.devices.judging import Limit

_N = Group.NETWORK
_QUIET = "Stop uploads and downloads, or use a cable instead of Wi-Fi."
_CABLE = "Use a cable instead of Wi-Fi, or move closer to the router."

PROBE_LIMITS = (
    Limit("N7.loss", _N, "Packets of a voice lost", "%", 1, 3, False, "Packets get lost.", _CABLE),
    Limit(
        "N7.jitter",
        _N,
        "Packets of a voice even",
        "ms",
        20,
        40,
        False,
        "Packets come unevenly.",
        _QUIET,
    ),
    Limit(
        "N7.rtt",
        _N,
        "Delay of a voice",
        "ms",
        150,
        300,
        False,
        "Answers take long on this link.",
        "Switch a VPN off; on a satellite link, leave pauses for the other to answer.",
    ),
    Limit(
        "N8.exact",
        _N,
        "Speed measured exactly",
        "",
        1,
        0,
        True,
        "The speed is an estimate.",
        "Ask your IT contact to let UDP pass to the clinic's server.",
    ),
    Limit(
        "N9.full",
        _N,
        "Extra delay while the link is full",
        "ms",
        60,
        200,
        False,
        "While others use the link fully, answers take long.",
        "Do not upload or download during a visit; ask your IT contact about queue management (SQM).",
    ),
    Limit(
        "N10",
        _N,
        "Packets lost in bursts",
        "%",
        9.9,
        24.9,
        False,
        "Packets get lost several at a time.",
        _CABLE,
    ),
    Limit(
        "N11",
        _N,
        "How a voice will sound (1 to 4.5)",
        "",
        4.0,
        3.1,
        True,
        "A conversation will be tiring: delay, or gaps in the voice.",
        _QUIET,
    ),
)
