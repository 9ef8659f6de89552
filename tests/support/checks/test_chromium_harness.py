"""The browser harness does what the tests built on it believe."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.support.chromium import (
    PHONE,
    BrowserOptions,
    Chromium,
    ChromiumMissing,
    running_chromium,
)
from tests.support.conversation import BrowserError
from tests.support.page import PageError, Route
from tests.support.waiting import until

URL = "https://page.test/"
HTML = b"""<!doctype html><meta name=viewport content="width=device-width"><title>t</title>
<input id=name>
<button id=go onclick="out.textContent='hello '+document.querySelector('#name').value">go</button>
<p id=out></p><button id=off disabled>off</button>
<div style="position:relative"><button id=under>u</button>
<div id=lid style="position:absolute;inset:0;background:red"></div></div>
<script>console.error('loud'); sessionStorage.n = +(sessionStorage.n || 0) + 1</script>"""


async def test_a_page_is_typed_into_clicked_and_photographed(tmp_path: Path) -> None:
    async with running_chromium() as browser:
        page = await browser.open_page(URL, device=PHONE, routes={URL: Route(HTML)})
        assert await page.evaluate("innerWidth") == PHONE.width
        await page.type("#name", "Mfano")
        await page.click("#go")
        await page.wait_for("out.textContent === 'hello Mfano'", 5)
        assert await page.text("#out") == "hello Mfano"
        await page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
        assert "loud" in page.problems
        await page.reload()
        assert await page.evaluate("sessionStorage.n") == "2"


async def test_what_a_person_cannot_click_is_not_clicked() -> None:
    async with running_chromium() as browser:
        page = await browser.open_page(URL, routes={URL: Route(HTML)})
        for selector, why in (
            ("#off", "disabled"),
            ("#under", "covered by div#lid"),
            ("#none", "no such element"),
        ):
            with pytest.raises(PageError, match=why):
                await page.click(selector, timeout_s=0.2)
        with pytest.raises(PageError, match="not true within"):
            await page.wait_for("false", 0.2)
        with pytest.raises(PageError, match="oh dear"):
            await page.evaluate("(() => { throw new Error('oh dear') })()")


async def test_camera_and_microphone_are_there_without_asking() -> None:
    async with running_chromium() as browser:
        page = await browser.open_page(URL, routes={URL: Route(HTML)}, private=True)
        kinds = await page.evaluate(
            "navigator.mediaDevices.getUserMedia({audio: true, video: true})"
            ".then(s => s.getTracks().map(t => t.kind + ':' + t.readyState).sort())"
        )
        assert kinds == ["audio:live", "video:live"]


async def _answer_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"
        writer.write(head + b"hello")
        await writer.drain()
    writer.close()


async def test_offline_fails_requests_until_it_ends() -> None:
    server = await asyncio.start_server(_answer_hello, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, running_chromium() as browser:
        page = await browser.open_page(url)
        ask = "fetch('/x').then(r => r.text(), e => 'failed')"
        assert await page.evaluate(ask) == "hello"
        await page.set_offline(True)
        assert await page.evaluate(ask) == "failed"
        assert await page.evaluate("navigator.onLine") is False
        await page.set_offline(False)
        assert await page.evaluate(ask) == "hello"


def _alive_in_group(group: int) -> list[str]:
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = stat.read_text().rsplit(")", 1)
            state, _, its_group, *_ = rest.split()
            if int(its_group) == group and state != "Z":
                alive.append(name)
    return alive


def _profile_of(browser: Chromium) -> Path:
    words = Path(f"/proc/{browser.pid}/cmdline").read_bytes().split(b"\0")
    flag = next(word for word in words if word.startswith(b"--user-data-dir="))
    return Path(flag.split(b"=", 1)[1].decode())


async def test_nothing_is_left_running_or_lying_about() -> None:
    async with running_chromium() as browser:
        group = browser.pid
        profile = _profile_of(browser)
        assert len(_alive_in_group(group)) > 2
    await until(lambda: not _alive_in_group(group), "all of the browser's processes are gone")
    assert not profile.exists()


async def test_a_missing_browser_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChromiumMissing, match="install"):
        async with running_chromium():
            pass


async def test_a_browser_that_does_not_start_says_why() -> None:
    with pytest.raises(BrowserError, match="did not start"):
        async with running_chromium(BrowserOptions(namespace="no-such-namespace")):
            pass
