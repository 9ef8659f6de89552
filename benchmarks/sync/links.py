"""Measures over an emulated link: real desks on one side, the real server on the other.

The link carries IP packets between two network namespaces, so TCP's own behaviour, queueing and
re-sending are part of what is measured.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.prediction.programs import Program, program
from benchmarks.sync.desk_end import Order
from tests.support.link.emulated import Counters, EmulatedLink
from tests.support.link.spec import CLEAN, LinkSpec
from tests.support.network.coturn import Certificates

PACKAGE: Final = "benchmarks.sync"
THIN: Final = LinkSpec(delay_ms=300, rate_kbps=64, queue_bytes=16_000)
"""64 kbit/s of IP packets each way, 600 ms there and back; its queue holds two seconds."""
TWO_MBIT: Final = LinkSpec(delay_ms=50, rate_kbps=2_000, queue_bytes=64_000)
CUT_EVERY_S: Final = 10.0
CUT_S: Final = 1.0
LONG_S: Final = 3_000.0


class Ends:
    """Desks, server and the link between them."""

    def __init__(self, link: EmulatedLink, near: Program, far: Program) -> None:
        self.link = link
        self._near = near
        self._far = far

    async def order(self, order: Order) -> dict[str, Any]:
        """Have the desks do something that is done at once."""
        await self.send(order)
        return await self.answer()

    async def send(self, order: Order) -> None:
        """Give an order."""
        await self._near.say(msgspec.json.encode(order).decode())

    async def answer(self) -> dict[str, Any]:
        """Return the desks' next line."""
        return _read(await self._near.line(LONG_S))

    async def server(self, line: str) -> dict[str, Any]:
        """Have the server's side do something."""
        await self._far.say(line)
        return _read(await self._far.line(LONG_S))

    async def carried(self) -> dict[str, int]:
        """Return bytes of IP packets that entered the link so far, each way, and packets lost."""
        seen: dict[str, Counters] = await self.link.counters()
        return {
            "up": seen["ab"].in_bytes,
            "down": seen["ba"].in_bytes,
            "overflowed": seen["ab"].overflowed + seen["ba"].overflowed,
        }


def _read(line: str) -> dict[str, Any]:
    return msgspec.json.decode(line, type=dict[str, Any])


@contextlib.asynccontextmanager
async def ends() -> AsyncIterator[Ends]:
    """A founded clinic with one desk, and a link without limits for now."""
    folder = Path(tempfile.mkdtemp(prefix="telemed-sync-"))
    async with EmulatedLink(CLEAN) as link:
        certificates = Certificates(link.b.address)
        try:
            pair = (str(certificates.folder / "cert.pem"), str(certificates.folder / "key.pem"))
            async with (
                program(link.b, folder, "far_end", str(folder), *pair, package=PACKAGE) as far,
                program(link.a, folder, "desk_end", str(folder), package=PACKAGE) as near,
            ):
                served = _read(await far.line())
                both = Ends(link, near, far)
                url = f"https://{link.b.address}:{served['port']}"
                authority = str(certificates.authority)
                await both.order(Order("found", url, authority, served["code"]))
                yield both
        finally:
            certificates.close()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def upload(
    notes: int, *, seed: int, cut: bool = False, changes: bool = False
) -> dict[str, Any]:
    """Send notes over the thin link, then compare the log with a second PC's, op by op."""
    async with ends() as both:
        await both.link.change(THIN)
        await both.send(Order("upload", notes=notes, seed=seed, changes=changes))
        await both.answer()
        before = await both.carried()
        cutting = asyncio.create_task(_cut_again_and_again(both)) if cut else None
        figures = await both.answer()
        after = await both.carried()
        figures |= {name: after[name] - before[name] for name in after}
        figures["carried"] = figures["up"] + figures["down"]
        queue = (await both.link.counters())["ab"].longest_queue_ms
        figures["queue_ms"] = queue
        if cutting is not None:
            cutting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                figures["cuts"] = await cutting
            await both.server("mend")
        await both.link.change(CLEAN)
        figures |= await both.order(Order("verify"))
        log = await both.server("log")
        figures["doubled"] += log["segments"] - log["different"]
        return figures


async def _cut_again_and_again(both: Ends) -> int:
    cuts = 0
    try:
        while True:
            await asyncio.sleep(CUT_EVERY_S - CUT_S)
            await both.server("cut")
            cuts += 1
            await asyncio.sleep(CUT_S)
            await both.server("mend")
    except asyncio.CancelledError:
        return cuts


async def new_pc(visits: int, *, seed: int) -> dict[str, Any]:
    """Let a new PC fetch a clinic's years at 2 Mbit/s."""
    async with ends() as both:
        made = await both.order(Order("history", visits=visits, seed=seed))
        await both.server(f"fill {made['file']}")
        await both.order(Order("join"))
        await both.link.change(TWO_MBIT)
        await both.send(Order("newest", visits=visits))
        await both.answer()
        return {**await both.answer(), "segments": made["segments"], "bytes": made["bytes"]}
