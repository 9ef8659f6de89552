"""How fast the link to the server is over its own HTTPS, and how slow while busy (N8, N9).

A capped transfer each way with pings beside it. HTTP is TCP, so below a megabit the rate is known to
a fifth or so, enough to choose a rung; where the server has a responder, the paced train of datagrams
knows it to a few per cent.
"""

import asyncio
import dataclasses
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import msgspec

from telemed_desk.clinical.ladder import LADDER, LinkMeasure, Rung, delay_allows, highest_rung
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS, RATE_CAP_BPS
from telemed_protocol.api import CONTENT_TYPE, ProbeReceipt

QUICK_BYTES = 224 * 1024
"""Each way; with the first look and the pings below half a megabyte in all."""
STANDARD_BYTES = 1024 * 1024
FIRST_LOOK_BYTES = 16 * 1024
AIM_S = 1.5
"""A transfer is chosen to take about this long, within its cap."""
QUICK_AIM_S = 0.8
"""Less exact; a quick check has no time for more."""
LIMIT_S = 6.0
SHORT_S = 0.2
PING_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class _Transfer:
    bps: float
    loaded_rtt_ms: float | None


class _Refused(Exception):
    """The server does not let us measure now; the detail is a status code."""


async def speed_findings(
    client: httpx.AsyncClient, base_url: str, token: str, *, rest_rtt_s: float, quick: bool = True
) -> AsyncIterator[Finding]:
    """Measure both ways, one after the other; yield each finding as it is known.

    Args:
        client: Verifies certificates as the rest of the desk does.
        base_url: Of the server, without a slash at the end.
        token: Bearer token.
        rest_rtt_s: Round trip of a request while the link is idle.
        quick: At most half a megabyte; otherwise up to 2 MB.
    """
    probe = _Probe(client, base_url, token, rest_rtt_s, quick=quick)
    cap = QUICK_BYTES if quick else STANDARD_BYTES
    rtts: list[float] = []
    for check, measure in (("N8.down", probe.down), ("N8.up", probe.up)):
        try:
            transfer = await measure(cap)
        except (httpx.HTTPError, TimeoutError, msgspec.DecodeError, _Refused) as error:
            yield LIMITS[check].unknown(_why(error), "Check again in a minute.")
            continue
        yield _rate_finding(check, transfer.bps)
        if transfer.loaded_rtt_ms is not None:
            rtts.append(transfer.loaded_rtt_ms)
    yield (
        _latency_finding(max(rtts), rest_rtt_s)
        if rtts
        else LIMITS["N9"].unknown("No transfer ran to measure beside.")
    )


def _why(error: Exception) -> str:
    if isinstance(error, _Refused):
        return "The server does not allow a speed test now."
    return "The transfer broke off."


def _rate_finding(check: str, bps: float) -> Finding:
    """Judge a rate; which rung it allows is the ladder's business, not this table's."""
    measured = min(bps, RATE_CAP_BPS)
    finding = LIMITS[check].judge(round(measured / 1000))
    return _on_rung(finding, highest_rung(LinkMeasure(capacity_bps=measured)))


def _latency_finding(rtt_ms: float, rest_rtt_s: float) -> Finding:
    finding = LIMITS["N9"].judge(round(rtt_ms))
    queued_ms = rtt_ms - 1000 * rest_rtt_s
    fits = [rung for rung in LADDER if delay_allows(rung, rtt_ms, queued_ms)]
    return _on_rung(finding, max(fits, default=Rung.PHONE))


def _on_rung(finding: Finding, rung: Rung) -> Finding:
    return dataclasses.replace(finding, ceiling=rung)


