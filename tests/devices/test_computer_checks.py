"""What the self-check says about processor, memory, disk, power, heat, and power to encode."""

from collections.abc import Callable
from pathlib import Path

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks import computer_linux, computer_mac
from telemed_desk.devices.checks.computer import (
    computer_findings,
    encode_findings,
    judge_battery,
    judge_cpu,
    judge_heat,
    judge_memory,
    judge_plan,
)
from telemed_desk.devices.checks.computer_values import Battery, CpuTimes, Heat
from telemed_desk.devices.findings import Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media.encode_trial import PICTURES, encode_trial

P2 = {check for check in LIMITS if check.startswith("P2")}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


async def test_this_computer_is_looked_at(tmp_path: Path) -> None:
    found = {finding.check: finding for finding in await computer_findings(tmp_path)}
    assert set(found) == P2
    assert found["P2.disk"].value is not None
    assert found["P2.cpu"].value is not None


@pytest.mark.parametrize(
    ("busy", "ours", "value", "outcome"),
    [
        (20, 0.0, 20, Outcome.PASS),
        (90, 70.0, 20, Outcome.PASS),
        (90, 20.0, 70, Outcome.WARN),
        (100, 5.0, 95, Outcome.FAIL),
        (10, 12.0, 0, Outcome.PASS),
    ],
)
def test_what_others_take_counts_and_what_the_check_takes_does_not(
    busy: float, ours: float, value: float, outcome: Outcome
) -> None:
    found = judge_cpu(CpuTimes(0, 0), CpuTimes(busy, 100), ours)
    assert (found.value, found.outcome) == (value, outcome)


def test_what_the_system_does_not_tell_is_never_green(tmp_path: Path) -> None:
    linux = computer_linux
    assert linux.cpu_times(tmp_path / "none") is None
    assert linux.free_memory_bytes(tmp_path / "none") is None
    assert linux.saves_power(tmp_path) is None
    assert linux.heat(tmp_path) is None
    (tmp_path / "stat").write_text("rubbish\n")
    assert linux.cpu_times(tmp_path / "stat") is None
    assert CpuTimes(10, 100).busy_percent_since(CpuTimes(10, 100)) is None
    assert CpuTimes(60, 200).busy_percent_since(CpuTimes(10, 100)) == 50
    told_nothing = [
        judge_cpu(None, None, 0.0),
        judge_memory(None),
        judge_battery(None),
        judge_plan(None),
        judge_heat(None, None),
        judge_heat(None, Heat(None, 0)),
    ]
    assert {finding.outcome for finding in told_nothing} == {Outcome.CANNOT_TELL}


def test_a_battery_counts_when_it_discharges(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "AC/type": "Mains",
            "BAT0/type": "Battery",
            "BAT0/capacity": "17",
            "BAT0/status": "Discharging",
            "MOUSE/type": "Battery",
            "MOUSE/scope": "Device",
            "MOUSE/capacity": "3",
            "MOUSE/status": "Discharging",
        },
    )
    state = computer_linux.battery(tmp_path)
    assert state == Battery(on_mains=False, percent=17)
    assert judge_battery(state).outcome is Outcome.FAIL
    (tmp_path / "BAT0" / "status").write_text("Charging")
    charging = computer_linux.battery(tmp_path)
    assert judge_battery(charging).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("files", "saves"),
    [
        ({"firmware/acpi/platform_profile": "low-power"}, True),
        ({"firmware/acpi/platform_profile": "balanced"}, False),
        ({"scaling_governor": "powersave", "scaling_driver": "acpi-cpufreq"}, True),
        ({"scaling_governor": "powersave", "scaling_driver": "intel_pstate"}, False),
        (
            {
                "scaling_governor": "powersave",
                "scaling_driver": "intel_pstate",
                "energy_performance_preference": "power",
            },
            True,
        ),
        ({"scaling_governor": "schedutil", "scaling_driver": "acpi-cpufreq"}, False),
    ],
)
def test_linux_power_plans(tmp_path: Path, files: dict[str, str], *, saves: bool) -> None:
    cpufreq = "devices/system/cpu/cpu0/cpufreq/"
    write(tmp_path, {n if "/" in n else cpufreq + n: text for n, text in files.items()})
    assert computer_linux.saves_power(tmp_path) is saves
    assert (judge_plan(saves).outcome is Outcome.PASS) is not saves


