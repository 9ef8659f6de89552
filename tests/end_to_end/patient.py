"""The patient: our page in a real browser, walked as a person walks it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.chromium import BrowserOptions, running_chromium
from tests.support.firefox import running_firefox
from tests.support.tab import Device, PageError, Tab

PHONE = Device(width=360, height=740, scale=2.0, mobile=True)
CALL_S = 60.0
PRESSES = 4
PRESS_S = 6.0


@dataclass
class Patient:
    """One phone with the link open."""

    page: Tab

    async def join(self, year: int, *, photos: bool = True) -> None:
        """Say who it is, agree, let camera and microphone be used, and wait."""
        await self.page.click("#continue")
        await self.page.wait_visible("#year")
        await self.page.type("#year", str(year))
        await self.page.click("label.ck")
        if photos:
            await self.page.click("label.ck + label.ck")
        await self.page.click("#continue")
        await self.page.click("#allow")
        await self.to_the_room()

    async def to_the_room(self) -> None:
        """Press the button; again if it moved away below the finger when the picture came."""
        for _ in range(PRESSES):
            with contextlib.suppress(PageError):
                await self.page.click("#room")
            with contextlib.suppress(PageError):
                await self.page.wait_visible("#place", PRESS_S)
                return
        await self.page.wait_visible("#place")

    async def sees_the_doctor(self) -> None:
        """Wait until the doctor's picture moves."""
        await self.page.wait_for(
            "(v => v && v.videoWidth > 0 && v.currentTime > 0.3)(document.querySelector('#remote'))",
            CALL_S,
        )


@contextlib.asynccontextmanager
async def patient_at(
    url: str,
    options: BrowserOptions | None = None,
    *,
    script: str = "",
    browser: Literal["chromium", "firefox"] = "chromium",
) -> AsyncIterator[Patient]:
    """Open the link on a phone."""
    running: Any = running_chromium if browser == "chromium" else running_firefox
    async with running(options or BrowserOptions()) as phone:
        page = await phone.open_page("about:blank", device=PHONE, script=script)
        await page.navigate(url)
        yield Patient(page)
