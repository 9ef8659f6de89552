"""The whole visit in a real browser, against the real server: join, check, wait, call, photo, end."""

from pathlib import Path

import av
import pytest

from telemed_protocol.talk import (
    Bye,
    DeskText,
    Ended,
    Intake,
    PageLink,
    PageState,
    Rating,
    Worse,
)
from tests.page.visit import Practice, until, visiting
from tests.support.page import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_visit_from_the_link_to_the_rating(practice: Practice, tmp_path: Path) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.open()
        assert "Nyambura" not in await page.text()
        taken = [seat.link for seat in visit.clinic.seats]
        assert desk.link.jti_hash.hex() not in taken  # looking at the page consumes nothing
        assert "#" not in await page.evaluate("location.href")

        await visit.join()
        intake = await desk.expect(Intake)
        assert (intake.name, intake.year_of_birth) == ("Nyambura M.", 1959)
        assert intake.consent_care
        assert intake.consent_photos

        await page.click("#allow")
        await page.wait_visible("#room")
        await page.wait_for("document.querySelectorAll('.rw .i.ok').length === 3")
        await page.click("#heard-yes")
        await page.wait_for("document.querySelectorAll('.rw .i.ok').length === 4")
        await page.click("#room")
        assert "You are next" in await page.text("#place")
        await page.wait_for("document.querySelector('#seen').textContent.includes('can see')")
        link = await desk.expect(PageLink)
        assert 0 < link.rtt_ms < 60000
        assert (await desk.expect(PageState)).camera

        await desk.say(DeskText("Please have your medicines beside you."))
        await page.wait_visible(".msg")
        await page.click("#worse")
        await page.click("#worse-yes")
        await desk.expect(Worse)
        await page.wait_for("document.querySelector('#worse-state').textContent.includes('told')")

        call = await visit.called()
        assert await _middle_pixel_is_green(visit.page)
        call.tell({"t": "photo-request", "id": "p1"})
        await page.click("#take-photo")
        await until(page, call.photo_is_here)
        begin, data = call.photo()
        assert (begin["id"], begin["width"], begin["height"]) == ("p1", 1280, 720)
        assert call.said[0] == {"t": "hello", "v": 1}
        with av.open(_file(tmp_path, data)) as picture:
            frame = next(picture.decode(video=0))
        assert (frame.width, frame.height) == (1280, 720)

        await desk.say(Ended(["Keep taking morphine as you do now."]))
        await page.wait_visible(".agreed")
        await page.click("#rate-good")
        assert (await desk.expect(Rating)).value == "good"
        assert await page.evaluate("sessionStorage.length + localStorage.length") == 0
        assert visit.complaints() == []


async def test_the_patient_declines_a_photo_mutes_and_ends(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.to_waiting(photos=False)
        call = await visit.called()
        call.tell({"t": "photo-request", "id": "p1"})
        await page.wait_visible("#not-now")
        assert "did not agree" in await page.text(".card")
        await page.click("#not-now")
        await until(page, lambda: {"t": "photo-declined", "id": "p1"} in call.said)
        await page.click("#mute")
        await until(
            page, lambda: any(isinstance(m, PageState) and not m.microphone for m in desk.inbox)
        )
        await page.click("#turn")
        frames = call.video.frames
        await until(page, lambda: call.video.frames > frames + 10)
        await page.click("#end")
        await page.click("#go-on")
        assert not any(isinstance(m, Bye) for m in desk.inbox)
        await page.click("#end")
        await page.click("#end-yes")
        await desk.expect(Bye)
        await page.wait_visible("#rate-fair")
        await page.reload()
        await page.wait_for("document.querySelector('h1')?.textContent === 'Your visit has ended'")
        assert visit.complaints() == []


async def test_the_ladder_s_hint_turns_video_down_and_off_and_on(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        call = await visit.called()
        call.tell({"t": "send", "video": True, "max_kbps": 150, "scale": 2, "fps": 10})
        await until(visit.page, lambda: 0 < call.video.size[0] <= 640)
        call.tell({"t": "send", "video": False, "max_kbps": 100, "scale": 2, "fps": 10})
        await visit.page.wait_for(
            "document.querySelector('.quiet').textContent.startsWith('Video is off')"
        )
        loud = call.audio.loud
        await until(visit.page, lambda: call.audio.loud > loud + 10)  # the voice goes on
        call.tell({"t": "send", "video": True, "max_kbps": 500, "scale": 1, "fps": 30})
        frames = call.video.frames
        await until(visit.page, lambda: call.video.frames > frames + 10)
        assert visit.complaints() == []


async def _middle_pixel_is_green(page: Page) -> bool:
    red, green, blue = await page.evaluate(
        """(() => {
          const v = document.querySelector('#remote'), c = document.createElement('canvas');
          c.width = c.height = 1;
          const pen = c.getContext('2d');
          pen.drawImage(v, v.videoWidth / 2, v.videoHeight / 2, 1, 1, 0, 0, 1, 1);
          return Array.from(pen.getImageData(0, 0, 1, 1).data).slice(0, 3);
        })()"""
    )
    return bool(green > 120 and red < 90 and blue < 110)


def _file(folder: Path, data: bytes) -> str:
    path = folder / "photo.jpg"
    path.write_bytes(data)
    return str(path)
