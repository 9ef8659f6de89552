"""Parity gives back what was lost, byte for byte, and never invents anything."""

import os
import random

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from telemed_desk.media.transport.fec import (
    FecReceiver,
    Recovered,
    make_parity,
    stilled,
    summand,
    unwrap_red,
    wrap_red,
)
from telemed_desk.media.transport.install import MID_URI, SEND_TIME_URI
from telemed_desk.media.transport.protect import ParityMaker
from telemed_desk.media.transport.twcc import TWCC_URI
from telemed_protocol.errors import FormatError

SEEDS = int(os.environ.get("TELEMED_SEEDS", "300"))
EXTENSION = bytes.fromhex("bede0002") + b"\x31abc" + b"\x22\x11\x22\x33"


def packet(rng: random.Random, number: int) -> tuple[Recovered, bytes]:
    """Make a media packet, some with header extensions, and how parity sums it up."""
    payload = rng.randbytes(rng.randrange(1, 1200))
    marker, extended = rng.randrange(2), rng.random() < 0.5
    timestamp = rng.randrange(2**32)
    first = 0x90 if extended else 0x80
    content = summand(
        first, marker << 7 | 96, timestamp, (EXTENSION if extended else b"") + payload
    )
    return Recovered(number & 0xFFFF, timestamp, marker, 96, payload), content


def test_what_one_parity_covers_survives_the_loss_of_any_one_and_only_that() -> None:
    for seed in range(SEEDS):
        rng = random.Random(seed)
        base = rng.randrange(65_536)
        span = rng.choice([5, 14, 40])
        numbers = sorted(rng.sample(range(base, base + span), rng.randrange(2, 5)))
        made = {n: packet(rng, n) for n in numbers}
        parity = make_parity([(n, made[n][1]) for n in numbers])
        lost = rng.sample(numbers, rng.choice([0, 1, 1, 1, 2]))
        arriving: list[tuple[int, bytes]] = [(n, made[n][1]) for n in numbers if n not in lost]
        where = rng.randrange(len(arriving) + 1) if lost else len(arriving)
        arriving.insert(where, (-1, parity))
        receiver = FecReceiver()
        found: list[Recovered] = []
        for number, content in arriving:
            if number < 0:
                found += receiver.add_parity(content)
            else:
                found += receiver.add_media(number & 0xFFFF, content)
        assert found == ([made[lost[0]][0]] if len(lost) == 1 else [])


def test_one_recovered_packet_helps_the_next_parity() -> None:
    rng = random.Random(1)
    made = [packet(rng, n) for n in range(4)]
    receiver = FecReceiver()
    receiver.add_media(0, made[0][1])
    receiver.add_media(3, made[3][1])
    assert receiver.add_parity(make_parity([(1, made[1][1]), (2, made[2][1])])) == []
    found = receiver.add_parity(make_parity([(0, made[0][1]), (1, made[1][1])]))
    assert found == [made[1][0], made[2][0]]


