"""What macOS says of the computer: its commands and the Mach calls named below. None = it does not say.

Written from Apple's documents and manual pages, not run here; what the readers make of documented
output is tested.
"""

import ctypes
import re
import subprocess
from typing import Any, Final

from telemed_desk.devices.checks.computer_values import Battery, CpuTimes, Heat

_COMMAND_S: Final = 2.0
_HOST_CPU_LOAD_INFO: Final = 3
_STATES: Final = 4
"""User, system, idle, nice: mach/machine.h."""
_IDLE: Final = 2
_PAGE_KINDS: Final = ("Pages free", "Pages inactive", "Pages speculative")


def cpu_times() -> CpuTimes | None:
    """host_statistics(HOST_CPU_LOAD_INFO): ticks of all processors."""
    system: Any = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
    ticks = (ctypes.c_uint32 * _STATES)()
    count = ctypes.c_uint32(_STATES)
    asked = system.host_statistics(
        system.mach_host_self(), _HOST_CPU_LOAD_INFO, ctypes.byref(ticks), ctypes.byref(count)
    )
    if asked != 0:
        return None
    return CpuTimes(float(sum(ticks) - ticks[_IDLE]), float(sum(ticks)))


def free_memory_bytes() -> int | None:
    """Read ``vm_stat``."""
    return read_vm_stat(_said("vm_stat"))


def read_vm_stat(said: str) -> int | None:
    """Add up the pages that programs can get."""
    size = re.search(r"page size of (\d+) bytes", said)
    pages = [re.search(rf"{kind}:\s+(\d+)\.", said) for kind in _PAGE_KINDS]
    found = [int(page[1]) for page in pages if page is not None]
    return int(size[1]) * sum(found) if size is not None and found else None


def battery() -> Battery | None:
    """Read ``pmset -g batt``."""
    return read_batt(_said("pmset", "-g", "batt"))


def read_batt(said: str) -> Battery | None:
    """Read where the power comes from, and how much is left."""
    source = re.search(r"Now drawing from '([^']+)'", said)
    if source is None:
        return None
    left = re.search(r"(\d+)%", said)
    return Battery(source[1] == "AC Power", float(left[1]) if left is not None else 100.0)


def saves_power() -> bool | None:
    """Read ``pmset -g``."""
    return read_low_power(_said("pmset", "-g"))


def read_low_power(said: str) -> bool | None:
    """Read whether low power mode is on; older systems have none."""
    mode = re.search(r"^\s*(?:lowpowermode|powermode)\s+(\d)", said, re.MULTILINE)
    if mode is None:
        return None
    return mode[1] == "1"


def heat() -> Heat | None:
    """Read ``pmset -g therm``."""
    return read_therm(_said("pmset", "-g", "therm"))


def read_therm(said: str) -> Heat | None:
    """Read whether the processor is slowed down; temperatures are not told."""
    limit = re.search(r"CPU_Speed_Limit\s*=\s*(\d+)", said)
    if limit is None:
        return None
    return Heat(None, 100 - int(limit[1]))


def _said(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
