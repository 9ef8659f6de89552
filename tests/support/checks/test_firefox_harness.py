"""The Firefox harness does what the tests built on it believe."""

import asyncio
from pathlib import Path

import pytest

from tests.support.chromium import PHONE, BrowserOptions
from tests.support.firefox import FirefoxMissing, find_firefox, running_firefox
from tests.support.tab import PageError, Route

URL = "https://page.test/"
HTML = b"""<!doctype html><meta name=viewport content="width=device-width"><title>t</title>
<input id=name>
<button id=go onclick="out.textContent='hello '+document.querySelector('#name').value">go</button>
<p id=out></p><button id=off disabled>off</button>
<div style="position:relative"><button id=under>u</button>
<div id=lid style="position:absolute;inset:0;background:red"></div></div>
<script>console.error('loud'); telemedEmit('early');
sessionStorage.n = +(sessionStorage.n || 0) + 1</script>"""


async def test_a_page_is_typed_into_clicked_and_photographed(tmp_path: Path) -> None:
    async with running_firefox() as browser:
        assert (await browser.version()).startswith("Firefox/")
        page = await browser.open_page(URL, device=PHONE, routes={URL: Route(HTML)})
        assert await page.evaluate("[innerWidth, isSecureContext]") == [PHONE.width, True]
        assert await asyncio.wait_for(page.emitted.get(), 10) == "early"
        await page.type("#name", "Mfano")
        await page.click("#go")
        await page.wait_for("out.textContent === 'hello Mfano'", 5)
        assert await page.text("#out") == "hello Mfano"
        await page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
        assert "loud" in page.problems
        await page.reload()
        assert await page.evaluate("sessionStorage.n") == "2"
        for selector, why in (("#off", "disabled"), ("#under", "covered by div#lid")):
            with pytest.raises(PageError, match=why):
                await page.click(selector, timeout_s=0.2)
        with pytest.raises(PageError, match="oh dear"):
            await page.evaluate("(() => { throw new Error('oh dear') })()")
        other = await browser.open_page(URL, routes={URL: Route(HTML)}, private=True)
        assert await other.evaluate("sessionStorage.n") == "1"
        await other.close()


async def test_it_has_a_camera_and_a_microphone_and_no_network_of_its_own() -> None:
    async with running_firefox(BrowserOptions()) as browser:
        page = await browser.open_page(URL, routes={URL: Route(HTML)})
        kinds = await page.evaluate(
            "navigator.mediaDevices.getUserMedia({audio: true, video: true})"
            ".then(s => s.getTracks().map(t => t.kind + ' ' + t.readyState).sort())"
        )
        assert kinds == ["audio live", "video live"]
        with pytest.raises(PageError):
            await page.navigate("http://192.0.2.1/")


async def test_a_machine_without_firefox_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirefoxMissing, match="firefox-esr"):
        find_firefox()
