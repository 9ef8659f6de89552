"""The steering in a real call: probes find the line, and each side heeds what the other says."""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.engine.peer_hint import HINTS
from telemed_desk.media.peer_advice import PeerAdvice
from tests.media.engine.engine_calls import two_ends, until


async def test_probes_lift_the_estimate_and_padding_disturbs_nobody() -> None:
    async with two_ends() as (a, b):
        await until(lambda: (a.call.stats().estimate_bps or 0) > 450_000, "a probe that helped")
        await until(lambda: len(b.sink.counters) > 20, "pictures")
        assert a.transport.pacer.window_bytes is not None
        assert b.transport.counters.malformed == 0
        assert b.sink.unreadable <= 2


async def test_each_side_sends_what_the_other_has_use_for() -> None:
    async with two_ends() as (a, b):
        await until(lambda: a.heard.opened and b.heard.opened, "channel")
        advice = PeerAdvice()
        stats = a.call.stats()
        advice.tell(a.call, stats)
        advice.tell(a.call, stats)
        await until(lambda: b.heard.messages, "advice")
        assert b.heard.messages == [HINTS[Rung.HD_VIDEO].message()]
        await until(lambda: len(a.sink.counters) > 10, "pictures")
        advice.heed(b.call, HINTS[Rung.AUDIO_PHOTOS].message())
        await until(lambda: b.call.stats().sent_fps == 0, "no pictures")
        assert b.call.stats().reason == "other-side"
        assert b.call.stats().rung == Rung.AUDIO_PHOTOS
        shown = len(a.sink.counters)
        advice.heed(b.call, HINTS[Rung.LOW_VIDEO].message())
        await until(lambda: len(a.sink.counters) > shown + 5, "pictures again")
        assert 0 < b.call.stats().sent_height <= 270
