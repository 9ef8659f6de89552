"""One measurement from the desk's request to its figures: which way, then the train on it.

Through the relay first, because a call may go there and a firewall judges both alike; then straight to
the responder; where there is none, from one address at the relay to another. What remains is HTTPS,
which the desk does.
"""

import contextlib
import time
from collections.abc import Callable

from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.devices.probe.plan import PLANS, ProbePlan
from telemed_desk.devices.probe.session import ProbeSession
from telemed_desk.media.control import FromMedia, LinkProbed, RunLinkProbe
from telemed_desk.media.media_loop import turn_servers
from telemed_desk.media.probe.driver import SessionDriver
from telemed_desk.media.probe.ways import Relay, Way, direct_way, loop_way, open_relay, relay_way
from telemed_desk.media.transport.gathering import resolve

OPENING_S = 0.5
"""What opening a way may take; the rest comes off the measurement, so that the check ends in time."""


async def run_link_probe(message: RunLinkProbe, send: Callable[[FromMedia], object]) -> int:
    """Measure, and say what came of it.

    Returns:
        How many bytes went over the network, both ways, headers included.
    """
    begun = time.monotonic() - message.late_s
    relay = await open_relay(turn_servers(message.ice_servers))
    try:
        figures = await _measure(message, relay, begun)
        send(LinkProbed(message.run, figures))
    finally:
        if relay is not None:
            await relay[1].give_back()
    return figures.moved_bytes


async def _measure(message: RunLinkProbe, relay: Relay | None, begun: float) -> LinkFigures:
    def plan() -> ProbePlan:
        whole = PLANS[message.plan].for_far() if message.far else PLANS[message.plan]
        return whole.shorter(time.monotonic() - begun - OPENING_S)

    addresses = await _addresses(message.host, message.port)
    moved = 0
    if relay is not None:
        for version, address in addresses:
            if version == 4:
                async with relay_way(*relay, address) as way:
                    figures = await _on(way, message, plan())
                moved += figures.moved_bytes
                if figures.outcome == "measured":
                    return figures
    for version, address in [] if _no_udp(relay, message) else addresses:
        with contextlib.suppress(OSError):
            async with direct_way(version, address) as way:
                figures = await _on(way, message, plan())
            moved += figures.moved_bytes
            if figures.outcome == "measured":
                return figures
    if relay is not None:
        async with loop_way(*relay) as through:
            if through is not None:
                return await _on(through, message, plan())
    return LinkFigures(moved_bytes=moved)


def _no_udp(relay: Relay | None, message: RunLinkProbe) -> bool:
    """Tell whether to spare the time of asking straight over UDP, where the relay had no ear for it."""
    hurry = message.plan in ("watch", "quick")
    return hurry and relay is not None and relay[0].way != "udp"


async def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """Return the responder's addresses, each with its IP version; none when there is no responder."""
    if not port:
        return []
    try:
        return [(version, (address, port)) for version, address in await resolve(host, port)]
    except OSError:
        return []


async def _on(way: Way, message: RunLinkProbe, plan: ProbePlan) -> LinkFigures:
    session = ProbeSession(
        message.session,
        message.key,
        plan,
        loop=way.loop,
        extra_bytes=way.extra_bytes,
        stream=way.stream,
    )
    driver = SessionDriver(session, way.send)
    way.hear = driver.received
    await driver.run()
    return session.figures(way.name)
