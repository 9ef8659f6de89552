"""Every screen in both languages, light and dark: names, sizes, contrast, nothing cut off."""

from importlib import resources
from pathlib import Path

import pytest

from telemed_protocol.talk import DeskText, Ended, Intake
from tests.page.looks import faults
from tests.page.visit import Practice, Visit, visiting
from tests.support.chromium import Chromium
from tests.support.page import Route

pytestmark = pytest.mark.asyncio(loop_scope="package")

BUDGET_BYTES = 64 * 1024
PAGE = Path(str(resources.files("telemed_server"))) / "page"


async def _walk(visit: Visit, folder: Path) -> list[str]:
    page, desk = visit.page, visit.desk
    wrong: list[str] = []

    async def look(name: str) -> None:
        wrong.extend(await faults(page, name, folder))

    await visit.open()
    await page.wait_visible("#continue")
    await look("0-welcome")
    await visit.join(1958)
    await page.wait_for("document.querySelector('#problem').textContent")
    await look("1-join-wrong-year")
    await page.click("label.op + label.op span:last-child")
    await look("1-join-helper")
    await page.click("label.op span:last-child")
    await page.type("#year", "1959")
    await page.click("#continue")
    await page.wait_visible("#allow")
    await look("2-check-before")
    await page.click("#allow")
    await page.wait_for("document.querySelectorAll('.rw .i.ok').length === 3")
    await look("2-check")
    await page.click("#room")
    await desk.say(DeskText("0700 000 400"))
    await page.wait_visible(".msg")
    await look("3-waiting")
    await page.click("#worse")
    await look("3-waiting-worse")
    await page.click("#worse-yes")
    await page.wait_visible("#worse-state")
    await look("3-waiting-told")
    call = await visit.called()
    await look("4-call")
    call.tell({"t": "photo-request", "id": "p"})
    await page.wait_visible("#take-photo")
    await look("4-call-photo")
    await page.click("#not-now")
    call.tell({"t": "send", "video": False})
    await page.wait_visible(".quiet")
    await page.click("#end")
    await look("4-call-end")
    await desk.say(Ended(["Bisacodyl: 10 mg"]))
    await page.wait_visible(".agreed")
    await look("5-ended")
    return wrong


@pytest.mark.timeout(240)
@pytest.mark.parametrize("language", ["en-GB", "sw-KE"])
async def test_every_screen_can_be_read_reached_and_touched(
    practice: Practice, tmp_path: Path, language: str
) -> None:
    async with visiting(practice, language=language) as visit:
        assert await _walk(visit, tmp_path) == []
        assert (await visit.desk.expect(Intake)).language == language[:2]
        assert await visit.page.evaluate("document.documentElement.lang") == language[:2]
        assert visit.complaints() == []


async def test_the_measuring_finds_what_is_wrong(browser: Chromium, tmp_path: Path) -> None:
    bad = b"""<!doctype html><title>x</title><body>
      <button style="width:20px;height:20px"></button><svg></svg><video style="width:9px"></video>
      <p style="color:#999;font-size:9px">pale</p><div style="width:9999px">wide</div>
      <div style="width:20px;overflow:hidden;white-space:nowrap">cut off here</div>"""
    origin = "https://clinic.example"
    words = Route((PAGE / "strings.js").read_bytes(), "text/javascript")
    page = await browser.open_page(
        f"{origin}/", routes={f"{origin}/": Route(bad), f"{origin}/page/strings.js": words}
    )
    found = " ".join(await faults(page, "bad", tmp_path))
    for fault in ("no name", "too small", "read aloud", "video without", "h1", "main"):
        assert fault in found
    for fault in ("sideways", "contrast 2.85", "small print", "cut off"):
        assert fault in found
    await page.evaluate("document.body.append('Endelea kuzungumza. Nenda chumba cha kusubiri')")
    assert any("other language" in fault for fault in await faults(page, "bad", tmp_path))


async def test_the_page_is_small_before_video(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.open()
        await visit.page.wait_visible("#continue")
        got = await visit.page.evaluate(
            """['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
              .map(entry => entry.transferSize)"""
        )
        assert len(got) > 20
        assert sum(got) < BUDGET_BYTES  # headers and packed bodies, as they travelled


async def test_the_keyboard_alone_is_enough_to_join(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page = visit.page
        await visit.open()
        await page.wait_for("document.activeElement.tagName === 'H1'")

        async def tab_to(name: str) -> None:
            for _ in range(20):
                if await page.evaluate("document.activeElement.id") == name:
                    return
                await page.press("Tab")
            raise AssertionError(name)

        await tab_to("continue")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        await page.press("Enter")
        await page.wait_visible("#year")
        await tab_to("year")
        await page.call("Input.insertText", text="1959")
        await tab_to("care")
        await page.press("Space")
        await tab_to("continue")
        await page.press("Enter")
        assert (await visit.desk.expect(Intake)).consent_care
