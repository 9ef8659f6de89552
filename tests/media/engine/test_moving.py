"""One side of a call with a real browser changes its network: the call comes back, as the same call.

Needs root (network namespaces) and Chromium; without them these fail and say what is missing.
"""

import sys
from pathlib import Path

import pytest

from tests.support.calls.endpoints import Film, browser_endpoint, program_endpoint
from tests.support.calls.pictures import compare_pictures
from tests.support.calls.run import run_call
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import MOBILE
from tests.support.media import speech_file
from tests.support.sound import compare

FILM = Film()
OTHER_ADDRESS = "10.78.0.99"
MOVE_S, BACK_S, END_S = 6.0, 24.0, 32.0


@pytest.mark.parametrize("who_moves", ["browser", "desk"])
async def test_a_change_of_address_is_survived(who_moves: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "telemed_desk.media.peer"]
    command += ["--camera", f"file:{FILM.file()}", "--microphone", f"file:{speech_file()}"]
    async with EmulatedLink(MOBILE) as link:
        # side B is the one that can be moved
        desk, browser = (link.a, link.b) if who_moves == "browser" else (link.b, link.a)
        async with (
            program_endpoint(desk, "our engine", command, tmp_path) as one,
            browser_endpoint(browser, FILM) as other,
        ):
            changes = [(MOVE_S, lambda: link.move_b(OTHER_ADDRESS))]
            call = await run_call(link, one, other, END_S, changes=changes)
    assert call.errors() == []
    assert sum(event["ev"] == "channel" for event in call.events) == 2  # one call, one channel each
    assert not {"failed", "closed"} & set(call.states("a"))
    assert call.states("a")[-1] == "connected"
    assert any(event["ev"] == "reoffer" for event in call.events)
    for sender, receiver in ((call.a, call.b), (call.b, call.a)):
        begin_ms = call.click_ms + BACK_S * 1000
        pictures = compare_pictures(
            sender.taken, receiver.shown, call.click_ms, begin_ms, call.end_ms
        )
        sound = compare(sender.said, receiver.heard, begin_ms, call.end_ms, short=True)
        assert pictures.fps > 3, pictures
        assert sound.found_share > 0.4, sound
