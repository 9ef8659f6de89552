"""One run of the self-check: its order, its end, and what may cut it short."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.probe import other_pc_measures
from telemed_desk.devices.findings import Finding, Group, Outcome
from telemed_desk.devices.limits import GUIDED_CHECKS, LIMITS
from telemed_desk.workflow import self_check
from telemed_desk.workflow.check_plan import BUDGETS, Budget, CheckMode, checks_of
from telemed_desk.workflow.self_check import LATE, CheckPorts, SelfCheck, SelfCheckState

NETWORK = checks_of(frozenset({Group.NETWORK}))
Found = Callable[[Finding], None]


@dataclass
class Bench:
    """A PC and a link whose findings the test decides; real tasks, no devices."""

    devices_wait: asyncio.Event = field(default_factory=asyncio.Event)
    network_wait: asyncio.Event = field(default_factory=asyncio.Event)
    both_wait: asyncio.Event = field(default_factory=asyncio.Event)
    held: tuple[str, ...] = NETWORK[-2:]
    own: dict[str, Finding] = field(default_factory=dict)
    metered: bool | None = None
    in_call: bool = False
    modes: list[CheckMode] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    hurried: list[bool] = field(default_factory=list)
    states: list[SelfCheckState] = field(default_factory=list)
    verdicts: list[SelfCheckState] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    now_ms: int = 1_000_000

    def finding(self, check: str) -> Finding:
        return self.own.get(check, LIMITS[check].passed())

    async def devices(self, checks: Sequence[str], found: Found, /, *, hurried: bool) -> None:
        self.asked.append(tuple(checks))
        self.hurried.append(hurried)
        for check in checks:
            found(self.finding(check))
        self._arrived()
        try:
            await self.devices_wait.wait()
        except asyncio.CancelledError:
            self.cancelled.append("devices")
            raise

    async def network(self, mode: CheckMode, found: Found, done: asyncio.Event, /) -> None:
        self.modes.append(mode)
        for check in (name for name in NETWORK if name not in self.held):
            found(self.finding(check))
        self._arrived()
        try:
            await self.network_wait.wait()
            if mode is not CheckMode.QUICK:
                await done.wait()
        except asyncio.CancelledError:
            self.cancelled.append("network")
            raise
        for check in self.held:
            found(self.finding(check))

    def _arrived(self) -> None:
        if self.modes and self.asked:
            self.both_wait.set()

    async def is_metered(self) -> bool | None:
        return self.metered

    def verdict(self, state: SelfCheckState) -> Finding | None:
        self.verdicts.append(state)
        return None

    def make(self) -> SelfCheck:
        return SelfCheck(
            CheckPorts(
                devices=self.devices,
                network=self.network,
                now_ms=lambda: self.now_ms,
                in_call=lambda: self.in_call,
                on_state=self.states.append,
                on_verdict=self.verdict,
                metered=self.is_metered,
            )
        )

    def let_go(self) -> None:
        self.devices_wait.set()
        self.network_wait.set()


@pytest.fixture
async def bench() -> Bench:
    return Bench()


@asynccontextmanager
async def running(bench: Bench, mode: CheckMode = CheckMode.STANDARD) -> AsyncIterator[SelfCheck]:
    """Start a check and hand it over once both of its parts wait."""
    check = bench.make()
    check.start(mode)
    async with asyncio.timeout(20):
        await bench.both_wait.wait()
        yield check
        bench.let_go()
        await check.wait()


async def test_a_whole_run_ends_in_a_verdict_of_everything(bench: Bench) -> None:
    async with running(bench) as check:
        assert check.state.running
        assert check.state.done < len(check.state.expected)
    state = check.state
    assert not state.running
    assert state.verdict is not None
    assert state.verdict.rung is Rung.HD_VIDEO
    assert {f.check for f in state.findings} == set(LIMITS) - GUIDED_CHECKS
    assert bench.verdicts == [state]
    shares = [seen.done_share for seen in bench.states]
    assert shares == sorted(shares)


async def test_rungs_resolve_while_it_runs(bench: Bench) -> None:
    async with running(bench):
        pass
    seen = [(s.at_least, s.at_most) for s in bench.states]
    assert seen[0] == (Rung.NO_LINK, Rung.HD_VIDEO)
    assert seen[-1] == (Rung.HD_VIDEO, Rung.HD_VIDEO)
    least = [pair[0] for pair in seen]
    assert least == sorted(least)


async def test_what_hangs_cannot_be_told_and_never_counts_as_a_pass(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUDGETS, CheckMode.QUICK, Budget(0.5, 0.5, 1))
    bench.held = ("N8.down", "N8.up", "N9")
    check = bench.make()
    check.start(CheckMode.QUICK)
    async with asyncio.timeout(20):
        await check.wait()
    late = {f.check for f in check.state.findings if f.cause == LATE}
    assert set(bench.cancelled) == {"devices", "network"}
    assert late == {"N8.down", "N8.up"}  # what follows from them needs no words of its own
    assert check.state.verdict is not None
    assert check.state.verdict.rung is Rung.AUDIO_PHOTOS


async def test_without_a_rate_no_picture_is_promised(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUDGETS, CheckMode.QUICK, Budget(0.5, 0.5, 1))
    bench.own["N8.up"] = LIMITS["N8.up"].unknown("The transfer broke off.")
    check = bench.make()
    check.start(CheckMode.QUICK)
    async with asyncio.timeout(20):
        await check.wait()
    assert check.state.verdict is not None
    assert check.state.verdict.rung is Rung.AUDIO_PHOTOS
    assert "N8.up" in check.state.verdict.unproven


async def test_a_call_ends_it_at_once_and_both_parts_let_go(bench: Bench) -> None:
    async with running(bench) as check:
        check.stop(by_call=True)
        # Before anything else had a chance to run:
        assert not check.state.running
        assert check.state.stopped
        assert check.state.by_call
        await check.wait()
        assert sorted(bench.cancelled) == ["devices", "network"]
        assert check.state.verdict is None
    assert bench.verdicts == []


async def test_nothing_is_added_after_it_was_stopped(bench: Bench) -> None:
    async with running(bench) as check:
        check.stop()
        before = check.state
        check._add(LIMITS["N9"].failed())
        assert check.state == before


async def test_it_is_refused_in_a_call(bench: Bench) -> None:
    bench.in_call = True
    check = bench.make()
    check.start(CheckMode.QUICK)
    assert check.state.refused == "in-call"
    assert not check.state.running
    assert bench.asked == []


@pytest.mark.parametrize("mode", [CheckMode.STANDARD, CheckMode.THOROUGH])
@pytest.mark.parametrize("metered", [True, False, None])
async def test_a_metered_link_makes_it_quick(
    bench: Bench, mode: CheckMode, metered: bool | None
) -> None:
    bench.metered = metered
    async with running(bench, mode) as check:
        expected = CheckMode.QUICK if metered else mode
        assert bench.modes == [expected]
        assert check.state.mode is expected
        assert check.state.asked is mode
        assert bench.hurried == [expected is CheckMode.QUICK]
        assert check.state.until_ms == bench.now_ms + BUDGETS[expected].seconds * 1000


async def test_a_slow_link_gets_the_longer_time_for_the_same_bytes(bench: Bench) -> None:
    bench.own["N8.up"] = LIMITS["N8.up"].judge(300)
    async with running(bench) as check:
        budget = BUDGETS[CheckMode.STANDARD]
        assert check.state.until_ms == bench.now_ms + budget.slow_link_seconds * 1000
    assert budget.slow_link_seconds > budget.seconds


async def test_a_far_link_that_was_not_filled_in_time_is_not_taken_for_a_slow_one(
    bench: Bench,
) -> None:
    bench.own["N8.up"] = replace(LIMITS["N8.up"].unknown("Not filled in time."), value=300.0)
    async with running(bench) as check:
        budget = BUDGETS[CheckMode.STANDARD]
        assert check.state.until_ms == bench.now_ms + budget.seconds * 1000


@pytest.mark.parametrize(
    ("server", "longer"),
    [
        (LIMITS["N1"].passed(), True),
        (LIMITS["N1"].judge(4.1), True),  # late, but it answered
        (LIMITS["N1"].failed(), False),
    ],
)
async def test_a_link_whose_rate_is_long_in_coming_is_taken_for_slow(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, server: Finding, longer: bool
) -> None:
    monkeypatch.setattr(self_check, "SLOW_NOTICE_S", 0.3)
    monkeypatch.setitem(BUDGETS, CheckMode.STANDARD, Budget(0.7, 60.0, 1))
    bench.own["N1"] = server
    bench.held = ("N8.down", "N8.up", "N9", *bench.held)
    check = bench.make()
    check.start(CheckMode.STANDARD)
    async with asyncio.timeout(20):
        if longer:
            while check.state.until_ms != bench.now_ms + 60_000:  # noqa: ASYNC110 - no event of its own
                await asyncio.sleep(0.01)
            bench.let_go()
        await check.wait()
    found = {finding.check: finding for finding in check.state.findings}
    assert (found["N8.up"].outcome is Outcome.PASS) is longer
    assert (found["N8.up"].cause == LATE) is not longer


@pytest.mark.parametrize(("minutes", "counts"), [(29, True), (31, False)])
async def test_while_another_pc_measures_the_last_speed_counts_if_it_is_fresh(
    bench: Bench, minutes: int, counts: bool
) -> None:
    bench.own["N8.up"] = LIMITS["N8.up"].judge(1900)
    async with running(bench) as check:
        pass
    bench.own |= {finding.check: finding for finding in other_pc_measures()}
    bench.now_ms += minutes * 60_000
    check.start(CheckMode.STANDARD)
    async with asyncio.timeout(20):
        await check.wait()
    found = {finding.check: finding for finding in check.state.findings}
    assert (found["N8.up"].value == 1900) is counts
    assert (found["N9"].outcome is Outcome.PASS) is counts
    assert check.state.verdict is not None
    assert (check.state.verdict.rung is Rung.HD_VIDEO) is counts


async def test_only_what_changed_is_checked_again(bench: Bench) -> None:
    async with running(bench) as check:
        pass
    first = check.state.verdict
    assert first is not None
    bench.now_ms += 60_000
    bench.own["S1"] = LIMITS["S1"].failed()
    check.start(CheckMode.QUICK, frozenset({Group.SPEAKER}))
    async with asyncio.timeout(20):
        await check.wait()
    asked = bench.asked[-1]
    assert asked
    assert all(LIMITS[name].group is Group.SPEAKER for name in asked)
    assert bench.modes == [CheckMode.STANDARD]  # the link was left alone
    after = check.state.verdict
    assert after is not None
    assert after.rung is Rung.PHONE
    assert after.at_ms == first.at_ms  # the rest became no younger
    assert {f.check for f in check.state.findings} == set(LIMITS) - GUIDED_CHECKS


async def test_what_is_plugged_in_while_it_runs_is_looked_at_after_it(bench: Bench) -> None:
    async with running(bench) as check:
        check.start(CheckMode.QUICK, frozenset({Group.CAMERA}))
        assert len(bench.asked) == 1
    assert len(bench.asked) == 2
    assert all(LIMITS[name].group is Group.CAMERA for name in bench.asked[1])
    assert not check.state.running


async def test_a_persons_answer_changes_the_verdict(bench: Bench) -> None:
    bench.own["S1"] = LIMITS["S1"].failed()
    async with running(bench) as check:
        pass
    assert check.state.verdict is not None
    assert check.state.verdict.rung is Rung.PHONE
    check.take(LIMITS["S1"].passed())
    after = check.state.verdict
    assert after.rung is Rung.HD_VIDEO


async def test_a_bug_in_a_probe_does_not_leave_it_running(bench: Bench) -> None:
    async def broken(_mode: CheckMode, _found: Found, _done: asyncio.Event, /) -> None:
        raise ZeroDivisionError

    bench.network = broken  # type: ignore[method-assign]  # the test's own bench
    check = bench.make()
    check.start(CheckMode.QUICK)
    task = check._task
    assert task is not None
    async with asyncio.timeout(20):
        with pytest.raises(ExceptionGroup):
            await task
    assert not check.state.running
    assert check.state.verdict is None


def test_cannot_tell_stays_grey_in_the_findings() -> None:
    assert LIMITS["N9"].unknown("").outcome is Outcome.CANNOT_TELL
