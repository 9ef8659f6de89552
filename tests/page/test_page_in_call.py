"""What happens to a phone in the middle of a call, in Chromium and in Firefox."""

import pytest

from telemed_protocol.talk import NeedOffer, PageState
from tests.page.doctor import Call
from tests.page.visit import CALL_S, Practice, Visit, until, visiting
from tests.support.page import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Real tracks, kept so that a test can end them as a pulled cable does; and devices
# that can be refused from some moment on.
DEVICES = """
window.tracks = [];
window.asked = [];
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async wish => {
  asked.push(wish.video ? JSON.stringify(wish.video.facingMode) : 'sound');
  if (window.refused) throw new DOMException('no', window.refused);
  const stream = await real(wish);
  tracks.push(...stream.getTracks());
  return stream;
};
window.lose = kind => tracks.filter(t => t.kind === kind && t.readyState === 'live').forEach(t => {
  t.stop();
  t.dispatchEvent(new Event('ended'));
});
"""
CARD = "document.querySelector('.card')?.textContent || ''"
ENCODING = "JSON.stringify(window.senders.map(s => s.getParameters().encodings[0] || {}))"
# Every sender that the page's connections make, for a look at what was set on it.
SENDERS = """
window.senders = [];
const own = RTCRtpSender.prototype.replaceTrack;
RTCRtpSender.prototype.replaceTrack = function (track) {
  if (track && track.kind === 'video' && !senders.includes(this)) senders.push(this);
  return own.call(this, track);
};
"""


async def in_call(visit: Visit) -> Call:
    await visit.to_waiting()
    return await visit.called()


async def test_a_reload_in_the_call_resumes_it(either: Practice) -> None:
    async with visiting(either) as visit:
        call = await in_call(visit)
        await visit.page.reload()
        await visit.desk.expect(NeedOffer)
        await visit.page.wait_visible("#remote")
        await until(visit.page, lambda: visit.desk.call is not call)
        await visit.in_call()
        assert visit.complaints() == []


async def test_the_other_camera_is_asked_for_and_remembered(either: Practice) -> None:
    async with visiting(either, script=DEVICES) as visit:
        call = await in_call(visit)
        await visit.page.click("#turn")
        await visit.page.wait_for("asked[asked.length - 1].includes('environment')")
        await visit.page.wait_for("!document.querySelector('.own').classList.contains('mirror')")
        frames = call.video.frames
        await until(visit.page, lambda: call.video.frames > frames + 10)
        await visit.page.reload()
        await visit.page.wait_for("asked.length > 0")
        assert "environment" in (await visit.page.evaluate("asked"))[0]
        await visit.page.wait_visible("#remote")
        await visit.in_call()


async def test_a_lost_microphone_comes_back_by_itself(either: Practice) -> None:
    async with visiting(either, script=DEVICES) as visit:
        call = await in_call(visit)
        await visit.page.evaluate("lose('audio')")
        await visit.page.wait_for("tracks.filter(t => t.kind === 'audio').length > 1", CALL_S)
        loud = call.audio.loud
        await until(visit.page, lambda: call.audio.loud > loud + 20)
        assert await visit.page.evaluate(CARD) == ""


async def test_a_lost_and_refused_microphone_is_said_and_the_picture_goes_on(
    either: Practice,
) -> None:
    async with visiting(either, script=DEVICES) as visit:
        call = await in_call(visit)
        await visit.page.evaluate("(window.refused = 'NotAllowedError', lose('audio'))")
        await visit.page.wait_for(f"({CARD}).includes('cannot hear you')", CALL_S)
        frames = call.video.frames
        await until(visit.page, lambda: call.video.frames > frames + 10)
        states = [m for m in visit.desk.inbox if isinstance(m, PageState)]
        assert not states[-1].microphone
        await visit.page.evaluate("window.refused = ''")
        await visit.page.click("#device-again")
        await visit.page.wait_for(f"({CARD}) === ''")
        loud = call.audio.loud
        await until(visit.page, lambda: call.audio.loud > loud + 20)


async def test_a_lost_and_refused_camera_is_said_and_the_sound_goes_on(either: Practice) -> None:
    async with visiting(either, script=DEVICES) as visit:
        call = await in_call(visit)
        await visit.page.evaluate("(window.refused = 'NotReadableError', lose('video'))")
        await visit.page.wait_for(f"({CARD}).includes('camera has stopped')", CALL_S)
        loud = call.audio.loud
        await until(visit.page, lambda: call.audio.loud > loud + 20)
        await visit.page.click("#device-without")
        await visit.page.wait_for(f"({CARD}) === ''")


