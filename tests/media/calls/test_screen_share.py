"""The desk's screen on its own line: Chromium sees it while camera and voice go on undisturbed."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.support.calls.endpoints import BrowserEndpoint, Film, browser_endpoint, program_endpoint
from tests.support.calls.pictures import compare_pictures
from tests.support.calls.run import CallRecord, run_call
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import MOBILE
from tests.support.media import speech_file
from tests.support.sound import compare

FILM = Film()
WATCH_SCREEN = """(() => {
  const line = peer.getTransceivers().filter(t => t.receiver.track.kind === 'video')[1];
  const video = document.createElement('video');
  document.body.append(video);
  window.seen = [];
  video.muted = true;
  video.srcObject = new MediaStream([line.receiver.track]);
  video.play();
  const look = async () => {
    video.requestVideoFrameCallback(look);
    const frame = new VideoFrame(video);
    const {width, height} = frame.visibleRect;
    window.seen.push([wall(), await readCounter(frame), width, height]);
    frame.close();
  };
  video.requestVideoFrameCallback(look);
  return line.currentDirection;
})()"""


class _Watched:
    """The browser's end; says what it saw of the shared screen before the page is left."""

    def __init__(self, end: BrowserEndpoint) -> None:
        self._end = end
        self.direction = ""
        self.seen: list[list[float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)

    async def watch(self) -> None:
        self.direction = await self._end.page.evaluate(WATCH_SCREEN)

    async def finish(self) -> Any:
        self.seen = json.loads(await self._end.page.evaluate("JSON.stringify(window.seen)"))
        return await self._end.finish()


def _between(seen: list[list[float]], call: CallRecord, from_s: float, to_s: float) -> list[Any]:
    return [s for s in seen if from_s <= (s[0] - call.click_ms) / 1000 <= to_s]


async def test_the_screen_is_seen_beside_camera_and_voice_and_ends_when_told(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "telemed_desk.media.peer"]
    command += ["--camera", f"file:{FILM.file()}", "--microphone", f"file:{speech_file()}"]
    async with (
        EmulatedLink(MOBILE) as link,
        program_endpoint(link.a, "our engine", command, tmp_path / "a") as one,
        browser_endpoint(link.b, FILM) as browser,
    ):
        other = _Watched(browser)
        share = {"cmd": "screen", "source": "pattern:1280x720@5"}
        changes = [
            (4.0, other.watch),
            (5.0, lambda: one.send(share)),
            (13.0, lambda: one.send({"cmd": "screen", "source": None})),
        ]
        call = await run_call(link, one, other, 18, changes=changes)
    assert call.errors() == []
    assert other.direction == "recvonly"
    assert _between(other.seen, call, 0, 5) == []  # not a packet before
    shared = _between(other.seen, call, 6, 13)
    counted = {int(s[1]) for s in shared if s[1] >= 0}
    assert len(counted) > 10  # of 35
    assert {s[3] for s in shared} <= {720.0}  # sharp: not scaled down
    assert _between(other.seen, call, 15, 18) == []
    told = [json.loads(m) for m in call.b.messages if isinstance(m, str)]
    assert [m["on"] for m in told if m["t"] == "screen"] == [True, False]
    for begin, end in ((6.0, 13.0), (14.0, 18.0)):
        within = (call.click_ms + begin * 1000, call.click_ms + end * 1000)
        camera = compare_pictures(call.a.taken, call.b.shown, call.click_ms, *within)
        voice = compare(call.a.said, call.b.heard, *within, short=True)
        assert camera.fps > 4, (begin, camera)
        assert camera.frozen_share < 0.3, (begin, camera)
        assert voice.heard_share > 0.8, (begin, voice)
        assert voice.found_share > 0.5, (begin, voice)


async def test_the_line_for_the_screen_is_there_from_the_start() -> None:
    from tests.media.engine.engine_calls import End  # noqa: PLC0415 - its fixtures need a loop

    end = End(440.0, offer=True)
    sdp = await end.call.make_offer()
    lines = [part.splitlines()[0].split()[0] for part in sdp.split("m=")[1:]]
    assert lines == ["audio", "video", "video", "application"]
    assert sdp.split("m=")[3].count("a=sendonly") == 1
    await asyncio.sleep(0)
    await end.call.close()
