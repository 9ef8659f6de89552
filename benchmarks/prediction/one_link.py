"""Measure one link: the checks, then the call that has not seen them, then the yardsticks."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.calls.cells import Cell
from benchmarks.calls.figures import link_lateness, machine_spoilt
from benchmarks.prediction.check_end import Where
from benchmarks.prediction.links import LINKS, Link
from benchmarks.prediction.programs import Program, ProgramError, program
from benchmarks.prediction.results import (
    CallSeen,
    CheckResult,
    CheckSeen,
    FlowSeen,
    LinkResult,
    WaySeen,
    now_text,
)
from benchmarks.prediction.truth import Moment, changes, held, lower, settle_s
from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import IceServerSpec
from telemed_desk.workflow.check_plan import BUDGETS, CheckMode
from tests.support.calls.endpoints import EndpointError, Film, program_endpoint
from tests.support.calls.recording import Recording
from tests.support.calls.run import CallRecord, look_at_machine, run_call
from tests.support.link.emulated import Counters, EmulatedLink, End
from tests.support.media import speech_file
from tests.support.network.coturn import Coturn
from tests.support.network.town import House

FILM = Film(1280, 720)
START_RUNG = Rung.VIDEO
"""Of every call, whatever the check said."""
SPARE_S = 15.0
QUIET_LOOK_S = 0.3
QUIET_LIMIT_S = 20.0
_PROCESSOR = "processor"


@dataclass(frozen=True)
class Task:
    """A link to measure in round ``number``; ``modes`` are the checks, in their order."""

    cell: Cell
    number: int
    seed: int
    seconds: float
    source: str
    modes: Sequence[CheckMode]
    count_busy: bool = False

    @property
    def link(self) -> Link:
        """Which."""
        return LINKS[self.cell.condition]


async def measure(task: Task) -> LinkResult:
    """Measure a link; what could not be measured at all is told in the result."""
    began = now_text()
    folder = Path(tempfile.mkdtemp(prefix="telemed-prediction-"))
    try:
        async with EmulatedLink(task.link.up, seed=task.seed) as link:
            await link.change(task.link.down, "ba")
            far = House(link.b.namespace, "em0", link.b.address, "")
            async with Coturn(far) as relay:
                checks = await _checks(task, link, relay, folder)
                await _until_quiet(link)
                call, record = await _call(task, link, relay, folder)
            await _until_quiet(link)
            tcp = await _tcp_flow(link, folder)
            await _until_quiet(link)
            data = await _data_flow(link, folder)
    except (EndpointError, ProgramError, TimeoutError) as error:
        return _not_measured(task, began, f"{type(error).__name__}: {error}"[-400:])
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    late_share, latest_ms = link_lateness(record.link)
    why_not = "" if task.count_busy else _spoilt(checks, call, record.link)
    return LinkResult(
        link=task.link.name,
        round=task.number,
        seed=task.seed,
        seconds=task.seconds,
        began=began,
        source=task.source,
        kept=not why_not,
        why_not=why_not,
        late_share=late_share,
        latest_ms=latest_ms,
        checks=checks,
        call=call,
        tcp=tcp,
        data=data,
    )


def _not_measured(task: Task, began: str, why: str) -> LinkResult:
    return LinkResult(
        task.link.name, task.number, task.seed, task.seconds, began, task.source, False, why
    )


def _spoilt(checks: Sequence[CheckResult], call: CallSeen, counters: dict[str, Counters]) -> str:
    """Say why the run does not count; the counters are of check and call together."""
    busiest = max((call.busy_share, *(check.busy_share for check in checks)))
    if why := machine_spoilt(busiest, counters):
        return why
    if _PROCESSOR in (call.up.reason, call.down.reason):
        return "this machine's processor kept the call from a rung"
    return ""


# ---- the checks


async def _checks(task: Task, link: EmulatedLink, relay: Coturn, folder: Path) -> list[CheckResult]:
    files = relay.authority.parent  # one certificate for both services at that address
    pair = (str(files / "cert.pem"), str(files / "key.pem"))
    trust = {"SSL_CERT_FILE": str(relay.authority)}
    async with (
        program(link.b, folder, "far_end", str(folder), *pair, link.b.address) as far,
        program(link.a, folder, "check_end", env=trust) as pc,
    ):
        served: dict[str, Any] = msgspec.json.decode(await far.line())
        url = f"https://{link.b.address}:{served['port']}"
        where = Where(url, served["token"], [relay_spec(relay)])
        await pc.say(msgspec.json.encode(where).decode())
        await pc.line()  # the media process is ready
        return [await checked(pc, link, mode) for mode in task.modes]


async def checked(pc: Program, link: EmulatedLink, mode: CheckMode) -> CheckResult:
    """Have the PC check once; count what passes the emulator meanwhile."""
    await _until_quiet(link)
    before = await link.counters()
    async with _watched() as busy_shares:
        await pc.say(mode.value)
        answer = await pc.line(BUDGETS[mode].slow_link_seconds + SPARE_S)
    after = await link.counters()
    moved = sum(after[way].in_bytes - before[way].in_bytes for way in after)
    return CheckResult(msgspec.json.decode(answer, type=CheckSeen), moved, _mean(busy_shares))


@asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """Look at the machine meanwhile; the list is filled when the block is left."""
    shares: list[float] = []
    looking = asyncio.create_task(look_at_machine())
    try:
        yield shares
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            shares += await looking


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def relay_spec(relay: Coturn) -> IceServerSpec:
    """Return what the server tells a desk: its relay, each way."""
    return relay.spec("udp", "tcp", "tls", life_s=1800)


async def _until_quiet(link: EmulatedLink) -> None:
    """Wait until what was sent before has left the link's buffers; not for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUIET_LIMIT_S):
            before = _out(await link.counters())
            while True:
                await asyncio.sleep(QUIET_LOOK_S + link.spec.delay_ms / 1000)
                now = _out(await link.counters())
                if now == before:
                    return
                before = now


