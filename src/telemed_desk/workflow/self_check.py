"""The self-check: every probe within its budget, the verdict, and what a person does about the rest.

Device probes run in the media process, network probes here; both are handed in. Never during a call:
a call that begins ends a running check at once. Core thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.probe import other_pc_measures
from telemed_desk.devices.findings import Finding, Group, Outcome, Verdict
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.verdict import rung_bounds, verdict
from telemed_desk.workflow.check_plan import (
    AUTO_FRESH_MS,
    BUDGETS,
    ESSENTIAL,
    CheckMode,
    checks_of,
    is_slow,
)

_log = structlog.get_logger("self_check")

ALL_GROUPS = frozenset(Group)
SLOW_NOTICE_S = 0.5
"""So long before the end it is seen that a link must be slow: a fast one is measured by then."""
MARGIN_S = 0.3
"""What stopping the probes and judging may take of a mode's time."""
_SPEED_CHECKS = frozenset(finding.check for finding in other_pc_measures())
OTHER_PC = other_pc_measures()[0].cause
LATE = "The check did not finish in time."


@dataclass(frozen=True, slots=True)
class SelfCheckState:
    """What the screen shows.

    Attributes:
        running: A check runs.
        mode: How far it goes, or went.
        asked: The mode that was asked for; a metered link makes it quick.
        findings: In so far; those of the run before stand until they are replaced.
        expected: Checks that the run will report, done or not.
        verdict: Of the last run that came to its end.
        started_ms, until_ms: When it began, and when it will be over at the latest.
        refused: Why it was not started; empty = it was.
        stopped: It was stopped; by a call when ``by_call``.
        at_least, at_most: Between these rungs the verdict will lie.
        groups: What is checked: everything, or only what changed.
        data_bytes: What it moved over the network; None = not counted.
    """

    running: bool = False
    mode: CheckMode = CheckMode.STANDARD
    asked: CheckMode = CheckMode.STANDARD
    findings: tuple[Finding, ...] = ()
    expected: tuple[str, ...] = ()
    verdict: Verdict | None = None
    started_ms: int | None = None
    until_ms: int | None = None
    refused: str = ""
    stopped: bool = False
    by_call: bool = False
    at_least: Rung = Rung.NO_LINK
    at_most: Rung = Rung.HD_VIDEO
    groups: frozenset[Group] = ALL_GROUPS
    data_bytes: int | None = None

    @property
    def quick(self) -> bool:
        """Whether it was the quick one."""
        return self.mode is CheckMode.QUICK

    @property
    def done(self) -> int:
        """How many of the expected checks have reported."""
        known = {finding.check for finding in self.findings}
        return sum(check in known for check in self.expected)

    @property
    def done_share(self) -> float:
        """How much of the expected findings is in, 0 to 1."""
        return min(1.0, self.done / len(self.expected)) if self.expected else 0.0


class NetworkFindings(Protocol):
    """How the link is measured."""

    def __call__(
        self, mode: CheckMode, found: Callable[[Finding], None], devices_done: asyncio.Event, /
    ) -> Awaitable[None]:
        """Tell each finding as it is known, within the mode's data budget.

        ``devices_done`` is set when devices and computer are through: what would disturb them waits.
        """
        ...


class DeviceFindings(Protocol):
    """How devices and computer are looked at."""

    def __call__(
        self, checks: Sequence[str], found: Callable[[Finding], None], /, *, hurried: bool
    ) -> Awaitable[None]:
        """Run some checks; cancelling frees the devices. Hurried, none looks longer to be certain."""
        ...


@dataclass(frozen=True, slots=True)
class CheckPorts:
    """What a check needs of its surroundings.

    Attributes:
        devices: Looks at devices and computer.
        network: Measures the link.
        now_ms: Unix milliseconds.
        in_call: Whether a call runs.
        metered: Whether the link costs by the byte, which makes every check quick; None = cannot
            tell.
        on_state: Told of every change.
        on_verdict: Told of each verdict; may return one more finding, such as the trend, that is
            shown and does not change it.
        sent_bytes: What the probes moved so far in this run; None = not counted.
        spawn: Starts a task, and tells somebody when it fails.
    """

    devices: DeviceFindings
    network: NetworkFindings
    now_ms: Callable[[], int]
    in_call: Callable[[], bool]
    on_state: Callable[[SelfCheckState], None]
    on_verdict: Callable[[SelfCheckState], Finding | None]
    metered: Callable[[], Awaitable[bool | None]]
    sent_bytes: Callable[[], int | None] = lambda: None
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = asyncio.create_task


