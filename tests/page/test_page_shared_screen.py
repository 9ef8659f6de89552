"""The doctor's screen on a phone: as large as it can be, nothing on top of it, and gone when it ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.page.looks import faults
from tests.page.visit import CALL_S, Practice, until, visiting
from tests.support.tab import Device

pytestmark = pytest.mark.asyncio(loop_scope="package")

LYING = Device(740, 360, 2.0, mobile=True)
UPRIGHT = Device(360, 740, 2.0, mobile=True)
# What of the shared picture is drawn, and what lies on it, in pixels of the page.
COVERED = """(() => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const video = document.querySelector('#screen');
  const [l, t, r, b] = box(video);
  const scale = Math.min((r - l) / video.videoWidth, (b - t) / video.videoHeight);
  const w = video.videoWidth * scale, h = video.videoHeight * scale;
  const x = l + (r - l - w) / 2, y = t + (b - t - h) / 2;
  const over = [];
  for (const e of document.querySelectorAll('#remote, .own, .tag, .quiet, .controls, .card')) {
    if (!e.checkVisibility()) continue;
    const [el, et, er, eb] = box(e);
    const area = Math.max(0, Math.min(er, x + w) - Math.max(el, x)) *
                 Math.max(0, Math.min(eb, y + h) - Math.max(et, y));
    if (area > 0.005 * w * h) over.push([e.id || e.className, Math.round(100 * area / (w * h))]);
  }
  return {over, width: w, height: h, of: [innerWidth, innerHeight]};
})()"""
SHOWN = """(v => v && !v.hidden && v.videoWidth === 1280 && v.currentTime > 0.3)(
  document.querySelector('#screen'))"""


async def test_a_shared_screen_is_not_covered_however_the_phone_is_held(
    practice: Practice, tmp_path: Path
) -> None:
    async with visiting(practice) as visit:
        page = visit.page
        await visit.to_waiting()
        call = await visit.called(screen=True)
        assert await page.evaluate("document.querySelector('#screen').hidden")
        await until(page, lambda: call.channel.readyState == "open")
        call.tell({"t": "screen", "on": True})
        await page.wait_for(SHOWN, CALL_S)
        wrong: list[Any] = []
        for name, device in (("upright", UPRIGHT), ("lying", LYING)):
            await page.set_device(device)
            await page.wait_for(f"innerWidth === {device.width}")
            wrong += await faults(page, f"screen-{name}", tmp_path)
            found = await page.evaluate(COVERED)
            wrong += [(name, *over) for over in found["over"]]
            fits = min(device.width / 1280, device.height / 720)
            assert found["width"] > 0.7 * fits * 1280, (name, found)
        assert wrong == []
        call.tell({"t": "screen", "on": False})
        await page.wait_for("document.querySelector('#screen').hidden")
        await visit.in_call()
        assert visit.complaints() == []
