"""What Linux says of the computer, in ``/proc`` and ``/sys``. None = it does not say."""

from pathlib import Path
from typing import Final

from telemed_desk.devices.checks.computer_values import Battery, CpuTimes, Heat

_CPU_ZONES: Final = ("x86_pkg_temp", "cpu", "soc", "tcpu")
_CPU_CHIPS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
_SELF_GOVERNING: Final = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Under these drivers ``powersave`` is the ordinary governor; the preference beside it decides."""


def cpu_times(stat: Path = Path("/proc/stat")) -> CpuTimes | None:
    """Read the processors' times."""
    try:
        fields = [float(field) for field in stat.read_text().splitlines()[0].split()[1:9]]
        idle = fields[3] + fields[4]  # idle and iowait: proc(5)
    except (OSError, ValueError, IndexError):
        return None
    return CpuTimes(sum(fields) - idle, sum(fields))


def free_memory_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return what programs can still get without swapping."""
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def battery(supplies: Path = Path("/sys/class/power_supply")) -> Battery | None:
    """Read the power supplies."""
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


def saves_power(system: Path = Path("/sys")) -> bool | None:
    """Return whether the computer is set to save power at the cost of speed."""
    profile = _text(system / "firmware/acpi/platform_profile")
    speed = system / "devices/system/cpu/cpu0/cpufreq"
    preference = _text(speed / "energy_performance_preference")
    governor, driver = _text(speed / "scaling_governor"), _text(speed / "scaling_driver")
    if not profile and not preference and not governor:
        return None
    if profile == "low-power" or preference == "power":
        return True
    return governor == "powersave" and driver not in _SELF_GOVERNING


def heat(system: Path = Path("/sys")) -> Heat | None:
    """Return how warm the processor is, and how often it was slowed down for that since boot."""
    degrees = [
        _number(zone / "temp")
        for zone in sorted((system / "class/thermal").glob("thermal_zone*"))
        if _text(zone / "type").lower().startswith(_CPU_ZONES)
    ]
    if not degrees:
        degrees = [
            _number(chip / "temp1_input")
            for chip in sorted((system / "class/hwmon").glob("hwmon*"))
            if _text(chip / "name") in _CPU_CHIPS
        ]
    known = [value / 1000 for value in degrees if value is not None]
    counts = [
        _number(count)
        for count in (system / "devices/system/cpu").glob(
            "cpu[0-9]*/thermal_throttle/package_throttle_count"
        )
    ]
    if not known and not counts:
        return None
    return Heat(max(known, default=None), int(max((c for c in counts if c is not None), default=0)))


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None
