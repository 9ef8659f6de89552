"""A photo from a browser beside its voice on a thin link: the voice is as good as without the photo.

The browser runs the page's own ``photo-sending.js`` and ``sending.js``. How much is sent, and for how
long: TELEMED_PHOTO_KB (default 100). The figures of both calls are printed.
"""

import asyncio
import base64
import json
import os
import statistics
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.support.calls.endpoints import Film, browser_endpoint, program_endpoint
from tests.support.calls.run import CallRecord, run_call
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import LinkSpec
from tests.support.media import speech_file
from tests.support.sound import compare

PAGE = Path(str(resources.files("telemed_server"))) / "page"
THIN = LinkSpec(delay_ms=60, jitter_ms=5, rate_kbps=128, queue_bytes=16_000)
PHOTO_BYTES = int(os.environ.get("TELEMED_PHOTO_KB", "100")) * 1000
ASKED_S = 12.0
CALL_S = ASKED_S + 12 + PHOTO_BYTES * 8 / 22_000
_GIVE = """(async (photoSource, sendingSource, jpeg) => {
  const load = text => import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
  const {PhotoSending} = await load(photoSource);
  const {Sending} = await load(sendingSource);
  const steering = new Sending(null, () => {}, () => {});
  steering.attach(peer.getSenders().find(s => s.track && s.track.kind === 'video'), 'user');
  steering.linkKbps = 128;
  const bytes = Uint8Array.from(atob(jpeg), c => c.charCodeAt(0));
  const photo = {blob: new Blob([bytes]), width: 640, height: 480};
  const sending = new PhotoSending('p1', photo, () => {});
  await sending.ready();
  channel.addEventListener('message', ({data}) => {
    const told = JSON.parse(data);
    if (told.t === 'photo-request') { steering.setPhoto(true); sending.begin(channel, 0); }
    if (told.t === 'photo-credit') sending.allowed(told);
    if (told.t === 'photo-done') steering.setPhoto(false);
  });
})(%s)"""


def photo_of(size: int) -> bytes:
    """A JPEG of about this size."""
    rng = np.random.default_rng(1)
    side = 160
    while True:
        pixels = rng.integers(0, 255, (side * 3 // 4, side, 3)).astype(np.uint8)
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
        if len(jpeg) >= size:
            return jpeg
        side += 16


async def one_call(folder: Path, *, photo: bytes | None) -> CallRecord:
    command = [sys.executable, "-m", "telemed_desk.media.peer", "--start-rung", "2"]
    command += ["--camera", "pattern:640x360@15", "--microphone", f"file:{speech_file()}"]
    async with (
        EmulatedLink(THIN) as link,
        program_endpoint(link.a, "our engine", command, folder) as ours,
        browser_endpoint(link.b, Film()) as browser,
    ):

        async def ask() -> None:
            hexes = (
                'const toHex = b => Array.from(b, x => x.toString(16).padStart(2, "0")).join("");'
            )
            source = (PAGE / "photo-sending.js").read_text()
            source = source.replace('import { toHex } from "./crypto.js";', hexes)
            parts = [
                source,
                (PAGE / "sending.js").read_text(),
                base64.b64encode(photo or b"").decode(),
            ]
            await browser.page.evaluate(_GIVE % ", ".join(json.dumps(part) for part in parts))
            await ours.send({"cmd": "photo", "id": "p1"})

        changes: list[tuple[float, Callable[[], Any]]] = [(ASKED_S, ask)] if photo else []
        return await run_call(link, ours, browser, CALL_S, changes=changes)


def figures(call: CallRecord, until_ms: float) -> dict[str, float]:
    """What the doctor had of the patient's voice, from the request on."""
    begin_ms = call.click_ms + ASKED_S * 1000
    lines = [s for s in call.a.stats if begin_ms + 1000 < s["wall"] < until_ms]
    sound = compare(call.b.said, call.a.heard, begin_ms, until_ms, short=True)
    return {
        "concealed": statistics.fmean(s["concealed_ratio"] or 0.0 for s in lines),
        "worst second": max(s["concealed_ratio"] or 0.0 for s in lines),
        "playout delay ms": statistics.fmean(s["playout_delay_ms"] or 0.0 for s in lines),
        "found": sound.found_share,
        "heard": sound.heard_share,
    }


async def test_the_voice_beside_a_photo_is_as_without(tmp_path: Path) -> None:
    photo = await asyncio.to_thread(photo_of, PHOTO_BYTES)
    beside = await one_call(tmp_path / "photo", photo=photo)
    assert beside.errors() == []
    arrived = [e for e in beside.events if e["ev"] == "photo"]
    assert arrived, [e for e in beside.events if e["ev"] == "photo-progress"][-2:]
    assert arrived[0]["source"] == "camera"
    took_s = (arrived[0]["wall"] - beside.click_ms) / 1000 - ASKED_S
    alone = await one_call(tmp_path / "alone", photo=None)
    window = ASKED_S + took_s
    ours = figures(beside, beside.click_ms + window * 1000)
    without = figures(alone, alone.click_ms + window * 1000)
    print(f"\n{len(photo)} bytes in {took_s:.1f} s at {THIN.rate_kbps:.0f} kbit/s")  # noqa: T201 - the figures are what one runs it for
    print(f"beside the photo: {ours}\nwithout:          {without}")  # noqa: T201 - as above
    assert ours["concealed"] < without["concealed"] + 0.03
    assert ours["playout delay ms"] < without["playout delay ms"] + 150
    assert ours["heard"] > without["heard"] - 0.1
