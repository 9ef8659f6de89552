"""A patient with a phone: the page in a real browser, walked as a person walks it."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable

from tests.page.clinic import Clinic
from tests.page.doctor import YEAR, Call, Desk
from tests.page.wire import Wire
from tests.support.chromium import Chromium
from tests.support.firefox import Firefox
from tests.support.page import Device, Page
from tests.support.tab import Tab

SMALL_PHONE = Device(width=360, height=740, scale=2.0, mobile=True)
CALL_S = 60.0
_REPORT_VIOLATIONS = """
addEventListener('securitypolicyviolation', e =>
  telemedEmit('CSP: ' + e.violatedDirective + ' ' + e.blockedURI));
addEventListener('unhandledrejection', e => telemedEmit('rejected: ' + e.reason));
"""


@dataclasses.dataclass(frozen=True)
class Practice:
    """What the tests share."""

    clinic: Clinic
    browser: Chromium | Firefox


@dataclasses.dataclass
class Visit:
    """One patient, one browser tab, one clinic."""

    clinic: Clinic
    desk: Desk
    page: Tab
    browser: Chromium | Firefox
    wire: Wire
    tabs: list[Tab] = dataclasses.field(default_factory=list)

    async def tab(self, script: str = "") -> Tab:
        """Open a further empty tab on the same phone; it is closed when the visit is over."""
        tab = await self.browser.open_page(
            "about:blank", device=SMALL_PHONE, script=script, beside=self.page
        )
        self.tabs.append(tab)
        return tab

    async def open(self) -> None:
        """Tap the link in the message."""
        await self.page.navigate(self.desk.link.url(self.wire.origin))

    async def join(self, year: int = YEAR, *, photos: bool = True) -> None:
        """Continue, then say who it is and agree."""
        await self.page.click("#continue")
        await self.page.wait_visible("#year")
        await self.page.type("#year", str(year))
        await self.page.click("label.ck")
        if photos:
            await self.page.click("label.ck + label.ck")
        await self.page.click("#continue")

    async def to_waiting(self, *, photos: bool = True) -> None:
        """Everything up to the waiting room, with camera and microphone."""
        await self.open()
        await self.join(photos=photos)
        await self.page.click("#allow")
        await self.page.click("#room")
        await self.page.wait_visible("#place")

    async def called(self, name: str = "first", *, screen: bool = False) -> Call:
        """Admit and call; returns when picture and sound run both ways."""
        await self.clinic.admit(self.desk)
        call = await self.desk.ring(name, screen=screen)
        await self.in_call()
        return call

    async def in_call(self) -> None:
        """Wait until picture and sound run both ways in the desk's newest call."""
        await self.page.wait_for(
            "(v => v && v.videoWidth > 0 && v.currentTime > 0.3)(document.querySelector('#remote'))",
            CALL_S,
        )
        await until(self.page, self._heard)

    def _heard(self) -> bool:
        call = self.desk.call
        return call is not None and call.video.spread > 2 and call.audio.loud > 3

    def complaints(self) -> list[str]:
        """What the browser held against the page."""
        said = list(self.page.problems)
        while not self.page.emitted.empty():
            said.append(self.page.emitted.get_nowait())
        return said


async def until(page: Tab, condition: Callable[[], bool], timeout_s: float = CALL_S) -> None:
    """Poll a condition of our side; the browser's clock paces it."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await page.evaluate("new Promise(done => setTimeout(done, 50))")


@contextlib.asynccontextmanager
async def visiting(
    practice: Practice, *, language: str = "", script: str = ""
) -> AsyncIterator[Visit]:
    """A link of the clinic, and a phone on which nothing is open yet. Leaves no seat behind.

    Args:
        practice: The clinic and the browser.
        language: What the phone is set to, such as ``sw-KE``; "" = the browser's language.
        script: Run in every document before its own scripts.
    """
    clinic, browser = practice.clinic, practice.browser
    async with Wire(clinic.origin).running() as wire:
        desk = await clinic.invite()
        page = await browser.open_page(
            "about:blank", device=SMALL_PHONE, script=_REPORT_VIOLATIONS + script, private=True
        )
        if language:
            assert isinstance(page, Page)  # Firefox has no such command
            agent = (await page.call("Browser.getVersion"))["userAgent"]
            await page.call(
                "Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language
            )
        visit = Visit(clinic, desk, page, browser, wire)
        try:
            yield visit
        finally:
            for tab in (*visit.tabs, page):
                await tab.close()
            await clinic.forget(desk)