def test_a_repeat_is_never_summed_up() -> None:
    """With packets of one length nothing betrays a sum that lacks one of them but its content."""
    for seed in range(SEEDS // 10):
        rng = random.Random(seed)
        made = {n: summand(0x80, 96, 5, rng.randbytes(200)) for n in range(rng.randrange(3, 6))}
        lost, repeated = rng.sample(list(made), 2)
        receiver = FecReceiver()
        found = []
        for number, content in made.items():
            if number == repeated:
                receiver.add_repeat(number)
            elif number != lost:
                found += receiver.add_media(number, content)
        found += receiver.add_parity(make_parity(list(made.items())))
        assert found == []
        # a parity without the repeated one still gives the lost one back
        found = receiver.add_parity(make_parity([m for m in made.items() if m[0] != repeated]))
        assert [one.sequence for one in found] == [lost]


def test_stamps_made_on_the_way_out_do_not_count() -> None:
    rng = random.Random(5)
    moving = frozenset({3, 4})
    mid, stamp, number = b"\x10" + b"1", b"\x32" + bytes(3), b"\x41" + bytes(2)
    long = b"\xbe\xde\x00\x03" + mid + stamp + number + bytes(3)  # with MID, as at the start
    short = b"\xbe\xde\x00\x02" + stamp + number + bytes(1)
    payloads = [rng.randbytes(50) for _ in range(3)]
    blocks = [long, short, short]
    made = [
        summand(0x90, 96, 5, block + data) for block, data in zip(blocks, payloads, strict=True)
    ]
    parity = make_parity(list(enumerate(made)))

    def arrive(n: int) -> bytes:
        stamped = bytearray(blocks[n])
        at = 7 if n == 0 else 5
        stamped[at : at + 3] = rng.randbytes(3)
        stamped[at + 4 : at + 6] = rng.randbytes(2)
        return summand(0x90, 96, 5, stilled(bytes(stamped) + payloads[n], moving))

    receiver = FecReceiver()
    receiver.add_media(0, arrive(0))
    receiver.add_media(2, arrive(2))
    (found,) = receiver.add_parity(parity)
    assert found.payload == payloads[1]
    for _ in range(2000):
        stilled(b"\xbe\xde" + rng.randbytes(rng.randrange(20)), moving)


def test_garbage_is_refused_or_harmless_and_memory_stays_bounded() -> None:
    rng = random.Random(3)
    receiver = FecReceiver()
    refused = 0
    for _ in range(20_000):
        try:
            if rng.random() < 0.5:
                receiver.add_parity(rng.randbytes(rng.randrange(60)))
            else:
                receiver.add_media(rng.randrange(65_536), rng.randbytes(rng.randrange(8, 40)))
        except FormatError:
            refused += 1
    assert refused > 1000
    assert len(receiver._media) < 1000
    assert len(receiver._parities) <= 64


def test_red_carries_one_block() -> None:
    assert unwrap_red(wrap_red(96, b"abc")) == (96, b"abc")
    for damaged in (b"", b"\xe0\x00\x00\x00x"):
        with pytest.raises(FormatError):
            unwrap_red(damaged)


def test_what_our_sender_protects_the_receiver_gets_back() -> None:
    """Through aiortc's own packets and header extensions, as they leave and as they come."""
    known = RTCRtpParameters(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(id=1, uri=MID_URI),
            RTCRtpHeaderExtensionParameters(id=3, uri=SEND_TIME_URI),
            RTCRtpHeaderExtensionParameters(id=4, uri=TWCC_URI),
        ]
    )
    extensions = HeaderExtensionsMap()
    extensions.configure(known)
    for seed in range(SEEDS // 10):
        rng = random.Random(seed)
        maker, receiver = ParityMaker(), FecReceiver()
        packets = [
            RtpPacket(118, rng.randrange(2), (65_534 + n) & 0xFFFF, 9000, 7, wrap_red(96, body))
            for n in range(6)
            if (body := rng.randbytes(rng.randrange(1, 900)))
        ]
        for packet in packets:
            if packet is packets[0] or packet is packets[3]:
                packet.extensions.mid = "1"  # as the first packets have it: another layout
            maker.add(packet, extensions, twcc=True)
        parities = maker.take(3)
        assert len(parities) == 2
        found: list[Recovered] = []
        for packet in packets:
            packet.extensions.transport_sequence_number = rng.randrange(65_536)
            packet.extensions.abs_send_time = rng.randrange(2**24)
            data = packet.serialize(extensions)
            if packet is packets[1] or packet is packets[4]:
                continue  # lost
            rest = data[12 : len(data) - len(packet.payload)] + packet.payload[1:]
            content = summand(
                data[0], packet.marker << 7 | 96, 9000, stilled(rest, frozenset({3, 4}))
            )
            found += receiver.add_media(packet.sequence_number, content)
        for parity in parities:
            found += receiver.add_parity(parity)
        assert [one.payload for one in found] == [packets[n].payload[1:] for n in (1, 4)]
        assert [one.sequence for one in found] == [65_535, 2]
