"""The network part of a self-check: the link to the server, within a mode's budget. Core thread."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx
import structlog

from telemed_desk.devices.checks.network import LinkFacts, network_findings
from telemed_desk.devices.findings import Finding, Group, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media.control import IceServerSpec
from telemed_desk.workflow.check_plan import (
    BUDGETS,
    ESSENTIAL,
    LOOP_MOST_BPS,
    CheckMode,
    allowed_s,
)
from telemed_desk.workflow.device_checks import Found, MediaChecks
from telemed_desk.workflow.link_speed import SPEED_CHECKS, LinkSpeed
from telemed_protocol.errors import KnownError

_log = structlog.get_logger("link_checks")
_NEEDED = tuple(
    check for check, limit in LIMITS.items() if limit.group is Group.NETWORK and check in ESSENTIAL
)
_LOOP_S = 2.5
"""Bytes that the test call moves for each bit per second of its cap: four seconds, both sides send, each
byte leaves and comes back, and a quarter for headers and for connecting."""
STOPPING_S = 0.8
"""Of a check's time, for the verdict, and for the way back of what was measured last."""
_LEAST_CALL_BPS = 40_000
"""Below that there is no voice to be heard; then only the relays are asked."""
_CALL_SHARE = 0.5
"""Of the slower way's rate that the test call may take: it shares a relay with itself, both ways."""


@dataclass(frozen=True, slots=True)
class Link:
    """How to measure the way to the server; without a token the speed cannot be told."""

    client: httpx.AsyncClient
    base_url: str
    token: str = ""
    ice_servers: Sequence[IceServerSpec] = ()
    usual_issuer: str = ""
    """Who signed the server's certificate at earlier checks; empty = not known."""
    own_authority: bool = False
    """The client trusts the clinic's own authority and no other."""


class LinkChecks:
    """Measures the network for one check at a time.

    Args:
        link: Where the server is and as whom; None = no server is known.
        media: Holds the test call.
    """

    def __init__(self, link: Callable[[], Awaitable[Link | None]], media: MediaChecks) -> None:
        self._link = link
        self._media = media
        self.moved_bytes: int | None = None
        self._facts = LinkFacts()
        self._foreign = False

    @property
    def issuer(self) -> str:
        """Who signed the server's certificate in the last check; empty = not seen, or foreign."""
        return "" if self._foreign else self._facts.issuer

    async def run(self, mode: CheckMode, found: Found, devices_done: asyncio.Event) -> None:
        """Measure; ``found`` is called with each finding as soon as it is known.

        Relays are asked while the rate is measured: a few small packets. The test call is held when
        rate and devices are through, because it would disturb both.
        """
        self.moved_bytes = None
        self._facts = LinkFacts()
        self._foreign = False
        try:
            link = await self._link()
        except KnownError as error:
            _log.info("check_without_link", code=error.code)
            found(LIMITS["N1"].failed(error.sentence, error.next_step))
            self._unknown(error.sentence, error.next_step, found)
            return
        if link is None:
            said = ("No server is known.", "Set this PC up, or name the server.")
            found(LIMITS["N1"].unknown(*said))
            self._unknown(*said, found)
            return
        rates: dict[str, float] = {}

        def note(finding: Finding) -> None:
            if finding.value is not None:
                rates[finding.check] = finding.value * 1000
            found(finding)

        quick = mode is CheckMode.QUICK
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._rate(link, note, mode))
            if link.ice_servers and quick:
                parts.create_task(self._trial(link, found, loop=False, cap_bps=0))
        if not quick:
            await devices_done.wait()
            slower = min(rates.get("N8.up", LOOP_MOST_BPS), rates.get("N8.down", LOOP_MOST_BPS))
            left_bytes = BUDGETS[mode].most_bytes - (self.moved_bytes or 0)
            cap_bps = round(min(LOOP_MOST_BPS, _CALL_SHARE * slower, left_bytes / _LOOP_S))
            loop = cap_bps >= _LEAST_CALL_BPS
            await self._trial(link, found, loop=loop, cap_bps=max(cap_bps, _LEAST_CALL_BPS))

    def _unknown(self, cause: str, action: str, found: Found) -> None:
        for check in _NEEDED:
            if check != "N1":
                found(LIMITS[check].unknown(cause, action))

    async def _rate(self, link: Link, found: Found, mode: CheckMode) -> None:
        facts = self._facts
        # What names, sign-in pages and far servers take of a check's time is taken off the measurement.
        began_at = asyncio.get_running_loop().time()
        speed = LinkSpeed(
            link.client, link.base_url, link.token, self._media.hub, list(link.ice_servers)
        )
        rest_rtt: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as parts:

            async def measure() -> None:
                await speed.ask(mode.value)
                # What is still asked about the way meanwhile are a few small packets.
                ends_at = began_at + allowed_s(mode, far=facts.far) - STOPPING_S
                parts.create_task(self._speed(speed, found, mode, rest_rtt, ends_at))

            async for finding in network_findings(
                link.client,
                link.base_url,
                link.token,
                quick=mode is CheckMode.QUICK,
                speed=False,
                usual_issuer=link.usual_issuer,
                own_authority=link.own_authority,
                facts=facts,
                on_reached=measure,
            ):
                self._foreign |= finding.check == "N1.issuer" and finding.outcome is Outcome.WARN
                found(finding)
                if facts.rtt_s is not None and not rest_rtt.done():
                    rest_rtt.set_result(facts.rtt_s)
        if not facts.reached:
            for check in SPEED_CHECKS:
                found(LIMITS[check].unknown("The server cannot be reached."))

    async def _speed(
        self,
        speed: LinkSpeed,
        found: Found,
        mode: CheckMode,
        rest_rtt: asyncio.Future[float],
        ends_at: float,
    ) -> None:
        try:
            async for finding in speed.findings(
                mode.value, rest_rtt=rest_rtt, ends_at=ends_at, far=self._facts.far
            ):
                found(finding)
        finally:
            self.moved_bytes = (self.moved_bytes or 0) + speed.moved_bytes

    async def _trial(self, link: Link, found: Found, *, loop: bool, cap_bps: int) -> None:
        moved = await self._media.link_trial(
            link.ice_servers,
            found,
            loop=loop,
            cap_bps=cap_bps,
            clock_ahead_s=self._facts.clock_ahead_s or 0.0,
        )
        self.moved_bytes = (self.moved_bytes or 0) + moved
