"""What is asked for again is what was lost, also where the packets' numbers wrap."""

import secrets
from itertools import accumulate

import pytest
from aiortc.rtp import RtcpPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.media.transport.nack import asked_for, encode_nack
from tests.media.engine.engine_calls import End, two_ends
from tests.support.waiting import until


def heard(data: bytes) -> list[int]:
    (packet,) = RtcpPacket.parse(data)
    assert isinstance(packet, RtcpRtpfbPacket)
    assert (packet.ssrc, packet.media_ssrc) == (7, 9)
    return asked_for(packet)


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.one_of(st.integers(1, 3), st.integers(15, 18), st.integers(1, 400)), max_size=80),
)
def test_what_is_asked_for_is_heard_over_the_wrap(first: int, steps: list[int]) -> None:
    lost = [number & 0xFFFF for number in accumulate(steps, initial=first)]
    assert heard(encode_nack(7, 9, lost)) == lost


def test_neighbours_travel_together() -> None:
    assert len(encode_nack(7, 9, [65_530, *range(65_532, 65_536), *range(10)])) == 12 + 4
    assert len(encode_nack(7, 9, [65_530, 11])) == 12 + 8


def lose_around_the_wrap(end: End) -> None:
    """Of the pictures that this end sends; what is repeated arrives."""
    stream = end.call._streams._video.sender._ssrc.to_bytes(4, "big")
    ice = end.transport.transport
    send = ice._send

    async def lossy(data: bytes) -> None:
        is_picture = 128 <= data[0] < 192 and data[8:12] == stream
        number = int.from_bytes(data[2:4], "big")
        if not is_picture or 10 < number < 0xFFFF - 10:
            await send(data)

    ice._send = lossy


async def test_a_call_outlives_the_wrap_when_packets_on_both_sides_get_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    randbelow = secrets.randbelow

    def just_before_the_wrap(most: int) -> int:
        return 0xFFFF - 200 if most == 0x8000 else randbelow(most)

    monkeypatch.setattr(secrets, "randbelow", just_before_the_wrap)
    async with two_ends() as (a, b):
        for end in (a, b):
            lose_around_the_wrap(end)
        videos = [end.call._streams._video for end in (a, b)]
        await until(lambda: all(100 < v.sender._sequence < 3000 for v in videos), "the wrap", 60)
        before = [len(end.sink.counters) for end in (a, b)]
        await until(lambda: len(a.sink.counters) > before[0] + 20, "pictures go on", 60)
        await until(lambda: len(b.sink.counters) > before[1] + 20, "pictures go on", 60)
        assert not any(video.receiver._task.done() for video in videos)
