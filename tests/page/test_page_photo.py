"""Photos of many parts, from browsers without ImageCapture, and what happens when the call breaks."""

from pathlib import Path

import numpy as np
import pytest

from tests.page.doctor import PART_BYTES
from tests.page.visit import Practice, until, visiting
from tests.support.chromium import BrowserOptions, running_chromium

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_IMAGE_CAPTURE = "delete window.ImageCapture;"


def _noisy_film(folder: Path) -> Path:
    """Pictures that compress badly, so that a photo has many parts."""
    size = 640 * 360
    random = np.random.default_rng(1)
    path = folder / "noise.y4m"
    with path.open("wb") as film:
        film.write(b"YUV4MPEG2 W640 H360 F10:1 Ip A1:1 C420jpeg\n")
        for _ in range(2):
            film.write(b"FRAME\n" + random.integers(16, 235, size * 3 // 2, np.uint8).tobytes())
    return path


async def test_a_large_photo_without_image_capture_arrives_whole(
    practice: Practice, tmp_path: Path
) -> None:
    async with (
        running_chromium(BrowserOptions(camera_file=_noisy_film(tmp_path))) as browser,
        visiting(Practice(practice.clinic, browser), script=NO_IMAGE_CAPTURE) as visit,
    ):
        await visit.to_waiting()
        call = await visit.called()
        call.tell({"t": "photo-request", "id": "big"})
        await visit.page.click("#take-photo")
        await until(visit.page, call.photo_is_here)
        begin, data = call.photo()
        assert (begin["width"], begin["height"]) == (640, 360)
        assert len(data) > 4 * 16 * 1024
        assert data[:3] == b"\xff\xd8\xff"
        assert max(call.sizes) <= PART_BYTES
        await visit.page.wait_for(
            "document.querySelector('.card')?.textContent === 'The photo was sent'"
        )
        assert visit.complaints() == []


async def test_a_photo_that_is_cut_off_goes_on_in_the_next_call(
    practice: Practice, tmp_path: Path
) -> None:
    async with (
        running_chromium(BrowserOptions(camera_file=_noisy_film(tmp_path))) as browser,
        visiting(Practice(practice.clinic, browser), script=NO_IMAGE_CAPTURE) as visit,
    ):
        await visit.to_waiting()
        call = await visit.called()
        call.gives_credit = False
        call.tell({"t": "photo-request", "id": "p"})
        await visit.page.click("#take-photo")
        await until(visit.page, lambda: any(m["t"] == "photo-begin" for m in call.said))
        assert not call.parts  # nothing without credit
        call.credit(5000)
        await until(visit.page, lambda: len(call.parts) == 5000)
        assert "photo" in await visit.page.text(".card")
        again = await visit.desk.ring("again")
        again.parts += call.parts
        again.gives_credit = False
        await until(visit.page, lambda: again.channel.readyState == "open")
        again.tell({"t": "photo-resume", "id": "p", "from": 5000})
        await until(visit.page, lambda: any(m["t"] == "photo-begin" for m in again.said))
        again.gives_credit = True
        again.credit(again.said[-1]["size"])
        await until(visit.page, again.photo_is_here)
        assert again.photo()[1][:3] == b"\xff\xd8\xff"
        await visit.page.wait_for(
            "document.querySelector('.card')?.textContent === 'The photo was sent'"
        )
        assert visit.complaints() == []


async def test_after_a_reload_the_photo_is_gone_and_asked_for_anew(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        call = await visit.called()
        call.gives_credit = False
        call.tell({"t": "photo-request", "id": "p"})
        await visit.page.click("#take-photo")
        await until(visit.page, lambda: any(m["t"] == "photo-begin" for m in call.said))
        await visit.page.reload()
        await visit.page.wait_visible("#remote")
        await until(visit.page, lambda: visit.desk.call is not call)
        again = visit.desk.call
        assert again is not None
        await until(visit.page, lambda: again.channel.readyState == "open")
        await visit.in_call()
        again.tell({"t": "photo-resume", "id": "p", "from": 100})
        await visit.page.click("#take-photo")
        await until(visit.page, again.photo_is_here)
        assert again.photo()[0]["id"] == "p"


async def test_the_desk_gives_up_and_the_page_says_so(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        call = await visit.called()
        call.gives_credit = False
        call.tell({"t": "photo-request", "id": "p"})
        await visit.page.click("#take-photo")
        await until(visit.page, lambda: any(m["t"] == "photo-begin" for m in call.said))
        call.tell({"t": "photo-done", "id": "p", "ok": False})
        await visit.page.wait_for(
            "document.querySelector('.card')?.textContent === 'The photo was not sent'"
        )
