"""Our engine in a call with a real browser, over an emulated link.

What counts is what arrives: pictures by the counter drawn into them, sound by correlation with what was
said. Limits are set for a machine that has other work; how good a call is, is ``benchmarks/calls``.
Needs root (network namespaces) and Chromium; without them these fail and say what is missing.
"""

import json
import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.calls.endpoints import Endpoint, Film, browser_endpoint, program_endpoint
from tests.support.calls.pictures import PictureReport, compare_pictures
from tests.support.calls.run import CallRecord, run_call
from tests.support.link.emulated import EmulatedLink, End
from tests.support.link.spec import CLEAN, LOSSY, MOBILE
from tests.support.media import speech_file
from tests.support.sound import SoundReport, compare

FILM = Film()
OURS, BROWSER = "our engine", "chromium"


def _endpoint(kind: str, end: End, folder: Path) -> AbstractAsyncContextManager[Endpoint]:
    if kind == BROWSER:
        return browser_endpoint(end, FILM)
    command = [sys.executable, "-m", "telemed_desk.media.peer"]
    command += ["--camera", f"file:{FILM.file()}", "--microphone", f"file:{speech_file()}"]
    return program_endpoint(end, OURS, command, folder)


@dataclass(frozen=True)
class _Direction:
    name: str
    pictures: PictureReport
    sound: SoundReport


def _directions(call: CallRecord, from_s: float) -> list[_Direction]:
    begin_ms = call.click_ms + from_s * 1000
    return [
        _Direction(
            name,
            compare_pictures(sender.taken, receiver.shown, call.click_ms, begin_ms, call.end_ms),
            compare(sender.said, receiver.heard, begin_ms, call.end_ms, short=True),
        )
        for name, sender, receiver in (("a to b", call.a, call.b), ("b to a", call.b, call.a))
    ]


def _assert_up(call: CallRecord) -> None:
    assert call.errors() == []
    for who in "ab":
        assert "connected" in call.states(who)
        assert not {"failed", "closed"} & set(call.states(who))
    assert {e["who"] for e in call.events if e["ev"] == "channel"} == {"a", "b"}
    for recording in (call.a, call.b):
        kinds = [json.loads(text).get("t") for text in recording.messages if isinstance(text, str)]
        assert "hello" in kinds


@pytest.mark.parametrize(("a", "b"), [(OURS, BROWSER), (BROWSER, OURS), (OURS, OURS)])
async def test_on_a_clean_link_both_see_and_hear(a: str, b: str, tmp_path: Path) -> None:
    async with (
        EmulatedLink(CLEAN) as link,
        _endpoint(a, link.a, tmp_path / "a") as one,
        _endpoint(b, link.b, tmp_path / "b") as other,
    ):
        call = await run_call(link, one, other, seconds=11)
    _assert_up(call)
    for direction in _directions(call, from_s=3):
        assert direction.pictures.recognised > 60, direction
        assert direction.pictures.unreadable_share < 0.1, direction
        assert direction.pictures.fps > 5, direction
        assert direction.sound.found_share > 0.5, direction
        assert direction.sound.heard_share > 0.8, direction


@pytest.mark.parametrize(("a", "b"), [(OURS, BROWSER), (BROWSER, OURS)])
async def test_on_a_lossy_link_the_call_stays_up(a: str, b: str, tmp_path: Path) -> None:
    async with (
        EmulatedLink(LOSSY) as link,
        _endpoint(a, link.a, tmp_path / "a") as one,
        _endpoint(b, link.b, tmp_path / "b") as other,
    ):
        call = await run_call(link, one, other, seconds=16)
    _assert_up(call)
    assert call.link["ab"].lost > 10
    assert call.link["ba"].lost > 10
    for direction in _directions(call, from_s=6):
        assert direction.pictures.recognised > 40, direction
        assert direction.pictures.fps > 3, direction  # they still move late in the call
        assert direction.sound.found_share > 0.4, direction
        assert direction.sound.heard_share > 0.7, direction


async def test_after_an_outage_picture_and_sound_come_back(tmp_path: Path) -> None:
    async with (
        EmulatedLink(MOBILE) as link,
        _endpoint(OURS, link.a, tmp_path / "a") as one,
        _endpoint(BROWSER, link.b, tmp_path / "b") as other,
    ):
        changes = [
            (5.0, lambda: link.change(replace(MOBILE, down=True))),
            (8.0, lambda: link.change(MOBILE)),
        ]
        call = await run_call(link, one, other, seconds=17, changes=changes)
    _assert_up(call)
    for direction in _directions(call, from_s=13):
        assert direction.pictures.fps > 3, direction
        assert direction.sound.found_share > 0.4, direction


async def test_when_muted_nothing_of_it_leaves_and_the_other_way_goes_on(tmp_path: Path) -> None:
    async with (
        EmulatedLink(CLEAN) as link,
        _endpoint(OURS, link.a, tmp_path / "a") as one,
        _endpoint(BROWSER, link.b, tmp_path / "b") as other,
    ):
        mute = {"cmd": "mute", "microphone": True, "camera": True}
        call = await run_call(link, one, other, 14, changes=[(6.0, lambda: one.send(mute))])
    _assert_up(call)
    muted, open_way = _directions(call, from_s=8)
    assert muted.pictures.recognised > 20  # from before
    assert muted.pictures.fps == 0, muted
    assert muted.sound.found_share < 0.2, muted
    assert open_way.pictures.fps > 3, open_way
    assert open_way.sound.found_share > 0.4, open_way
