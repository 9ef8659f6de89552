"""Whether the clinic's server can be reached and trusted, and how wrong our clock is (N1, N4)."""

import asyncio
import contextlib
import dataclasses
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from telemed_desk.devices.checks.names import certificate_problem, issuer_of
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS, N1_UNREACHABLE_RUNG

REACH_S: Final = 9.0
QUICK_REACH_S: Final = 4.5
"""A round trip of 0.7 s six times: name, TCP, TLS, question."""
ANOTHER_AFTER_S: Final = 1.5
"""Where packets get lost, one that is missing holds a young connection up for seconds: TCP does not know
the round trip yet. So another is begun beside it, and the first answer counts."""
MOST_AT_ONCE: Final = 5
"""One in five packets lost leaves three connections without an answer for 9 s now and then."""
PINGS_S: Final = 1.5
"""For all pings together: on a far link one or two tell enough."""
PINGS_AT_REST: Final = 4
QUICK_PINGS: Final = 2
FAR_RTT_S: Final = 0.5
"""A satellite high up, or a longer way. Until a train may begin there are twelve round trips."""
CLOCK_RESOLUTION_S: Final = 0.5
"""HTTP's Date is cut to whole seconds: on average half a second is missing."""
_NOT_YET_VALID, _NO_LONGER_VALID = 9, 10
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What the first request showed.

    Attributes:
        seconds: Until its answer, with looking up, connecting and TLS.
        issuer: Who signed the server's certificate; None = the connection is not encrypted.
        rtt_s: Of its question and answer alone.
    """

    seconds: float
    issuer: str | None
    rtt_s: float = 0.0

    @property
    def far(self) -> bool:
        """Whether the server is so far that each step of a measurement takes long."""
        return self.rtt_s >= FAR_RTT_S


@dataclass(frozen=True, slots=True)
class AtRest:
    """What the requests after it showed, on the open connection.

    Attributes:
        rtt_s: The quickest; None = none of them was answered in time.
        clock_ahead_s: How far our clock is ahead of the server's; None = it did not say.
    """

    rtt_s: float | None
    clock_ahead_s: float | None


async def first_answer(
    client: httpx.AsyncClient, base_url: str, *, within_s: float = REACH_S
) -> FirstAnswer:
    """Ask the server for its health.

    Raises:
        httpx.HTTPError, TimeoutError: See :func:`unreachable`.
    """
    started = time.monotonic()
    async with asyncio.timeout(within_s):
        issuer, rtt_s = await _quickest(client, base_url)
    return FirstAnswer(time.monotonic() - started, issuer, rtt_s)


async def at_rest(
    client: httpx.AsyncClient,
    base_url: str,
    wall_clock: Callable[[], float] = time.time,
    *,
    pings: int = PINGS_AT_REST,
) -> AtRest:
    """Ask a few times more, at most for :data:`PINGS_S`: whoever answered once is reachable anyway."""
    heard: list[tuple[float, float | None]] = []
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(PINGS_S):
            for _ in range(pings):
                heard.append(await _ping(client, base_url, wall_clock))  # noqa: PERF401 - those before a time-out count
    # the quickest one knows best when, on the way, the server looked at its clock
    return AtRest(*min(heard, key=lambda ping: ping[0], default=(None, None)))


async def _ping(
    client: httpx.AsyncClient, base_url: str, wall_clock: Callable[[], float]
) -> tuple[float, float | None]:
    asked_wall, asked = wall_clock(), time.monotonic()
    answer = await client.get(f"{base_url}/healthz")
    rtt_s = time.monotonic() - asked
    return rtt_s, clock_ahead_s(answer.headers.get("date"), asked_wall + rtt_s / 2)


async def _quickest(client: httpx.AsyncClient, base_url: str) -> tuple[str | None, float]:
    """Ask over several connections, begun one after the other; the first outcome counts."""
    tries: set[asyncio.Task[tuple[str | None, float]]] = set()
    try:
        while True:
            if len(tries) < MOST_AT_ONCE:
                tries.add(asyncio.create_task(_first(client, base_url)))
            done, _ = await asyncio.wait(
                tries, timeout=ANOTHER_AFTER_S, return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                return one.result()
    finally:
        for one in tries:
            one.cancel()
        await asyncio.gather(*tries, return_exceptions=True)


class _Asked:
    """Notes when the question left and the answer came, connecting aside."""

    def __init__(self) -> None:
        self._asked_at = time.monotonic()
        self.rtt_s = 0.0

    async def trace(self, event: str, _details: object) -> None:
        """As httpcore names what it does; a proxy is asked in the same way before the server is."""
        if event.endswith(".send_request_headers.started"):
            self._asked_at = time.monotonic()
        elif event.endswith(".receive_response_headers.complete"):
            self.rtt_s = time.monotonic() - self._asked_at


async def _first(client: httpx.AsyncClient, base_url: str) -> tuple[str | None, float]:
    asked = _Asked()
    traced = {"trace": asked.trace}
    async with client.stream("GET", f"{base_url}/healthz", extensions=traced) as answer:
        answer.raise_for_status()
        await answer.aread()
        stream = answer.extensions.get("network_stream")
        encrypted = None if stream is None else stream.get_extra_info("ssl_object")
        if encrypted is None:
            return None, asked.rtt_s
        certificate = encrypted.getpeercert(binary_form=True)
        return issuer_of(certificate) if certificate else "", asked.rtt_s


def clock_ahead_s(date: str | None, our_time: float) -> float | None:
    """Return how far our clock is ahead of the server's Date; None when it said nothing of use."""
    if date is None:
        return None
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    return our_time - (theirs + CLOCK_RESOLUTION_S)


