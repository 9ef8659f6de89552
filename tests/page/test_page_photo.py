"""Photos of many parts, from browsers without ImageCapture, and what happens when the call breaks."""

from pathlib import Path

import numpy as np
import pytest

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
        await until(visit.page, lambda: any(m["t"] == "photo-end" for m in call.said))
        begin, data = call.photo()
        assert (begin["width"], begin["height"]) == (640, 360)
        assert len(data) > 4 * 16 * 1024
        assert data[:3] == b"\xff\xd8\xff"
        assert max(call.sizes) <= 16 * 1024
        await visit.page.wait_for(
            "document.querySelector('.card')?.textContent === 'The photo was sent'"
        )
        assert visit.complaints() == []


async def test_a_photo_that_is_cut_off_says_so_and_can_be_taken_again(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        call = await visit.called()
        call.tell({"t": "photo-request", "id": "p"})
        await visit.page.wait_visible("#take-photo")
        call.channel.close()
        await until(visit.page, lambda: call.channel.readyState == "closed")
        await visit.page.click("#take-photo")
        await visit.page.wait_for(
            "document.querySelector('.card').textContent.startsWith('The photo was not sent')"
        )
        again = await visit.desk.ring("again")
        await until(visit.page, lambda: again.audio.loud > 3)
        again.tell({"t": "photo-request", "id": "q"})
        await visit.page.click("#take-photo")
        await until(visit.page, lambda: any(m["t"] == "photo-end" for m in again.said))
        assert again.photo()[0]["id"] == "q"
