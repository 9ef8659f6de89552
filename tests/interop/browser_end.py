"""One end of a call in a real browser, and our engine at the other, over real UDP on this machine."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.media.engine.engine_calls import End, until
from tests.support.chromium import Chromium
from tests.support.firefox import Firefox
from tests.support.tab import Route, Tab

URL = "https://call.test/"
PATIENCE_S = 60.0
_HERE = Path(__file__).parent
_PAGE = (
    b"<!doctype html><title>end</title><link rel=icon href=data:,>"
    b"<body><script src=browser_end.js></script>"
)


class OurEnd(End):
    """Our engine, its candidates handed to the browser."""

    def __init__(self, *, offer: bool, width: int = 640, height: int = 360) -> None:
        super().__init__(440.0, offer=offer, width=width, height=height)
        self.restarted: list[str] = []


class Interop:
    """Our end, the browser's, and the words between them."""

    def __init__(self, ours: OurEnd, page: Tab) -> None:
        self.ours = ours
        self.page = page
        self.states: list[str] = []
        self._jobs: list[asyncio.Task[None]] = []

    async def ask(self, expression: str) -> Any:
        """Value of an expression in the page."""
        return await self.page.evaluate(expression)

    async def begin(self, *, we_offer: bool) -> None:
        """Agree on a call and wait until it is up."""
        call = self.ours.call
        self._jobs = [asyncio.create_task(self._carry()), asyncio.create_task(self._restarts())]
        if we_offer:
            await call.accept_answer(await self._answer(await call.make_offer()))
        else:
            answer = await call.accept_offer(await self.ask("end.offer()"))
            await self.ask(f"end.accept({json.dumps(answer)})")
        await until(lambda: self.ours.heard.phase == "connected", "connected")
        await until(lambda: "connected" in self.states, "the browser is connected")

    async def _answer(self, sdp: str) -> str:
        return str(await self.ask(f"end.answer({json.dumps(sdp)})"))

    async def _carry(self) -> None:
        while True:
            said = json.loads(await self.page.emitted.get())
            if said["t"] == "candidate":
                c = said["c"]
                await self.ours.call.add_candidate(c["candidate"], c["sdpMid"], c["sdpMLineIndex"])
            elif said["t"] == "state":
                self.states.append(said["v"])

    async def _restarts(self) -> None:
        """Our engine wants another path: the browser answers."""
        while True:
            sdp, revision = await self.ours.heard.restart_offers.get()
            self.ours.restarted.append(sdp)
            await self.ours.call.accept_answer(await self._answer(sdp), revision)

    async def restart_from_browser(self) -> None:
        """The browser offers another path."""
        answer = await self.ours.call.accept_offer(await self.ask("end.reoffer(true)"))
        await self.ask(f"end.accept({json.dumps(answer)})")

    # ---- what flows

    def pictures_here(self, more: int = 20) -> Any:
        """Condition: this many further pictures of the browser were shown here."""
        seen = len(self.ours.sink.counters)
        return lambda: len(self.ours.sink.counters) > seen + more

    async def pictures_there(self, more: int = 15) -> None:
        """Wait until the browser has drawn this many further pictures of ours."""
        seen = await self.ask("end.seen().counters.length")
        await self.page.wait_for(f"end.seen().counters.length > {seen + more}", PATIENCE_S)

    async def tone_there(self, hz: float) -> None:
        """Wait until the browser hears this tone from us; 0 = silence."""
        await self.page.wait_for(f"Math.abs(end.hz() - {hz}) < 8", PATIENCE_S)

    async def close(self) -> None:
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self.ours.close()
        with contextlib.suppress(Exception):
            await self.page.close()


@asynccontextmanager
async def interop(browser: Chromium | Firefox, *, we_offer: bool) -> AsyncIterator[Interop]:
    """A call that is up."""
    routes = {
        URL: Route(_PAGE),
        f"{URL}browser_end.js": Route(
            (_HERE / "browser_end.js").read_bytes(), "text/javascript; charset=utf-8"
        ),
    }
    page = await browser.open_page(URL, routes=routes)
    end = Interop(OurEnd(offer=we_offer), page)
    try:
        await end.begin(we_offer=we_offer)
        yield end
        assert end.page.problems == []
    finally:
        await end.close()