def reach_finding(seen: FirstAnswer) -> Finding:
    """Judge N1."""
    return LIMITS["N1"].judge(round(seen.seconds, 2))


def clock_finding(seen: AtRest) -> Finding:
    """Judge N4."""
    if seen.clock_ahead_s is None:
        return LIMITS["N4"].unknown("The server did not say what time it is.")
    return LIMITS["N4"].judge(round(abs(seen.clock_ahead_s), 1))


def unreachable(error: Exception) -> Finding:
    """Name what stands in the way: a certificate is another errand than a cable."""
    cause, action = _cause(error)
    return dataclasses.replace(LIMITS["N1"].failed(cause, action), ceiling=N1_UNREACHABLE_RUNG)


_UNTRUSTED: Final = (
    "The server's certificate is not trusted by this PC.",
    "Show this to your IT contact; do not enter passwords.",
)
_BY_CLOCK: Final = (
    "By the clock of this PC the server's certificate is not valid now.",
    "Look at date and time of this PC; if they are right, tell your IT contact.",
)
_NO_ANSWER: Final = (
    "The clinic's server cannot be reached.",
    "Check the network cable or Wi-Fi. Notes go on working.",
)
_CAUSES: Final[tuple[tuple[type[BaseException], tuple[str, str]], ...]] = (
    (
        httpx.HTTPStatusError,
        (
            "Something answers for the clinic's server, but not as it should.",
            "Try again in a minute; if it stays, tell your IT contact.",
        ),
    ),
    (
        httpx.ProxyError,
        (
            "The proxy of this network lets nothing pass to the clinic's server.",
            "Ask your IT contact to allow the server's name.",
        ),
    ),
    (
        ConnectionRefusedError,
        (
            "The clinic's server is not running: it refuses the connection.",
            "Tell your IT contact. Notes go on working.",
        ),
    ),
    (
        socket.gaierror,
        (
            "The clinic's server is not found under its name.",
            "Check the network cable or Wi-Fi. Notes go on working.",
        ),
    ),
)


def _cause(error: Exception) -> tuple[str, str]:
    certificate = certificate_problem(error)
    if certificate is not None or "certificate" in str(error).lower():
        code = getattr(certificate, "verify_code", 0)
        return _BY_CLOCK if code in (_NOT_YET_VALID, _NO_LONGER_VALID) else _UNTRUSTED
    named = [words for kind, words in _CAUSES if _has_cause(error, kind)]
    return named[0] if named else _NO_ANSWER


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