class SelfCheck:
    """Runs one check at a time."""

    def __init__(self, ports: CheckPorts) -> None:
        self._ports = ports
        self._task: asyncio.Task[None] | None = None
        self._again: set[Group] = set()
        self._devices_done = asyncio.Event()
        self._speed: dict[str, tuple[int, Finding]] = {}
        self.state = SelfCheckState()

    def _set(self, state: SelfCheckState) -> None:
        self.state = state
        self._ports.on_state(state)

    # ---- start and stop ------------------------------------------------------------------------

    def start(self, mode: CheckMode, groups: frozenset[Group] = ALL_GROUPS) -> None:
        """Start a run, unless one runs or a call does.

        Args:
            mode: How far to go; a metered link makes anything but a thorough run quick.
            groups: Only these cards; their old findings go, all others stay and count.
        """
        if self.state.running:
            if groups != ALL_GROUPS:
                self._again |= groups  # plugged in while a check runs: looked at right after it
            return
        if self._ports.in_call():
            self._set(replace(self.state, refused="in-call"))
            return
        now_ms = self._ports.now_ms()
        kept = tuple(f for f in self.state.findings if f.group not in groups and f.check in LIMITS)
        if groups == ALL_GROUPS or self.state.verdict is None:
            groups, kept = ALL_GROUPS, ()
        self._set(
            SelfCheckState(
                running=True,
                mode=mode,
                asked=mode,
                findings=kept,
                expected=checks_of(groups),
                verdict=self.state.verdict,
                started_ms=now_ms,
                until_ms=now_ms + round(BUDGETS[mode].seconds * 1000),
                groups=groups,
            )
        )
        self._task = self._ports.spawn(self._run())

    def stop(self, *, by_call: bool = False) -> None:
        """Stop a run; a call always wins. What was found stays, without a new verdict."""
        self._again.clear()
        if self._task is not None and self.state.running:
            self._task.cancel()
            # Said at once, not when the last probe has let go: the screen and the call go on now.
            self._set(replace(self.state, running=False, stopped=True, by_call=by_call))

    def take(self, finding: Finding) -> None:
        """Take a finding of a test that a person took part in; the verdict follows it."""
        others = tuple(f for f in self.state.findings if f.check != finding.check)
        findings = (*others, finding)
        before = self.state.verdict
        if self.state.running or before is None:
            self._set(replace(self.state, findings=findings))
            return
        result = verdict(findings, before.at_ms)
        changed = replace(
            self.state, findings=findings, verdict=result,
            at_least=result.rung, at_most=result.rung,
        )  # fmt: skip
        self._set(changed)

    async def wait(self) -> None:
        """Wait for the run that was started, and for what had to follow it."""
        while self._task is not None and not self._task.done():
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- one run -------------------------------------------------------------------------------

    async def _run(self) -> None:
        mode, groups = self.state.mode, self.state.groups
        self._devices_done = asyncio.Event()
        try:
            # Asking how the link is paid for takes a while on some systems: it counts in the time.
            async with asyncio.timeout(BUDGETS[mode].seconds - MARGIN_S) as limit:
                mode = await self._affordable(mode, limit)
                async with asyncio.TaskGroup() as works:
                    works.create_task(self._devices(mode, groups))
                    if Group.NETWORK in groups:
                        works.create_task(self._network(mode, limit))
        except TimeoutError:
            _log.info("check_cut_off", count=len(self.state.findings))
        except asyncio.CancelledError:
            return
        except BaseException:
            # A bug in a probe is reported by whoever runs this task; the next check may start.
            self._set(replace(self.state, running=False, stopped=True))
            raise
        self._finish()

    async def _affordable(self, mode: CheckMode, limit: asyncio.Timeout) -> CheckMode:
        if mode is CheckMode.QUICK or not await self._ports.metered():
            return mode
        self._shorten(limit, CheckMode.QUICK)
        return CheckMode.QUICK

    def _shorten(self, limit: asyncio.Timeout, mode: CheckMode) -> None:
        seconds = BUDGETS[mode].seconds
        limit.reschedule(asyncio.get_running_loop().time() + seconds - MARGIN_S)
        until = self._ports.now_ms() + round(seconds * 1000)
        self._set(replace(self.state, mode=mode, until_ms=until))

    async def _devices(self, mode: CheckMode, groups: frozenset[Group]) -> None:
        checks = checks_of(groups - {Group.NETWORK})
        try:
            if checks:
                hurried = mode is CheckMode.QUICK
                await self._ports.devices(checks, self._add, hurried=hurried)
                self._out_of(checks)
        finally:
            self._devices_done.set()

    async def _network(self, mode: CheckMode, limit: asyncio.Timeout) -> None:
        def found(finding: Finding) -> None:
            self._add(finding)
            self._allow_more(mode, limit)

        noticing = asyncio.create_task(self._notice_slow(mode, limit))
        try:
            await self._ports.network(mode, found, self._devices_done)
        finally:
            noticing.cancel()
        self._out_of(checks_of(frozenset({Group.NETWORK})))

    def _out_of(self, checks: Sequence[str]) -> None:
        """A part is over: what it did not report will not come, and is not waited for."""
        known = {finding.check for finding in self.state.findings}
        gone = set(checks) - known
        self._set(self._bounded(expected=tuple(c for c in self.state.expected if c not in gone)))

    def _allow_more(self, mode: CheckMode, limit: asyncio.Timeout) -> None:
        """A slow link needs longer for the same few bytes."""
        if is_slow(self.state.findings):
            self._more_time(mode, limit)

    async def _notice_slow(self, mode: CheckMode, limit: asyncio.Timeout) -> None:
        """Take a link for slow whose server answers and whose rate is still not known by now."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, (limit.when() or now) - now - SLOW_NOTICE_S))
        known = {f.check: f for f in self.state.findings}
        first = known.get("N1")
        # one that answers late fails as well, but with a number
        answers = first is not None and (
            first.outcome is not Outcome.FAIL or first.value is not None
        )
        if answers and _SPEED_CHECKS.isdisjoint(known):
            self._more_time(mode, limit)

    def _more_time(self, mode: CheckMode, limit: asyncio.Timeout) -> None:
        budget, when = BUDGETS[mode], limit.when()
        started_ms = self.state.started_ms or 0
        until_ms = started_ms + round(budget.slow_link_seconds * 1000)
        if when is None or budget.slow_link_seconds <= budget.seconds:
            return
        if self.state.until_ms != until_ms:
            limit.reschedule(when + budget.slow_link_seconds - budget.seconds)
            self._set(replace(self.state, until_ms=until_ms))

    def _add(self, finding: Finding) -> None:
        if not self.state.running:
            return
        finding = self._or_last_speed(finding)
        others = tuple(f for f in self.state.findings if f.check != finding.check)
        self._set(self._bounded(findings=(*others, finding)))

    def _or_last_speed(self, finding: Finding) -> Finding:
        """Return the last speed, if it is fresh, while another PC of the site measures the link."""
        now_ms = self._ports.now_ms()
        if finding.cause == OTHER_PC:
            at_ms, last = self._speed.get(finding.check, (0, finding))
            return last if now_ms - at_ms <= AUTO_FRESH_MS else finding
        if finding.check in _SPEED_CHECKS and finding.outcome is not Outcome.CANNOT_TELL:
            self._speed[finding.check] = (now_ms, finding)
        return finding

    def _bounded(
        self,
        *,
        findings: tuple[Finding, ...] | None = None,
        expected: tuple[str, ...] | None = None,
    ) -> SelfCheckState:
        findings = self.state.findings if findings is None else findings
        expected = self.state.expected if expected is None else expected
        known = {finding.check for finding in findings}
        least, most = rung_bounds(findings, [check for check in expected if check not in known])
        return replace(
            self.state, findings=findings, expected=expected, at_least=least, at_most=most
        )

    def _finish(self) -> None:
        known = {finding.check for finding in self.state.findings}
        missing = [
            LIMITS[check].unknown(LATE)
            for check in checks_of(self.state.groups)
            if check not in known and check in ESSENTIAL
        ]
        findings = (*self.state.findings, *missing)
        before = self.state.verdict
        # A part that was looked at again makes the rest no younger.
        part = before is not None and self.state.groups != ALL_GROUPS
        at_ms = before.at_ms if part and before is not None else self._ports.now_ms()
        result = verdict(findings, at_ms)
        done = replace(
            self.state,
            running=False,
            findings=findings,
            verdict=result,
            at_least=result.rung,
            at_most=result.rung,
            data_bytes=self._ports.sent_bytes(),
        )
        trend = self._ports.on_verdict(done)
        self._set(done if trend is None else replace(done, findings=(*findings, trend)))
        if self._again:
            groups, self._again = frozenset(self._again), set()
            self.start(CheckMode.QUICK, groups)
