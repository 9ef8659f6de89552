"""What this PC has to give: processor, memory, disk, power, heat, and power to encode (P1, P2).

What the systems say is read in :mod:`.computer_linux`, :mod:`.computer_windows` and
:mod:`.computer_mac`; what cannot be told is said to be so.
"""

import asyncio
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks import computer_linux, computer_mac, computer_windows
from telemed_desk.devices.checks.computer_values import Battery, CpuTimes, Heat
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.system import ON_MAC, ON_WINDOWS

CPU_LOOK_S = 1.0
GB = 1_000_000_000
MIN_ENCODED = 10
NEXT_BEST_MS = 33.0
"""A picture that takes longer than its turn is late, whatever its size."""
SLOWEST_RUNG = Rung.LOW_VIDEO

EncodeTrial = Callable[[int], Sequence[float]]
"""Encodes pictures of so many lines with the call's own encoder; milliseconds of each. Blocking."""


def _system() -> ModuleType:
    if ON_WINDOWS:
        return computer_windows
    return computer_mac if ON_MAC else computer_linux


async def computer_findings(data_folder: Path) -> list[Finding]:
    """Look at processor, memory, disk, power and heat for about a second.

    Args:
        data_folder: On the disk that the notes are kept on.
    """
    system = _system()
    cool: Heat | None = await asyncio.to_thread(system.heat)
    before, ours, begun = system.cpu_times(), time.process_time(), time.monotonic()
    await asyncio.sleep(CPU_LOOK_S)
    after = system.cpu_times()
    passed_s = (time.monotonic() - begun) * (os.cpu_count() or 1)
    ours_percent = 100 * (time.process_time() - ours) / passed_s
    free, power, saving, hot = await asyncio.to_thread(
        lambda: (
            system.free_memory_bytes(),
            system.battery(),
            system.saves_power(),
            system.heat(),
        )
    )
    return [
        judge_cpu(before, after, ours_percent),
        judge_memory(free),
        LIMITS["P2.disk"].judge(round(shutil.disk_usage(data_folder).free / GB, 1)),
        judge_battery(power),
        judge_plan(saving),
        judge_heat(cool, hot),
    ]


async def encode_findings(trial: EncodeTrial) -> list[Finding]:
    """Time the call's own encoder (P1): the slow pictures decide, the 95th percentile.

    What is not green is timed once more, and the better time counts: of 45 pictures three make the
    95th percentile, so that one moment of another program is enough to spoil it, while a PC that is
    slow is slow again. A PC that is too slow for 720 lines is tried at 360, to say what it can do.
    """
    p95_ms = await _p95_ms(trial, 720)
    if p95_ms is None:
        return [LIMITS["P1"].unknown("The encoder could not be tried.")]
    finding = LIMITS["P1"].judge(round(p95_ms, 1))
    if finding.outcome is not Outcome.PASS:
        again_ms = await _p95_ms(trial, 720)
        if again_ms is not None and again_ms < p95_ms:
            finding = LIMITS["P1"].judge(round(again_ms, 1))
    if finding.outcome is not Outcome.FAIL:
        return [finding]
    smaller_ms = await _p95_ms(trial, 360)
    if smaller_ms is None or smaller_ms <= NEXT_BEST_MS:
        return [finding]
    return [
        replace(
            finding,
            cause="This PC is too slow, or too busy, to send even small video well.",
            ceiling=SLOWEST_RUNG,
        )
    ]


async def _p95_ms(trial: EncodeTrial, lines: int) -> float | None:
    times_ms = sorted(await asyncio.to_thread(trial, lines))
    return statistics.quantiles(times_ms, n=20)[-1] if len(times_ms) >= MIN_ENCODED else None


def judge_cpu(before: CpuTimes | None, after: CpuTimes | None, ours_percent: float) -> Finding:
    """Judge what other programs take; what this check takes itself does not count."""
    busy = after.busy_percent_since(before) if before is not None and after is not None else None
    if busy is None:
        return LIMITS["P2.cpu"].unknown("The system does not say how busy the processor is.")
    return LIMITS["P2.cpu"].judge(round(min(100.0, max(0.0, busy - ours_percent))))


def judge_memory(free: int | None) -> Finding:
    """Judge what memory is left."""
    if free is None:
        return LIMITS["P2.memory"].unknown("The system does not say how much memory is free.")
    return LIMITS["P2.memory"].judge(round(free / GB, 2))


def judge_battery(state: Battery | None) -> Finding:
    """Judge whether a visit's power is there."""
    if state is None:
        return LIMITS["P2.battery"].unknown("The system does not say whether it runs on battery.")
    if state.on_mains:
        return LIMITS["P2.battery"].passed()
    return LIMITS["P2.battery"].judge(state.percent)


def judge_plan(saving: bool | None) -> Finding:  # noqa: FBT001 - the one thing that is judged
    """Judge whether the computer may run at full speed."""
    if saving is None:
        return LIMITS["P2.plan"].unknown("The system does not say whether it saves power.")
    return LIMITS["P2.plan"].judge(0 if saving else 1)


def judge_heat(before: Heat | None, after: Heat | None) -> Finding:
    """Judge the temperature; one that slowed the processor down just now is too high by definition."""
    limit = LIMITS["P2.heat"]
    if after is None:
        return limit.unknown("The system does not say how warm the processor is.", "Nothing to do.")
    if before is not None and after.slowed > before.slowed:
        return replace(limit.failed(), value=after.celsius)
    if after.celsius is None:
        return limit.unknown("The system does not say how warm the processor is.", "Nothing to do.")
    return limit.judge(round(after.celsius))
