"""Which way to the relay is taken, and how long a better one is waited for."""

import asyncio

import pytest

from telemed_desk.media.probe import ways
from telemed_desk.media.transport.servers import RelayWay, TurnServer

NEVER_S = 3600.0


async def chosen(
    monkeypatch: pytest.MonkeyPatch, answers: dict[RelayWay, float | None], better_within_s: float
) -> str | None:
    """Ask relays that answer after so many seconds, refuse at once (None), or are silent."""

    async def ask(server: TurnServer, later_s: float = 0.0) -> tuple[TurnServer, ways._End] | None:
        await asyncio.sleep(later_s)
        after_s = answers[server.way]
        if after_s is None:
            return None
        await asyncio.sleep(after_s)
        return server, End()

    class End(ways._End):
        async def give_back(self) -> None:
            given_back.append(self)

    given_back: list[object] = []
    monkeypatch.setattr(ways, "_ask", ask)
    monkeypatch.setattr(ways, "ALLOCATE_S", NEVER_S)
    monkeypatch.setattr(ways, "BETTER_WITHIN_S", better_within_s)
    servers = [
        TurnServer("relay.example", 3478, way, "user", "word", place) for place, way in
        enumerate(answers)
    ]  # fmt: skip
    got = await asyncio.wait_for(ways.open_relay(servers), 60)
    return got[0].way if got else None


async def test_where_udp_is_blocked_tcp_is_not_kept_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await chosen(monkeypatch, {"udp": NEVER_S, "tcp": 0, "tls": 0}, 0.01) == "tcp"


async def test_udp_that_is_a_little_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await chosen(monkeypatch, {"tcp": 0, "udp": 0.2}, NEVER_S) == "udp"


async def test_on_a_long_link_udp_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await chosen(monkeypatch, {"tcp": 1.5, "udp": 2.0, "tls": NEVER_S}, 0.01) == "udp"


async def test_udp_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await chosen(monkeypatch, {"udp": 0, "tls": NEVER_S}, NEVER_S) == "udp"


async def test_relays_that_all_refuse_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await chosen(monkeypatch, {"udp": None, "tcp": None}, NEVER_S) is None


async def test_over_udp_a_relay_is_asked_again_before_its_lost_answer_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[RelayWay] = []

    async def ask(server: TurnServer, later_s: float = 0.0) -> tuple[TurnServer, ways._End] | None:
        await asyncio.sleep(later_s)
        asked.append(server.way)
        if asked.count("udp") < 3:
            await asyncio.sleep(NEVER_S)
        return server, ways._End()

    monkeypatch.setattr(ways, "_ask", ask)
    monkeypatch.setattr(ways, "AGAIN_S", (0.01, 0.02))
    udp = TurnServer("relay.example", 3478, "udp", "user", "word", 0)
    got = await asyncio.wait_for(ways.open_relay([udp]), 30)
    assert got is not None
    assert asked == ["udp"] * 3


async def test_a_relay_that_answers_is_not_asked_again_and_one_over_tcp_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[RelayWay, float]] = []

    async def ask(server: TurnServer, later_s: float = 0.0) -> tuple[TurnServer, ways._End] | None:
        await asyncio.sleep(later_s)
        asked.append((server.way, later_s))
        return server, End()

    class End(ways._End):
        async def give_back(self) -> None:
            pass

    monkeypatch.setattr(ways, "_ask", ask)
    both = [
        TurnServer("relay.example", 3478, way, "user", "word", 0) for way in ("udp", "tcp")
    ]  # fmt: skip
    await asyncio.wait_for(ways.open_relay(both), 30)
    assert asked == [("udp", 0.0), ("tcp", 0.0)]
