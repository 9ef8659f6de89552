"""Asks each relay for an address in each way, at once, with the call's own relay client (N5).

A peer connection hides why a relay is of no use; asking the relay directly names it. Whatever is given
is given back at once.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final

from aioice import stun

from telemed_desk.devices.checks.relay import RelayAnswer, best_reason
from telemed_desk.media.transport.gathering import resolve
from telemed_desk.media.transport.relay import UdpRelayClient, open_client, relay_problem
from telemed_desk.media.transport.servers import TurnServer

DEADLINE_S: Final = 2.5
LATEST_S: Final = 6.0
"""When nothing has answered by the deadline: a far satellite link needs so long for TLS."""
_X509_NOT_YET, _X509_OVER = 9, 10
_CLOCK_S: Final = 60.0


def relay_cause(
    error: BaseException, username: str, now_s: float, clock_ahead_s: float = 0.0
) -> str:
    """Name what is wrong with a relay, more exactly than a call needs it.

    Args:
        error: What asking it raised.
        username: As given; the part before the colon of a time-limited one is its end.
        now_s: Unix time by this PC's clock.
        clock_ahead_s: How far that clock is ahead of the server's; negative = behind.

    Returns:
        A key of :data:`~telemed_desk.devices.checks.relay.RELAY_WORDS`.
    """
    code = relay_problem(error, username, now_s - clock_ahead_s)
    by_our_clock = relay_problem(error, username, now_s)
    if code == "relay-expired" and by_our_clock == "relay-refused":
        return "relay-clock"  # ours is slow, so that a credential that had ended seemed good
    if code == "relay-certificate":
        reason = getattr(error, "verify_code", 0)
        if reason in (_X509_NOT_YET, _X509_OVER) and abs(clock_ahead_s) > _CLOCK_S:
            return "relay-clock"
    if code == "relay-unreachable":
        if isinstance(error, ConnectionRefusedError):
            return "relay-closed"
        return "relay-tls" if isinstance(error, ssl.SSLError) else "relay-silent"
    return code


async def try_relays(
    servers: Sequence[TurnServer],
    *,
    deadline_s: float = DEADLINE_S,
    clock_ahead_s: float = 0.0,
    wall_clock: Callable[[], float] = time.time,
) -> list[RelayAnswer]:
    """Ask all relays in all ways at once.

    Args:
        servers: Each with its way and its credential.
        deadline_s: Whoever has not answered by then is silent; while nobody has answered at all,
            :data:`LATEST_S` count.
        clock_ahead_s: How far this PC's clock is ahead of the server's.
        wall_clock: Unix seconds, to judge credentials by.
    """
    causes = _Causes(clock_ahead_s, wall_clock)
    begun = time.monotonic()
    asked = {asyncio.create_task(_ask(server, causes)): server for server in servers}
    causes.so_far.update({s.name: _answer(s, "relay-silent") for s in servers})
    try:
        done, late = await asyncio.wait(asked, timeout=deadline_s) if asked else (set(), set())
        if late and not any(task.result().code == "" for task in done):
            left_s = begun + max(deadline_s, LATEST_S) - time.monotonic()
            await asyncio.wait(late, timeout=left_s)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    finally:
        for task in asked:
            task.cancel()
    return [
        causes.so_far[server.name] if task.cancelled() else task.result()
        for task, server in asked.items()
    ]


class _Causes:
    """Names errors by one clock; and remembers how far those came who were not heard of again."""

    def __init__(self, clock_ahead_s: float, wall_clock: Callable[[], float]) -> None:
        self._clock_ahead_s = clock_ahead_s
        self._wall_clock = wall_clock
        self.so_far: dict[str, RelayAnswer] = {}

    def of(self, error: BaseException, server: TurnServer) -> str:
        return relay_cause(error, server.username, self._wall_clock(), self._clock_ahead_s)


def _answer(server: TurnServer, code: str, ms: float | None = None) -> RelayAnswer:
    return RelayAnswer(server.name, server.way, server.host, code, ms)


async def _ask(server: TurnServer, causes: _Causes) -> RelayAnswer:
    """Ask one server at all its addresses; the first that gives something decides."""
    begun = time.monotonic()
    causes.so_far[server.name] = _answer(server, "relay-name")
    try:
        addresses = await resolve(server.host, server.port)
    except OSError as error:
        return _answer(server, causes.of(error, server))
    causes.so_far[server.name] = _answer(server, "relay-silent")
    asked = [
        asyncio.create_task(_allocate(server, (address, server.port), family, causes, begun))
        for version, address in addresses
        for family in ((4,) if version == 4 else (6, 4))  # as a call asks
    ]
    codes = []
    try:
        for asking in asyncio.as_completed(asked):
            answer = await asking
            if answer.code == "":
                return answer
            codes.append(answer.code)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return _answer(server, best_reason(codes))


async def _allocate(
    server: TurnServer, address: tuple[str, int], family: int, causes: _Causes, begun: float
) -> RelayAnswer:
    """Ask at one address for one of this IP version, and give back what is given."""
    try:
        opened, client = await open_client(server, address)
    except OSError as error:
        return _answer(server, causes.of(error, server))
    client.family = family
    connecting = asyncio.ensure_future(client.connect())
    refused = False

    def on_refused() -> None:
        nonlocal refused
        refused = True
        connecting.cancel()

    if isinstance(client, UdpRelayClient):
        client.on_refused = on_refused
    try:
        await connecting
    except (OSError, stun.TransactionError) as error:
        opened.abort()
        return _answer(server, causes.of(error, server))
    except asyncio.CancelledError:
        connecting.cancel()
        opened.abort()
        if refused:
            return _answer(server, "relay-closed")
        raise
    answer = _answer(server, "", 1000 * (time.monotonic() - begun))
    causes.so_far[server.name] = answer  # giving it back may outlast the deadline
    await client.delete()
    return answer
