"""Our engine with Chromium and with Firefox, pictures and sound really read at both ends."""

import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from tests.interop.browser_end import Interop, interop
from tests.media.engine.engine_calls import in_order, until
from tests.media.engine.engine_sources import dominant_hz
from tests.support.chromium import BrowserOptions, Chromium, running_chromium
from tests.support.firefox import Firefox, running_firefox

pytestmark = pytest.mark.asyncio(loop_scope="module")
Browser = Chromium | Firefox


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["chromium", "firefox"])
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """One browser for all tests of this file; local addresses are hidden, as people have it."""
    running: Any = running_chromium if request.param == "chromium" else running_firefox
    async with running(BrowserOptions()) as found:
        yield found


def tone_here(call: Interop, hz: float) -> Any:
    return lambda: abs(dominant_hz(call.ours.speaker.sound(0.5)) - hz) < 8


def quiet_here(call: Interop) -> bool:
    sound = call.ours.speaker.sound(0.5)
    return sound.size > 0 and float(np.abs(sound.astype(float)).mean()) < 30


def standing_still(call: Interop) -> Any:
    """Condition: two seconds with hardly a picture; Firefox sends a black one each second."""
    seen: list[tuple[float, int]] = []

    def still() -> bool:
        now, shown = time.monotonic(), len(call.ours.sink.counters)
        if not seen or shown > seen[0][1] + 3:
            seen[:] = [(now, shown)]
        return now - seen[0][0] > 2.0

    return still


@pytest.mark.parametrize("we_offer", [True, False])
async def test_pictures_sound_and_data_go_both_ways(browser: Browser, we_offer: bool) -> None:
    async with interop(browser, we_offer=we_offer) as call:
        await until(call.pictures_here(30), "its pictures here")
        await call.pictures_there(20)
        await until(tone_here(call, 700), "its tone here")
        await call.tone_there(440)
        assert in_order(call.ours.sink.counters[-25:])
        assert in_order((await call.ask("end.seen()"))["counters"][-15:])
        await until(lambda: call.ours.heard.opened, "channel")
        assert call.ours.call.send_data("hello")
        await call.page.wait_for("end.seen().messages.includes('hello')")
        await call.ask("end.say('there')")
        await until(lambda: "there" in call.ours.heard.messages, "the page's words")
        await call.ask("end.sayBytes(60000)")
        await until(lambda: bytes(60000) in call.ours.heard.messages, "bytes")
        # the browser sees what it needs for its own rate control and lip sync
        inbound = await call.ask("end.stats('inbound-rtp', 'video')")
        assert inbound["framesDecoded"] > 20
        await call.page.wait_for("end.stats('remote-inbound-rtp', 'video')", 30)
        stats = call.ours.call.stats()
        assert stats.rtt_ms is not None
        assert stats.estimate_bps is not None


@pytest.mark.parametrize("we_offer", [True, False])
async def test_the_browser_restarts_ice_and_the_call_goes_on(
    browser: Browser, we_offer: bool
) -> None:
    async with interop(browser, we_offer=we_offer) as call:
        await until(call.pictures_here(), "pictures before")
        await call.restart_from_browser()
        await until(call.pictures_here(), "pictures after")
        await call.pictures_there()
        await until(tone_here(call, 700), "its tone after")
        await call.tone_there(440)
        assert call.ours.heard.phase == "connected"


@pytest.mark.parametrize("we_offer", [True, False])
async def test_we_restart_ice_and_the_call_goes_on(browser: Browser, we_offer: bool) -> None:
    async with interop(browser, we_offer=we_offer) as call:
        await until(call.pictures_here(), "pictures before")
        await call.pictures_there()
        if we_offer:
            call.ours.kill_path()  # found out by silence, and mended by itself
        else:
            await call.ours.call.restart()
        await until(lambda: call.ours.restarted, "a restart")
        await until(call.pictures_here(), "pictures after")
        await call.pictures_there()
        await call.tone_there(440)
        assert call.ours.heard.phase == "connected"


async def test_muted_is_silent_and_without_pictures_and_comes_back(browser: Browser) -> None:
    async with interop(browser, we_offer=True) as call:
        await until(call.pictures_here(), "pictures before")
        await call.tone_there(440)
        await call.ask("end.mute(true)")
        await until(lambda: quiet_here(call), "silence here")
        call.ours.call.set_muted(microphone=True, camera=True)
        await call.tone_there(0)
        still = await call.ask("end.seen().counters.length")
        shown = len(call.ours.sink.counters)
        await call.ask("new Promise(done => setTimeout(done, 1500))")
        assert await call.ask("end.seen().counters.length") <= still + 2
        assert len(call.ours.sink.counters) <= shown + 2
        await call.ask("end.mute(false)")
        call.ours.call.set_muted(microphone=False, camera=False)
        await until(call.pictures_here(), "pictures again")
        await until(tone_here(call, 700), "its tone again")
        await call.pictures_there()
        await call.tone_there(440)


async def test_another_camera_and_none_and_one_again(browser: Browser) -> None:
    async with interop(browser, we_offer=True) as call:
        await until(call.pictures_here(), "pictures before")
        await call.ask("end.newCamera(360, 640)")  # the other camera, held upright
        await until(lambda: call.ours.sink.size[0] < call.ours.sink.size[1], "upright pictures")
        await until(call.pictures_here(), "pictures of the other camera")
        await call.ask("end.noCamera()")
        await until(standing_still(call), "no more pictures")
        await until(tone_here(call, 700), "sound goes on")
        await call.ask("end.newCamera(640, 360)")
        await until(call.pictures_here(), "pictures again")
        await until(lambda: call.ours.sink.size[0] > call.ours.sink.size[1], "level pictures")
