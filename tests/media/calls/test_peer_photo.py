"""The headless peer answers a request for a photo as the patient's page does."""

import json
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from telemed_desk.media.photo_giving import PhotoUnmade, encode, still
from telemed_desk.media.ports import Picture
from tests.support.calls.endpoints import Film, browser_endpoint, program_endpoint
from tests.support.calls.run import run_call
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import CLEAN
from tests.support.media import draw_counter, read_counter
from tests.support.page import Page


def test_a_still_is_the_newest_picture_in_full() -> None:
    rng = np.random.default_rng(1)
    luma = rng.integers(16, 235, (720, 1280)).astype(np.uint8)
    draw_counter(luma, 123)
    chroma = np.full((360, 640), 128, np.uint8)
    decoded = cv2.imdecode(
        np.frombuffer(encode(Picture(luma, chroma, chroma, 0)), np.uint8), cv2.IMREAD_GRAYSCALE
    )
    assert decoded is not None
    assert decoded.shape == (720, 1280)
    assert read_counter(np.asarray(decoded, np.uint8)) == 123
    with pytest.raises(PhotoUnmade):
        still(None)


async def _ask(page: Page) -> None:
    await page.wait_for("endpoint.progress().channel === 'open'")
    await page.evaluate("endpoint.tell({t: 'photo-request', id: 'p7'})")
    await page.wait_for("endpoint.progress().channel === 'open'")
    credit = "{t: 'photo-credit', id: 'p7', upto: 8000000, part: 1000}"
    await page.evaluate(
        f"new Promise(done => setTimeout(done, 1500)).then(() => endpoint.tell({credit}))"
    )


async def test_asked_in_a_call_it_sends_one_or_declines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "telemed_desk.media.peer", "--camera", "pattern:640x360@15"]
    said = {}
    for choice in ("give", "decline"):
        async with (
            EmulatedLink(CLEAN) as link,
            browser_endpoint(link.a, Film()) as page,
            program_endpoint(
                link.b, "our engine", [*command, "--photos", choice], tmp_path / choice
            ) as peer,
        ):
            call = await run_call(link, page, peer, 6, changes=[(1.0, partial(_ask, page.page))])
        assert call.errors() == []
        said[choice] = call.a.messages
    begin = next(json.loads(m) for m in said["give"] if isinstance(m, str) and "photo-begin" in m)
    assert begin["id"] == "p7"
    parts = [m for m in said["give"] if isinstance(m, int)]
    assert sum(parts) - 8 * len(parts) == begin["size"]
    assert max(parts) <= 1108
    assert '{"t": "photo-declined", "id": "p7"}' in said["decline"]
