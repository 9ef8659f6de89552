"""The limits of the self-check, all in one table: what passes, what warns, and what that costs.

Starting values from the study of other products' pre-call tests and from our own measurements; to be
calibrated on clinic PCs. ``warn_rung`` and ``fail_rung`` are the highest rung of a call that such a
finding allows.
"""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.judging import Limit
from telemed_desk.devices.limits_camera import CAMERA_LIMITS, CHART_CHECKS
from telemed_desk.devices.limits_computer import COMPUTER_LIMITS
from telemed_desk.devices.limits_loop import LOOP_LIMITS
from telemed_desk.devices.limits_network import NETWORK_LIMITS
from telemed_desk.devices.limits_probe import PROBE_LIMITS
from telemed_desk.devices.limits_sound import GUIDED_CHECKS as SOUND_GUIDED_CHECKS
from telemed_desk.devices.limits_sound import SOUND_LIMITS

_TABLES = (CAMERA_LIMITS, SOUND_LIMITS, COMPUTER_LIMITS, NETWORK_LIMITS, PROBE_LIMITS, LOOP_LIMITS)
LIMITS: dict[str, Limit] = {limit.check: limit for table in _TABLES for limit in table}
GUIDED_CHECKS = SOUND_GUIDED_CHECKS | CHART_CHECKS
"""Checks that a person starts and takes part in; an ordinary run does not report them."""
N1_UNREACHABLE_RUNG = Rung.NO_LINK
"""A slow answer costs nothing by itself; none at all costs the call."""
RATE_CAP_BPS = 8_000_000
"""Nothing above this changes a verdict; a faster link is reported as this much."""
