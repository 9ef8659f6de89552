"""The headless peer answers a request for a photo as the patient's page does."""

import hashlib
import json
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from telemed_desk.media.peer_photo import CHUNK_BYTES, photo_messages
from telemed_desk.media.ports import Picture
from tests.support.calls.endpoints import Film, browser_endpoint, program_endpoint
from tests.support.calls.run import run_call
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import CLEAN
from tests.support.media import draw_counter, read_counter
from tests.support.page import Page


def test_a_photo_is_the_picture_in_pieces_that_the_channel_takes() -> None:
    rng = np.random.default_rng(1)
    luma = rng.integers(16, 235, (720, 1280)).astype(np.uint8)
    draw_counter(luma, 123)
    chroma = np.full((360, 640), 128, np.uint8)
    first, *pieces, last = photo_messages("p1", Picture(luma, chroma, chroma, 0))
    assert isinstance(first, str)
    assert isinstance(last, str)
    begin = json.loads(first)
    jpeg = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    assert len(pieces) > 3
    assert max(len(piece) for piece in pieces) <= CHUNK_BYTES
    assert begin["size"] == len(jpeg)
    assert begin["sha256"] == hashlib.sha256(jpeg).hexdigest()
    assert (begin["width"], begin["height"]) == (1280, 720)
    assert json.loads(last) == {"t": "photo-end", "id": "p1"}
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    assert read_counter(np.asarray(decoded, np.uint8)) == 123


async def _ask(page: Page) -> None:
    await page.wait_for("endpoint.progress().channel === 'open'")
    await page.evaluate("endpoint.tell({t: 'photo-request', id: 'p7'})")


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
    assert sum(m for m in said["give"] if isinstance(m, int)) == begin["size"]
    assert '{"t": "photo-end", "id": "p7"}' in said["give"]
    assert '{"t": "photo-declined", "id": "p7"}' in said["decline"]