def test_heat_by_the_processors_own_zone_and_by_being_slowed(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "class/thermal/thermal_zone0/type": "acpitz",
            "class/thermal/thermal_zone0/temp": "119000",
            "class/thermal/thermal_zone1/type": "x86_pkg_temp",
            "class/thermal/thermal_zone1/temp": "71000",
            "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "4",
        },
    )
    before = computer_linux.heat(tmp_path)
    assert before == Heat(71, 4)
    assert judge_heat(before, before).outcome is Outcome.PASS
    slowed = judge_heat(before, Heat(71, 5))
    assert (slowed.outcome, slowed.ceiling, slowed.value) == (Outcome.FAIL, Rung.VIDEO, 71)
    assert judge_heat(None, Heat(91, 0)).outcome is Outcome.WARN
    assert judge_heat(None, Heat(97, 0)).outcome is Outcome.FAIL


def test_a_chip_tells_the_heat_where_no_zone_does(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "class/hwmon/hwmon0/name": "nvme",
            "class/hwmon/hwmon0/temp1_input": "99000",
            "class/hwmon/hwmon1/name": "k10temp",
            "class/hwmon/hwmon1/temp1_input": "55500",
        },
    )
    assert computer_linux.heat(tmp_path) == Heat(55.5, 0)


VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10000.
Pages active:                            400000.
Pages inactive:                           20000.
Pages speculative:                         1000.
"""
BATT = """Now drawing from 'Battery Power'
 -InternalBattery-0 (id=4653155)\t87%; discharging; 5:12 remaining present: true
"""
THERM = """Note: No thermal warning level has been recorded
CPU Power notify
\tCPU_Scheduler_Limit \t= 100
\tCPU_Available_CPUs \t= 8
\tCPU_Speed_Limit \t= 70
"""


def test_what_macos_prints_is_read_as_documented() -> None:
    mac = computer_mac
    assert mac.read_vm_stat(VM_STAT) == 16384 * 31_000
    assert mac.read_batt(BATT) == Battery(on_mains=False, percent=87)
    assert mac.read_batt("Now drawing from 'AC Power'\n") == Battery(on_mains=True, percent=100)
    assert mac.read_therm(THERM) == Heat(None, 30)
    assert mac.read_low_power(" lowpowermode         1\n") is True
    assert mac.read_low_power(" lowpowermode         0\n") is False
    readers: list[Callable[[str], object]] = [
        mac.read_vm_stat,
        mac.read_batt,
        mac.read_therm,
        mac.read_low_power,
    ]
    assert [read("") for read in readers] == [None] * 4


async def test_the_encoder_is_timed_with_the_calls_own() -> None:
    assert len(encode_trial(180)) == PICTURES
    (finding,) = await encode_findings(encode_trial)
    assert finding.value is not None
    assert finding.value > 0


@pytest.mark.parametrize(
    ("at_720", "at_360", "outcome", "ceiling"),
    [
        (12.0, 4.0, Outcome.PASS, Rung.HD_VIDEO),
        (25.0, 8.0, Outcome.WARN, Rung.HD_VIDEO),
        (40.0, 12.0, Outcome.FAIL, Rung.VIDEO),
        (90.0, 36.0, Outcome.FAIL, Rung.LOW_VIDEO),
    ],
)
async def test_a_slow_pc_is_told_what_it_can_do(
    at_720: float, at_360: float, outcome: Outcome, ceiling: Rung
) -> None:
    (finding,) = await encode_findings(lambda lines: [at_720 if lines == 720 else at_360] * 45)
    assert (finding.outcome, finding.ceiling, finding.value) == (outcome, ceiling, at_720)


@pytest.mark.parametrize(
    ("second", "value", "outcome"), [(12.0, 12.0, "pass"), (40.0, 25.0, "warn")]
)
async def test_one_bad_moment_is_not_held_against_a_pc(
    second: float, value: float, outcome: str
) -> None:
    """What was slow once is timed again, and the better time counts."""
    rounds = iter([25.0, second])
    (finding,) = await encode_findings(lambda _lines: [next(rounds)] * 45)
    assert (finding.value, finding.outcome) == (value, outcome)


async def test_a_pc_that_is_quick_enough_is_timed_once() -> None:
    asked: list[int] = []

    def trial(lines: int) -> list[float]:
        asked.append(lines)
        return [12.0] * 45

    await encode_findings(trial)
    assert asked == [720]


async def test_an_encoder_that_gives_nothing_is_not_judged() -> None:
    (finding,) = await encode_findings(lambda _lines: [])
    assert finding.outcome is Outcome.CANNOT_TELL
