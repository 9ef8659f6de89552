"""The network checks that the desk makes over HTTPS: the way to the clinic's own server.

The parts are in :mod:`.names`, :mod:`.reach`, :mod:`.portal`, :mod:`.path` and :mod:`.speed`; relays
and the test call are the media process's business. No host that is not the clinic's is ever asked. The
client, the token and the clocks are handed in.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from telemed_desk.devices.checks.names import issuer_finding, name_finding
from telemed_desk.devices.checks.path import path_findings
from telemed_desk.devices.checks.portal import portal_finding
from telemed_desk.devices.checks.reach import (
    PINGS_AT_REST,
    QUICK_PINGS,
    QUICK_REACH_S,
    REACH_S,
    at_rest,
    clock_finding,
    first_answer,
    reach_finding,
    unreachable,
)
from telemed_desk.devices.checks.speed import speed_findings
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS


@dataclass(slots=True)
class LinkFacts:
    """What the checks learn on the way, for the checks that follow. Filled in while they run.

    Attributes:
        reached: The server answered.
        far: Its answers take so long that the check may.
        rtt_s: Round trip of a request to it, at rest.
        clock_ahead_s: How far our clock is ahead of its; None = cannot tell.
        issuer: Who signed its certificate; given back as ``usual_issuer`` the next time.
    """

    reached: bool = False
    far: bool = False
    rtt_s: float | None = None
    clock_ahead_s: float | None = None
    issuer: str = ""


async def network_findings(
    client: httpx.AsyncClient,
    base_url: str,
    token: str,
    *,
    quick: bool = True,
    wall_clock: Callable[[], float] = time.time,
    speed: bool = True,
    usual_issuer: str = "",
    own_authority: bool = False,
    facts: LinkFacts | None = None,
    on_reached: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Finding]:
    """Measure and yield each finding as it is known; at most about 15 s on a dead slow link.

    Args:
        client: Verifies certificates as the rest of the desk does.
        base_url: Of the server, without a slash at the end.
        token: Bearer token for the rate test.
        quick: At most half a megabyte; otherwise up to 2 MB.
        wall_clock: Seconds since 1970, for the clock check.
        speed: Measure the speed over HTTPS too; False where a better measure follows.
        usual_issuer: Who signed the server's certificate at earlier checks; empty = not known.
        own_authority: The client trusts the clinic's own authority and no other.
        facts: Filled with what following checks need.
        on_reached: Awaited as soon as the server has answered once, before it is asked for more: a
            request made there finds a connection open, and on a far link that is worth seconds.
    """
    facts = facts if facts is not None else LinkFacts()
    base_url = base_url.rstrip("/")
    host = urlsplit(base_url).hostname or ""
    beside = [
        asyncio.create_task(path_findings(host)),
        asyncio.create_task(_alone(name_finding(host))),
    ]
    try:
        try:
            pings, within_s = (QUICK_PINGS, QUICK_REACH_S) if quick else (PINGS_AT_REST, REACH_S)
            first = await first_answer(client, base_url, within_s=within_s)
        except (httpx.HTTPError, TimeoutError) as error:
            yield unreachable(error)
            yield LIMITS["N4"].unknown("The server cannot be reached.")
        else:
            facts.reached, facts.far, facts.issuer = True, first.far, first.issuer or ""
            yield reach_finding(first)
            if first.issuer is not None:
                yield issuer_finding(first.issuer, usual_issuer, own_authority=own_authority)
            if on_reached is not None:
                await on_reached()
            rest = await at_rest(client, base_url, wall_clock, pings=pings)
            facts.rtt_s = first.seconds if rest.rtt_s is None else rest.rtt_s
            facts.clock_ahead_s = rest.clock_ahead_s
            yield clock_finding(rest)
        yield await portal_finding(client, base_url, reached=facts.reached)
        for task in beside:
            for finding in await task:
                yield finding
    finally:
        for task in beside:
            task.cancel()
    if not speed:
        return
    if facts.rtt_s is None:
        for check in ("N8.down", "N8.up", "N9"):
            yield LIMITS[check].unknown("The server cannot be reached.")
        return
    async for finding in speed_findings(
        client, base_url, token, rest_rtt_s=facts.rtt_s, quick=quick
    ):
        yield finding


async def _alone(finding: Awaitable[Finding]) -> list[Finding]:
    return [await finding]
