"""Seconds of delay, and minutes without a link, end no call. Needs root (network namespaces)."""

import asyncio
from dataclasses import replace

from tests.media.engine.away_calls import away, goes_on, signalling, until
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import LinkSpec

FAR = LinkSpec(delay_ms=350)
SPIKE = LinkSpec(delay_ms=1500)


async def test_a_round_trip_of_700_ms_with_spikes_of_3_s_outlives_every_consent() -> None:
    async with (
        EmulatedLink(FAR) as link,
        away(link.a.namespace, [], offer=True) as a,
        away(link.b.namespace, [], offer=False) as b,
        signalling(a, b, delay_s=0.7),
    ):
        await goes_on(a, b)
        for _ in range(3):  # consent would have ended twice: stock gives up after half a minute
            await link.change(SPIKE)
            await asyncio.sleep(5)
            await link.change(FAR)
            await asyncio.sleep(6)
        await goes_on(a, b)
        for end in (a, b):
            assert not end.end.transport.connection.paths.expired
            assert not {"failed", "ended"} & {phase for phase, _ in end.end.heard.phases}


async def test_a_link_that_was_away_longer_than_consent_lasts_comes_back_as_the_same_call() -> None:
    async with (
        EmulatedLink(replace(FAR, delay_ms=20)) as link,
        away(link.a.namespace, [], offer=True) as a,
        away(link.b.namespace, [], offer=False) as b,
        signalling(a, b),
    ):
        await goes_on(a, b)
        await link.change(replace(FAR, down=True))
        await until(lambda: a.end.transport.connection.paths.expired, "consent ends")
        await link.change(replace(FAR, delay_ms=20))
        await until(lambda: a.end.transport.ice.restarts > 0, "another path")
        await goes_on(a, b)
        assert not {"failed", "ended"} & {phase for phase, _ in a.end.heard.phases}
