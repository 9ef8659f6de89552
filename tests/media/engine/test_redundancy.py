"""Redundant audio (RFC 2198): what is packed comes out, what a stranger packs does no harm."""

import random

import pytest
from aiortc.rtp import RtpPacket

from telemed_desk.media.engine.playout import PlayoutBuffer
from telemed_desk.media.engine.redundancy import MOST_BACK, MOST_BYTES, Damaged, pack, unpack
from telemed_desk.media.engine.voice_in import VoiceDownlink
from tests.media.engine.voice_traces import MS, Books, packet_of

CORPUS = (
    b"",
    b"\x6f",
    b"\xef",
    b"\xef\x0f\x00",
    b"\xef\x0f\x03\xff\x6f",
    b"\xef\x00\x00\x00\x6f",
    b"\xef\x0f\x00\x02\x6fab",
    b"\xef\x0f\x00\x02" * 40 + b"\x6f",
    bytes.fromhex("ef0f0004 6f 48010203 4805"),
    b"\xff" * 64,
)
"""Payloads that were interesting once."""


def test_what_is_packed_comes_out() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        primary = rng.randbytes(rng.randrange(1, 200))
        copies = [
            (rng.randrange(1, MOST_BACK + 1), rng.randbytes(rng.randrange(1, MOST_BYTES + 1)))
            for _ in range(rng.randrange(5))
        ]
        assert unpack(pack(111, primary, copies)) == (primary, copies)


def test_a_browsers_payload_is_read() -> None:
    # Chromium: one block, 960 samples earlier, 3 bytes, then the newest frame
    head = (0x8000_0000 | 111 << 24 | 960 << 10 | 3).to_bytes(4, "big")
    assert unpack(head + b"\x6f" + b"abc" + b"newest") == (b"newest", [(960, b"abc")])


def test_what_does_not_fit_the_header_is_left_out() -> None:
    packed = pack(111, b"new", [(MOST_BACK + 1, b"x"), (960, bytes(MOST_BYTES + 1)), (5, b"ok")])
    assert unpack(packed) == (b"new", [(5, b"ok")])


def test_frames_of_another_kind_are_left_out() -> None:
    head = (0x8000_0000 | 13 << 24 | 960 << 10 | 1).to_bytes(4, "big")
    assert unpack(head + b"\x6f" + b"n" + b"new") == (b"new", [])


@pytest.mark.parametrize("payload", CORPUS)
def test_damage_is_refused_or_read_and_never_else(payload: bytes) -> None:
    try:
        primary, copies = unpack(payload)
    except Damaged:
        return
    assert len(primary) + sum(len(copy) for _, copy in copies) <= len(payload)


def test_fuzzed_payloads_reach_the_speaker_as_sound_or_not_at_all() -> None:
    now = 0
    buffer = PlayoutBuffer(lambda: now, Books())
    downlink = VoiceDownlink(buffer, lambda kind: kind == 63)
    rng = random.Random(7)
    good = [pack(111, packet_of(n), [(960, packet_of(n - 1))]) for n in range(1, 50)]
    for step in range(4000):
        now += 10 * MS
        payload = bytearray(rng.choice((*good, *CORPUS)))
        for _ in range(rng.randrange(4)):
            if payload:
                payload[rng.randrange(len(payload))] = rng.randrange(256)
        cut = rng.randrange(len(payload) + 1) if rng.random() < 0.3 else len(payload)
        packet = RtpPacket(
            payload_type=rng.choice((63, 63, 111)),
            sequence_number=step & 0xFFFF,
            timestamp=step * 960 & 0xFFFFFFFF,
            ssrc=rng.choice((1, 1, 1, 2)),
            payload=bytes(payload[:cut]),
        )
        downlink.on_packet(packet, now)
        assert buffer.pull(480).shape == (480,)
    assert downlink.damaged > 100


def test_a_lost_packet_comes_back_from_the_one_that_carries_it() -> None:
    now = 0
    books = Books()
    buffer = PlayoutBuffer(lambda: now, books)
    downlink = VoiceDownlink(buffer, lambda kind: kind == 63)
    for tick in range(400):
        now = tick * 10 * MS
        n = tick // 2
        if tick % 2 == 0 and n % 7 != 3:
            payload = pack(111, packet_of(n), [(960, packet_of(n - 1))] if n else [])
            downlink.on_packet(RtpPacket(63, 0, n, n * 960, 1, payload=payload), now)
        buffer.pull(480)
    missing = set(range(198)) - set(books.decoded)
    assert missing <= {3}  # the first one, before the buffer knew that it has to wait
    assert buffer.counts.rebuilt > 25 * 960
    assert buffer.counts.concealed <= 2 * 960