def _out(counters: dict[str, Counters]) -> list[int]:
    return [way.out_packets + way.lost for way in counters.values()]


# ---- the call


async def _call(
    task: Task, link: EmulatedLink, relay: Coturn, folder: Path
) -> tuple[CallSeen, CallRecord]:
    ice = [msgspec.to_builtins(relay_spec(relay))]
    before = await link.counters()
    async with (
        program_endpoint(link.a, "the clinic's PC", _peer(relay), folder / "a") as a,
        program_endpoint(link.b, "the other side", _peer(relay), folder / "b") as b,
    ):
        record = await run_call(link, a, b, task.seconds, ice_servers=ice)
    return seen_of_call(record, before), record


def _peer(relay: Coturn) -> list[str]:
    return [
        *("env", f"SSL_CERT_FILE={relay.authority}"),
        *(sys.executable, "-m", "telemed_desk.media.peer"),
        *("--start-rung", str(int(START_RUNG))),
        *("--camera", f"file:{FILM.file()}", "--microphone", f"file:{speech_file()}"),
    ]


def seen_of_call(record: CallRecord, before: dict[str, Counters]) -> CallSeen:
    """Work out what a call found by itself.

    Args:
        record: Of it.
        before: The emulator's counters when it began.
    """
    seconds = (record.end_ms - record.click_ms) / 1000
    begin_s = settle_s(seconds)
    up_ms = [_first_connected_ms(record, who) for who in "ab"]
    connected_s = (
        None if None in up_ms else (max(ms for ms in up_ms if ms) - record.click_ms) / 1000
    )
    given_up_s = _given_up_s(record)
    ways = []
    both = []
    for way, recording in (("ab", record.a), ("ba", record.b)):
        trace = trace_of(recording, record.click_ms)
        stood = held(
            trace,
            begin_s=begin_s,
            end_s=seconds,
            connected_s=connected_s,
            given_up_s=given_up_s,
        )
        sent = record.link[way].in_bytes - before[way].in_bytes
        last: dict[str, Any] = recording.stats[-1] if recording.stats else {}
        estimate = last.get("estimate_bps")
        both.append(stood)
        ways.append(
            WaySeen(
                rung=int(stood.rung),
                share=stood.share,
                reason=stood.reason,
                changes=changes(trace, begin_s),
                wire_kbps=sent * 8 / 1000 / seconds,
                rungs=[moment.rung for moment in trace],
                estimate_kbps=None if estimate is None else estimate / 1000,
                path=str(last.get("path", "")),
            )
        )
    return CallSeen(
        rung=int(lower(*both).rung),
        up=ways[0],
        down=ways[1],
        connected_s=connected_s,
        given_up=given_up_s is not None,
        busy_share=record.busy_share,
        problems=record.errors(),
    )


def trace_of(recording: Recording, click_ms: float) -> list[Moment]:
    """Return what an end's ladder said, from its once-a-second figures."""
    return [
        Moment((line["wall"] - click_ms) / 1000, int(line["rung"]), str(line["reason"]))
        for line in recording.stats
    ]


def _first_connected_ms(record: CallRecord, who: str) -> float | None:
    return next(
        (
            float(event["wall"])
            for event in record.events
            if event["ev"] == "connectionState"
            and event["who"] == who
            and event["v"] == "connected"
        ),
        None,
    )


def _given_up_s(record: CallRecord) -> float | None:
    """When an end gave the call up by itself, which leaves the telephone."""
    ended = [
        float(event["wall"])
        for event in record.events
        if event["ev"] == "connectionState"
        and event["v"] in ("closed", "failed")
        and record.ended_by(event["who"])
    ]
    return (min(ended) - record.click_ms) / 1000 if ended else None


# ---- the yardsticks


async def _tcp_flow(link: EmulatedLink, folder: Path) -> FlowSeen:
    async with program(link.b, folder, "tcp_flow", "serve") as far:
        port = await far.line()
        async with program(link.a, folder, "tcp_flow", *_measure(link.b, port)) as near:
            return msgspec.json.decode(await near.line(), type=FlowSeen)


def _measure(far: End, port: str) -> tuple[str, ...]:
    return ("measure", far.address, port)


async def _data_flow(link: EmulatedLink, folder: Path) -> FlowSeen:
    async with (
        program(link.b, folder, "data_flow", "answer") as far,
        program(link.a, folder, "data_flow", "offer", "near") as near,
    ):
        await far.say(await near.line())
        await near.say(await far.line())
        return msgspec.json.decode(await near.line(), type=FlowSeen)
