"""The link part of the self-check in the media process: relays, router, and a test call (N5, N6, loop).

What strangers' servers answer is parsed here, away from the vault's keys.
"""

import asyncio
from collections.abc import Callable, Sequence
from urllib.request import getproxies

from aiortc.rtcconfiguration import RTCIceServer

from telemed_desk.clinical.ladder import LADDER, Rung
from telemed_desk.devices.checks.loop import loop_findings, without_a_call
from telemed_desk.devices.checks.nat import (
    NatSeen,
    has_ipv6,
    has_multicast,
    mapping_of,
    nat_findings,
)
from telemed_desk.devices.checks.relay import (
    RelayAnswer,
    name_what_is_blocked,
    relay_findings,
)
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media.check_results import as_result
from telemed_desk.media.control import FromMedia, IceServerSpec, RunLinkTrial
from telemed_desk.media.engine.contract import CallFailure
from telemed_desk.media.media_loop import LoopPlan, hold_test_call, turn_servers
from telemed_desk.media.relay_trial import try_relays
from telemed_desk.media.transport.gathering import resolve
from telemed_desk.media.transport.servers import StunServer, read_servers

NAT_S = 4.0
FAR_FACTOR = 5.0
"""A relay is asked in two round trips; a test call through it and back takes eleven."""
SMALL_BYTES = 3_000
"""About what asking relays and STUN servers takes."""


async def run_link_trial(message: RunLinkTrial, send: Callable[[FromMedia], object]) -> int:
    """Run it and send each finding as it is known.

    Returns:
        About how many bytes went over the network, both ways.
    """

    def report(findings: Sequence[Finding]) -> None:
        for finding in findings:
            send(as_result(message.run, finding))

    proxied = bool(getproxies())
    looking = asyncio.create_task(_look_at_router(message.ice_servers))
    try:
        answers = await try_relays(
            turn_servers(message.ice_servers), clock_ahead_s=message.clock_ahead_s
        )
        report(relay_findings(answers, proxied=proxied))
        report(nat_findings(await looking))
    finally:
        looking.cancel()
    if not message.loop:
        return SMALL_BYTES
    findings, moved_bytes = await _test_call(
        message, name_what_is_blocked(answers, proxied=proxied)
    )
    report(findings)
    return SMALL_BYTES + moved_bytes


async def _test_call(
    message: RunLinkTrial, answers: Sequence[RelayAnswer]
) -> tuple[list[Finding], int]:
    codes = [answer.code for answer in answers]
    if codes and "" not in codes:
        return [without_a_call(codes)], 0
    rung = min(max(message.start_rung, min(LADDER)), max(LADDER))
    plan = LoopPlan(
        _only_what_works(message.ice_servers, answers),
        message.seconds,
        message.connect_s + FAR_FACTOR * _quickest_s(answers),
        message.cap_bps,
        Rung(rung),
    )
    try:
        seen = await hold_test_call(plan)
    except CallFailure as error:
        return [LIMITS["loop"].unknown(error.sentence, "Check again.")], 0
    return loop_findings(seen), seen.moved_bytes


def _quickest_s(answers: Sequence[RelayAnswer]) -> float:
    times = [answer.ms for answer in answers if answer.code == "" and answer.ms is not None]
    return min(times, default=0.0) / 1000


def _only_what_works(
    specs: Sequence[IceServerSpec], answers: Sequence[RelayAnswer]
) -> tuple[IceServerSpec, ...]:
    """Leave out the ways that were just found to be of no use: waiting for them tells nothing new."""
    works = {answer.name for answer in answers if answer.code == ""}
    kept = []
    for spec in specs:
        urls = [
            url
            for url in spec.urls
            if any(
                server.name in works
                for server in turn_servers([IceServerSpec([url], spec.username, spec.credential)])
            )
        ]
        if urls:
            kept.append(IceServerSpec(urls, spec.username, spec.credential))
    return tuple(kept)


async def _look_at_router(specs: Sequence[IceServerSpec]) -> NatSeen:
    stuns, turns = read_servers(
        [RTCIceServer(s.urls, s.username or None, s.credential or None) for s in specs]
    )
    # coturn answers STUN on its TURN port too
    stuns += [StunServer(turn.host, turn.port) for turn in turns if turn.way == "udp"]
    ipv6, multicast = await asyncio.to_thread(lambda: (has_ipv6(), has_multicast()))
    for server in stuns[:1]:
        try:
            async with asyncio.timeout(NAT_S):
                addresses = [a for v, a in await resolve(server.host, server.port) if v == 4]
                if addresses:
                    mapping = await mapping_of((addresses[0], server.port))
                    return NatSeen(mapping, ipv6, multicast)
        except (OSError, TimeoutError):
            break
    return NatSeen("silent", ipv6, multicast)