class _Probe:
    """The requests; one server, one token."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        token: str,
        rest_rtt_s: float,
        *,
        quick: bool,
    ) -> None:
        self._client = client
        self._base = base_url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._rest_rtt_s = rest_rtt_s
        self._aim_s = QUICK_AIM_S if quick else AIM_S

    async def down(self, cap: int) -> _Transfer:
        """Measure towards this PC."""
        return await self._way(self._fetch, cap)

    async def up(self, cap: int) -> _Transfer:
        """Measure from this PC."""
        return await self._way(self._post, cap)

    async def _way(self, transfer: Callable[[int], Awaitable[float]], cap: int) -> _Transfer:
        first_bps = await self._first_look(transfer)
        return await self._beside_pings(transfer(_size_for(first_bps, cap, self._aim_s)))

    async def _first_look(self, transfer: Callable[[int], Awaitable[float]]) -> float:
        """Return a rough rate from one small transfer, timed as a whole.

        On a slow link the small one comes in one read, which says nothing of the rate; the whole
        time, without a round trip at rest, does.
        """
        started = time.monotonic()
        await transfer(FIRST_LOOK_BYTES)
        passed_s = time.monotonic() - started - self._rest_rtt_s
        return FIRST_LOOK_BYTES * 8 / passed_s if passed_s > 0 else float(RATE_CAP_BPS)

    async def _fetch(self, size: int) -> float:
        """Download; return bit/s between the first and the last byte."""
        async with (
            asyncio.timeout(LIMIT_S),
            self._client.stream(
                "GET",
                f"{self._base}/v1/probe",
                params={"bytes": size},
                headers={**self._headers, "Accept-Encoding": "identity"},
            ) as answer,
        ):
            _check(answer)
            first_at, after_first, last_at = 0.0, 0, 0.0
            async for chunk in answer.aiter_raw():
                last_at = time.monotonic()
                if first_at:
                    after_first += len(chunk)
                else:
                    first_at = last_at
        # One chunk: it came in a single read, faster than can be timed.
        return after_first * 8 / (last_at - first_at) if after_first else float(RATE_CAP_BPS)

    async def _post(self, size: int) -> float:
        """Upload; return bit/s by the server's clock or, for a short one, by ours."""
        started = time.monotonic()
        async with asyncio.timeout(LIMIT_S):
            answer = await self._client.post(
                f"{self._base}/v1/probe",
                content=os.urandom(size),  # random, so that nothing on the way compresses it
                headers={**self._headers, "Content-Type": "application/octet-stream"},
            )
        _check(answer)
        if answer.headers.get("content-type", "").startswith(CONTENT_TYPE):
            receipt = msgspec.msgpack.decode(answer.content, type=ProbeReceipt)
        else:
            receipt = msgspec.json.decode(answer.content, type=ProbeReceipt)
        # Short: most of it may have waited in one read of the server; our own time is then nearer.
        ours_s = time.monotonic() - started - self._rest_rtt_s
        seconds = receipt.seconds if receipt.seconds > SHORT_S else max(receipt.seconds, ours_s)
        return receipt.size * 8 / seconds if seconds > 0 else float(RATE_CAP_BPS)

    async def _beside_pings(self, transfer: Awaitable[float]) -> _Transfer:
        """Await a transfer with pings on another connection; their median is the loaded delay."""
        rtts: list[float] = []
        pings = asyncio.create_task(self._ping_on(rtts))
        try:
            bps = await transfer
            if not rtts:
                # A transfer shorter than a round trip: the ping sent with it is still the answer.
                await asyncio.wait([pings], timeout=max(1.0, 3 * self._rest_rtt_s))
        finally:
            pings.cancel()
            await asyncio.gather(pings, return_exceptions=True)
        return _Transfer(bps, 1000 * statistics.median(rtts) if rtts else None)

    async def _ping_on(self, rtts: list[float]) -> None:
        """Ping until cancelled; at least one answer is waited for by the caller."""
        while True:
            asked = time.monotonic()
            try:
                await self._client.get(f"{self._base}/healthz")
            except httpx.HTTPError:
                return
            rtts.append(time.monotonic() - asked)
            await asyncio.sleep(PING_EVERY_S)


def _check(answer: httpx.Response) -> None:
    if answer.status_code in (401, 403, 413, 429):
        raise _Refused(str(answer.status_code))
    answer.raise_for_status()


def _size_for(first_bps: float, cap: int, aim_s: float) -> int:
    """Choose a transfer of about so long at the rate seen first."""
    return int(min(cap, max(FIRST_LOOK_BYTES, first_bps / 8 * aim_s)))