async def test_a_phone_that_slept_comes_back_to_the_call(either: Practice) -> None:
    async with visiting(either) as visit:
        call = await in_call(visit)
        page = visit.page
        visit.wire.cut()
        if isinstance(page, Page):
            await page.call("Page.setWebLifecycleState", state="frozen")
            frozen = call.audio.frames
            await page.call("Page.setWebLifecycleState", state="active")
            assert frozen >= 0
        await page.evaluate("new Promise(done => setTimeout(done, 2000))")
        visit.wire.mend()
        seen = visit.wire.accepted
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await until(page, lambda: visit.wire.accepted > seen)
        loud, frames = call.audio.loud, call.video.frames
        await until(page, lambda: call.audio.loud > loud + 20 and call.video.frames > frames + 10)
        await visit.in_call()


async def test_a_socket_that_looks_open_and_is_dead_is_given_up_when_the_page_is_back(
    either: Practice,
) -> None:
    async with visiting(either) as visit:
        await in_call(visit)
        visit.wire.hang()
        seen = visit.wire.accepted
        await visit.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await until(visit.page, lambda: visit.wire.accepted > seen, 12)
        second = await visit.desk.ring("second")  # and what the desk says comes through again
        await until(visit.page, lambda: second.audio.loud > 3)


async def test_the_ladders_hint_is_followed_said_and_kept_over_a_reload(either: Practice) -> None:
    async with visiting(either, script=SENDERS) as visit:
        call = await in_call(visit)
        page = visit.page
        call.tell({"t": "send", "video": True, "max_kbps": 150, "scale": 2, "fps": 10})
        await page.wait_for(f"({ENCODING}).includes('150000')", CALL_S)
        encoding = await page.evaluate(f"JSON.parse({ENCODING})[0]")
        assert (encoding["maxBitrate"], encoding["active"]) == (150_000, True)
        assert encoding["scaleResolutionDownBy"] == 2
        await until(page, lambda: 0 < call.video.size[0] <= 640)
        call.tell({"t": "send", "video": False, "max_kbps": 60, "scale": 4, "fps": 5})
        await page.wait_for("document.body.innerText.includes('Video is off so that')", CALL_S)
        call.tell({"t": "send", "video": False, "max_kbps": 60, "why": "choice"})
        await page.wait_for("document.body.innerText.includes('has chosen voice')", CALL_S)
        call.tell({"t": "send", "video": False, "max_kbps": 60, "scale": 4, "fps": 5})
        await page.wait_for("document.body.innerText.includes('Video is off so that')", CALL_S)
        await page.evaluate("new Promise(done => setTimeout(done, 1500))")
        frames = call.video.frames
        await page.evaluate("new Promise(done => setTimeout(done, 1000))")
        assert call.video.frames <= frames + 1
        await page.reload()
        await visit.desk.expect(NeedOffer)
        await page.wait_for("document.body.innerText.includes('Video is off so that')", CALL_S)
        await until(page, lambda: visit.desk.call is not call)
        again = visit.desk.call
        assert again is not None
        await until(page, lambda: again.audio.loud > 3)
        assert again.video.frames <= 2
        again.tell({"t": "send", "video": True, "max_kbps": 2000, "scale": 1, "fps": 30})
        await until(page, lambda: again.video.frames > 20)
        assert "Video is off" not in await page.text()
        # nonsense is survived
        for kbps in ("x", -5, 1e99, None, [], {}):
            again.tell({"t": "send", "video": 7, "max_kbps": kbps, "scale": "a", "fps": -1})
        seen = again.video.frames
        await until(page, lambda: again.video.frames > seen + 10)


async def test_a_photo_goes_by_credit(either: Practice) -> None:
    async with visiting(either) as visit:
        call = await in_call(visit)
        call.tell({"t": "photo-request", "id": "p"})
        await visit.page.click("#take-photo")
        await until(visit.page, call.photo_is_here)
        assert call.photo()[1][:3] == b"\xff\xd8\xff"
        await visit.page.wait_for(f"({CARD}) === 'The photo was sent'")
        loud = call.audio.loud
        await until(visit.page, lambda: call.audio.loud > loud + 10)
        assert visit.complaints() == []
