"""The background watch: three misses are a link that is down, one is not."""

import asyncio

from telemed_desk.sync.problems import ServerUnreachable
from telemed_desk.workflow.link_watch import ANSWER_S, EVERY_S, MISSES, LinkJudge, ask_for_ever
from telemed_desk.workflow.status import LinkWord


def test_three_misses_and_their_pauses_fit_into_fifteen_seconds() -> None:
    assert (MISSES - 1) * EVERY_S + ANSWER_S <= 15.0
    assert ANSWER_S < EVERY_S


def test_one_lost_packet_is_not_a_link_that_is_down() -> None:
    judge = LinkJudge()
    assert judge.heard(84.0) == ("online", 84.0)
    assert judge.missed() is None
    assert judge.missed() is None
    assert judge.heard(90.0) == ("online", 90.0)
    assert [judge.missed() for _ in range(3)] == [None, None, ("offline", None)]


def test_a_link_that_never_answered_gets_no_benefit_of_the_doubt() -> None:
    assert LinkJudge().missed() == ("offline", None)


def test_down_stays_down_until_an_answer() -> None:
    judge = LinkJudge()
    judge.heard(5.0)
    for _ in range(3):
        judge.missed()
    assert judge.missed() == ("offline", None)
    assert judge.heard(5.0)[0] == "online"


async def test_an_answer_that_hangs_is_a_miss_too() -> None:
    told: list[LinkWord] = []
    down = asyncio.Event()
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            return
        if asked == 2:
            raise ServerUnreachable
        await asyncio.Event().wait()

    def tell(word: LinkWord, _rtt_ms: float | None) -> None:
        told.append(word)
        if word == "offline":
            down.set()

    watch = asyncio.create_task(ask_for_ever(ask, tell, every_s=0.01, answer_s=0.05))
    async with asyncio.timeout(20):
        await down.wait()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert told == ["online", "offline"]
    assert asked == 1 + MISSES
