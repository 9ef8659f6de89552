"""What Windows says of the computer: the Win32 calls named below. None = it does not say.

Written from Microsoft's documents, not run here.
"""

import ctypes
import uuid
from typing import Any, Final

from telemed_desk.devices.checks.computer_values import Battery, CpuTimes, Heat

_POWER_SAVER: Final = uuid.UUID("a1841308-3541-4fab-bc81-f71556f20b4a")
"""GUID_MAX_POWER_SAVINGS: the plan that is called "Power saver"."""


def _kernel32() -> ctypes.CDLL:
    loaded: ctypes.CDLL = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    return loaded


def cpu_times() -> CpuTimes | None:
    """GetSystemTimes: idle, kernel (idle included) and user time in 100 ns."""
    idle, kernel, user = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_uint64()
    done = _kernel32().GetSystemTimes(ctypes.byref(idle), ctypes.byref(kernel), ctypes.byref(user))
    if not done:
        return None
    total = kernel.value + user.value
    return CpuTimes(total - idle.value, total)


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("total_page_file", ctypes.c_uint64),
        ("available_page_file", ctypes.c_uint64),
        ("total_virtual", ctypes.c_uint64),
        ("available_virtual", ctypes.c_uint64),
        ("available_extended_virtual", ctypes.c_uint64),
    )


def free_memory_bytes() -> int | None:
    """GlobalMemoryStatusEx."""
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    if not _kernel32().GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.available)


class _PowerStatus(ctypes.Structure):
    """SYSTEM_POWER_STATUS."""

    _fields_ = (
        ("on_mains", ctypes.c_uint8),
        ("battery_flag", ctypes.c_uint8),
        ("percent", ctypes.c_uint8),
        ("saver", ctypes.c_uint8),
        ("seconds_left", ctypes.c_uint32),
        ("seconds_full", ctypes.c_uint32),
    )


def battery() -> Battery | None:
    """GetSystemPowerStatus."""
    status = _PowerStatus()
    if not _kernel32().GetSystemPowerStatus(ctypes.byref(status)) or status.on_mains == 255:
        return None
    return Battery(status.on_mains == 1, 100 if status.percent == 255 else status.percent)


def saves_power() -> bool | None:
    """PowerGetActiveScheme, and the battery saver's flag of GetSystemPowerStatus."""
    status = _PowerStatus()
    if _kernel32().GetSystemPowerStatus(ctypes.byref(status)) and status.saver == 1:
        return True
    power: Any = ctypes.WinDLL("powrprof")  # type: ignore[attr-defined, unused-ignore]
    scheme = ctypes.c_void_p()
    if power.PowerGetActiveScheme(None, ctypes.byref(scheme)) != 0 or not scheme.value:
        return None
    active = uuid.UUID(bytes_le=ctypes.string_at(scheme.value, 16))
    _kernel32().LocalFree(scheme)
    return active == _POWER_SAVER


def heat() -> Heat | None:
    """Windows gives temperatures to administrators only."""
    return None
