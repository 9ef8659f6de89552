"""The call harness sees a call that works as working, and one that does not as not.

Between two Chromiums, so that nothing of ours is in the way: when this fails, the harness or the
machine is at fault, not the engine.
"""

from dataclasses import replace

from tests.support.calls.endpoints import Film, browser_endpoint
from tests.support.calls.pictures import compare_pictures
from tests.support.calls.run import run_call
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import CLEAN, LinkSpec
from tests.support.sound import compare

FILM = Film(pictures=300)


async def test_two_browsers_see_and_hear_each_other() -> None:
    async with (
        EmulatedLink(LinkSpec(delay_ms=100)) as link,
        browser_endpoint(link.a, FILM) as a,
        browser_endpoint(link.b, FILM) as b,
    ):
        call = await run_call(link, a, b, seconds=9)
    assert call.errors() == []
    begin_ms = call.click_ms + 3000
    for sender, receiver in ((call.a, call.b), (call.b, call.a)):
        pictures = compare_pictures(
            sender.taken, receiver.shown, call.click_ms, begin_ms, call.end_ms
        )
        assert pictures.recognised > 40
        assert pictures.delay_p50_ms is not None
        assert pictures.delay_p50_ms > 100  # nothing is seen sooner than the link carries it
        sound = compare(sender.said, receiver.heard, begin_ms, call.end_ms)
        assert sound.found_share > 0.6
        assert sound.delay_p50_ms is not None
        assert 100 < sound.delay_p50_ms < 2000
    assert call.link["ab"].out_packets > 100


async def test_over_a_dead_link_nothing_is_seen_or_heard() -> None:
    async with (
        EmulatedLink(replace(CLEAN, down=True)) as link,
        browser_endpoint(link.a, FILM) as a,
        browser_endpoint(link.b, FILM) as b,
    ):
        call = await run_call(link, a, b, seconds=4)
    pictures = compare_pictures(
        call.a.taken, call.b.shown, call.click_ms, call.click_ms, call.end_ms
    )
    assert pictures.recognised == 0
    assert pictures.frozen_share == 1.0
    assert compare(call.a.said, call.b.heard, call.click_ms, call.end_ms).found_share == 0
    assert "connected" not in call.states("a")
