"""Picture and sound of one moment come together: what a counter in the picture and the speech tell.

Each end notes when a counted picture was taken and shown, and what was said and heard on the same clock.
The delay of the one less the delay of the other is how far lips and voice are apart.
"""

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.support.calls.endpoints import Endpoint, Film, browser_endpoint, program_endpoint
from tests.support.calls.pictures import compare_pictures
from tests.support.calls.recording import Recording
from tests.support.calls.run import CallRecord, run_call
from tests.support.link.emulated import EmulatedLink, End
from tests.support.link.spec import CLEAN, RURAL, LinkSpec
from tests.support.media import speech_file
from tests.support.sound import compare

FILM = Film()
OURS, BROWSER = "our engine", "chromium"
SETTLED_S = 8.0
BUSY_SHARE = 0.85
"""Of the processors: above it a call is no measurement, here as in benchmarks/."""
BUSY_MS, STARVED_MS = 150.0, 600.0
"""What a machine with much other work, or with more than it can do, may add; how well it does on a quiet
one is in benchmarks/. Pictures that the encoder has no time for come late, and voice does not wait."""
APART_MS = 300.0
"""Between two desks on a long link pictures wait for repairs, and voice waits for them by 80 ms at
most: a late voice is worse than late lips."""


def _endpoint(kind: str, end: End, folder: Path) -> AbstractAsyncContextManager[Endpoint]:
    if kind == BROWSER:
        return browser_endpoint(end, FILM)
    command = [sys.executable, "-m", "telemed_desk.media.peer"]
    command += ["--camera", f"file:{FILM.file()}", "--microphone", f"file:{speech_file()}"]
    return program_endpoint(end, OURS, command, folder)


def _apart_ms(call: CallRecord, sender: Recording, receiver: Recording) -> float:
    begin_ms = call.click_ms + SETTLED_S * 1000
    seen = compare_pictures(sender.taken, receiver.shown, call.click_ms, begin_ms, call.end_ms)
    heard = compare(sender.said, receiver.heard, begin_ms, call.end_ms, short=True)
    assert seen.delay_p50_ms is not None
    assert heard.delay_p50_ms is not None
    return heard.delay_p50_ms - seen.delay_p50_ms


@pytest.mark.parametrize(("link_spec", "most_ms"), [(CLEAN, 60.0), (RURAL, 100.0)])
@pytest.mark.parametrize("other", [BROWSER, OURS])
async def test_lips_and_voice_are_together_at_both_ends(
    link_spec: LinkSpec, most_ms: float, other: str, tmp_path: Path
) -> None:
    async with (
        EmulatedLink(link_spec) as link,
        _endpoint(OURS, link.a, tmp_path / "a") as one,
        _endpoint(other, link.b, tmp_path / "b") as two,
    ):
        call = await run_call(link, one, two, seconds=20)
    assert call.errors() == []
    to_us = _apart_ms(call, call.b, call.a)
    to_them = _apart_ms(call, call.a, call.b)
    figures = [line.get("lip_offset_ms") for line in call.a.stats]
    if other == OURS and link_spec == RURAL:
        most_ms = APART_MS
    most_ms += BUSY_MS if call.busy_share <= BUSY_SHARE else STARVED_MS
    assert abs(to_us) <= most_ms, (to_us, call.busy_share, figures)
    assert abs(to_them) <= most_ms, (to_them, call.busy_share, figures)
