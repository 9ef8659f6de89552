"""The self-check: every probe, the verdict, and what a person does about the rest.

Device probes run in the media process, network probes here. Never during a call. Core thread.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import httpx
import structlog

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.network import network_findings
from telemed_desk.devices.findings import Finding, Outcome, Verdict
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.verdict import verdict
from telemed_desk.media import control
from telemed_desk.workflow.media_hub import MediaHub
from telemed_protocol.errors import KnownError

_log = structlog.get_logger("self_check")

QUICK_LIMIT_S = 30.0
"""A probe that hangs must not hold the verdict for ever; what is missing then cannot be told."""
DEVICE_CHECKS = tuple(check for check in LIMITS if not check.startswith("N"))
NETWORK_CHECKS = tuple(check for check in LIMITS if check.startswith("N"))


@dataclass(frozen=True, slots=True)
class SelfCheckState:
    """What the screen shows."""

    running: bool = False
    quick: bool = False
    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None
    started_ms: int | None = None
    refused: str = ""
    stopped: bool = False

    @property
    def done_share(self) -> float:
        """How much of the expected findings is in, 0 to 1."""
        return min(1.0, len(self.findings) / len(LIMITS))


@dataclass(frozen=True, slots=True)
class Link:
    """How to measure the way to the server; without a token the speed cannot be told."""

    client: httpx.AsyncClient
    base_url: str
    token: str = ""


class SelfCheck:
    """Runs one check at a time."""

    def __init__(
        self,
        hub: MediaHub,
        link: Callable[[], Awaitable[Link | None]],
        *,
        now_ms: Callable[[], int],
        in_call: Callable[[], bool],
        on_state: Callable[[SelfCheckState], None],
        on_verdict: Callable[[Verdict], None],
    ) -> None:
        self._hub = hub
        self._link = link
        self._now_ms = now_ms
        self._in_call = in_call
        self._on_state = on_state
        self._on_verdict = on_verdict
        self._task: asyncio.Task[None] | None = None
        self.state = SelfCheckState()

    def _set(self, state: SelfCheckState) -> None:
        self.state = state
        self._on_state(state)

    def start(self, *, quick: bool) -> None:
        """Start a run, unless one runs or a call does."""
        if self.state.running:
            return
        if self._in_call():
            self._set(replace(self.state, refused="in-call"))
            return
        self._set(SelfCheckState(running=True, quick=quick, started_ms=self._now_ms()))
        self._task = asyncio.get_running_loop().create_task(self._run(quick=quick))

    def stop(self) -> None:
        """Stop a run; a call always wins."""
        if self._task is not None and self.state.running:
            self._task.cancel()

    async def wait(self) -> None:
        """Wait for the run that was started."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, *, quick: bool) -> None:
        try:
            async with asyncio.timeout(QUICK_LIMIT_S):
                # Devices and link are independent; the encoder trial runs last of the devices, when
                # the short transfer is over or nearly so.
                await asyncio.gather(self._devices(), self._network(quick=quick))
        except TimeoutError:
            _log.warning("check_timed_out", count=len(self.state.findings))
        except asyncio.CancelledError:
            self._set(replace(self.state, running=False, stopped=True))
            return
        self._finish()

    def _finish(self) -> None:
        known = {finding.check for finding in self.state.findings}
        missing = [
            limit.unknown("The check did not finish in time.")
            for check, limit in LIMITS.items()
            if check not in known and check in _ALWAYS
        ]
        findings = (*self.state.findings, *missing)
        result = verdict(findings, self._now_ms())
        self._set(replace(self.state, running=False, findings=findings, verdict=result))
        self._on_verdict(result)

    def _add(self, finding: Finding) -> None:
        self._set(replace(self.state, findings=(*self.state.findings, finding)))

    async def _devices(self) -> None:
        run = secrets.token_hex(4)
        done = asyncio.Event()

        def hear(message: control.FromMedia) -> None:
            if isinstance(message, control.CheckResult) and message.run == run:
                self._add(finding_of(message))
            elif isinstance(message, control.ChecksDone) and message.run == run:
                done.set()

        stop = self._hub.listen(hear)
        try:
            self._hub.send(control.RunDeviceChecks(run, list(DEVICE_CHECKS)))
            await done.wait()
        finally:
            stop()

    async def _network(self, *, quick: bool) -> None:
        try:
            link = await self._link()
        except KnownError as error:
            _log.info("check_without_link", code=error.code)
            self._add(LIMITS["N1"].failed(error.sentence, error.next_step))
            for check in NETWORK_CHECKS[1:]:
                self._add(LIMITS[check].unknown(error.sentence, error.next_step))
            return
        if link is None:
            for check in NETWORK_CHECKS:
                self._add(
                    LIMITS[check].unknown(
                        "No server is known.", "Set this PC up, or name the server."
                    )
                )
            return
        findings: AsyncIterator[Finding] = network_findings(
            link.client, link.base_url, link.token, quick=quick
        )
        async for finding in findings:
            self._add(finding)


_ALWAYS = frozenset({"C1", "C2", "M1", "M3", "S1", "P1", "N1", "N8.down", "N8.up"})
"""Checks whose absence must be said; the others follow from these."""


def finding_of(result: control.CheckResult) -> Finding:
    """Turn the media process's words into a finding; title and card stand in the table."""
    limit = LIMITS[result.check]
    return Finding(
        result.check,
        limit.group,
        limit.title,
        Outcome(result.outcome),
        result.value,
        result.unit,
        result.limit,
        result.cause,
        result.action,
        Rung(result.ceiling),
    )
