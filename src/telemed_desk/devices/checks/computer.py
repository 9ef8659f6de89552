"""What this PC has to give: processor, memory, disk, battery, and power to encode (P1, P2).

Linux from ``/proc`` and ``/sys``; Windows from the Win32 calls named below (written from Microsoft's
documents, not run here); elsewhere what cannot be told is said to be so.
"""

import asyncio
import ctypes
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.system import ON_LINUX, ON_WINDOWS

CPU_LOOK_S = 1.0
GB = 1_000_000_000
MIN_ENCODED = 10

EncodeTrial = Callable[[], Sequence[float]]
"""Encodes a second of 720p with the call's own encoder; milliseconds of each picture. Blocking."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Since boot, in any unit: how long processors were busy, and how long there were."""

    busy: float
    total: float

    def busy_percent_since(self, earlier: "CpuTimes") -> float | None:
        """Return the share of time busy since then; None if no time has passed."""
        passed = self.total - earlier.total
        return 100 * (self.busy - earlier.busy) / passed if passed > 0 else None


async def computer_findings(data_folder: Path) -> list[Finding]:
    """Look at processor, memory, disk and battery for about a second.

    Args:
        data_folder: On the disk that the notes are kept on.
    """
    before = cpu_times()
    await asyncio.sleep(CPU_LOOK_S)
    after = cpu_times()
    return [
        _cpu(before, after),
        _memory(),
        LIMITS["P2.disk"].judge(round(shutil.disk_usage(data_folder).free / GB, 1)),
        _battery(),
    ]


async def encode_finding(trial: EncodeTrial) -> Finding:
    """Time the call's own encoder (P1): the slow pictures decide, the 95th percentile."""
    times_ms = sorted(await asyncio.to_thread(trial))
    if len(times_ms) < MIN_ENCODED:
        return LIMITS["P1"].unknown("The encoder could not be tried.")
    p95 = statistics.quantiles(times_ms, n=20)[-1]
    return LIMITS["P1"].judge(round(p95, 1))


def _cpu(before: CpuTimes | None, after: CpuTimes | None) -> Finding:
    busy = after.busy_percent_since(before) if before is not None and after is not None else None
    if busy is None:
        return LIMITS["P2.cpu"].unknown("The system does not say how busy the processor is.")
    return LIMITS["P2.cpu"].judge(round(busy))


def _memory() -> Finding:
    free = free_memory_bytes()
    if free is None:
        return LIMITS["P2.memory"].unknown("The system does not say how much memory is free.")
    return LIMITS["P2.memory"].judge(round(free / GB, 2))


def _battery() -> Finding:
    state = battery()
    if state is None:
        return LIMITS["P2.battery"].unknown("The system does not say whether it runs on battery.")
    if state.on_mains:
        return LIMITS["P2.battery"].passed()
    return LIMITS["P2.battery"].judge(state.percent)


@dataclass(frozen=True, slots=True)
class Battery:
    """Where the power comes from; a PC without a battery is on mains."""

    on_mains: bool
    percent: float


def cpu_times(stat: Path = Path("/proc/stat")) -> CpuTimes | None:
    """Read the processor's times; None where the system does not tell."""
    if ON_WINDOWS:
        return _windows_cpu_times()
    try:
        fields = [float(field) for field in stat.read_text().splitlines()[0].split()[1:9]]
        idle = fields[3] + fields[4]  # idle and iowait: proc(5)
    except (OSError, ValueError, IndexError):
        return None
    return CpuTimes(sum(fields) - idle, sum(fields))


def free_memory_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return what programs can still get without swapping; None where the system does not tell."""
    if ON_WINDOWS:
        return _windows_free_memory()
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def battery(supplies: Path = Path("/sys/class/power_supply")) -> Battery | None:
    """Read the power supplies; None where the system does not tell."""
    if ON_WINDOWS:
        return _windows_battery()
    if not ON_LINUX:
        return None
    capacities = []
    discharging = False
    for supply in sorted(supplies.glob("*")) if supplies.is_dir() else []:
        try:
            if (supply / "type").read_text().strip() != "Battery":
                continue
            if (supply / "scope").is_file() and "Device" in (supply / "scope").read_text():
                continue  # a mouse's or a headset's
            capacities.append(float((supply / "capacity").read_text()))
            discharging |= (supply / "status").read_text().strip() == "Discharging"
        except (OSError, ValueError):
            continue
    if not capacities:
        return Battery(on_mains=True, percent=100)
    return Battery(on_mains=not discharging, percent=min(capacities))


# ---- Windows ------------------------------------------------------------------------------------


def _kernel32() -> ctypes.CDLL:
    loaded: ctypes.CDLL = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    return loaded


def _windows_cpu_times() -> CpuTimes | None:
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


def _windows_free_memory() -> int | None:
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


def _windows_battery() -> Battery | None:
    status = _PowerStatus()
    if not _kernel32().GetSystemPowerStatus(ctypes.byref(status)) or status.on_mains == 255:
        return None
    return Battery(status.on_mains == 1, 100 if status.percent == 255 else status.percent)
