"""The frame assembler over thousands of orders of arrival: never a smeared picture, never a stall."""

import itertools
import random
from dataclasses import dataclass

import pytest

from telemed_desk.media.codecs.vp8_payload import pack_vp8
from telemed_desk.media.engine.assembler import FrameAssembler, VideoFrame

MS = 1_000_000


@dataclass(frozen=True)
class Sent:
    frame: int
    sequence: int
    timestamp: int
    payload: bytes
    marker: bool


def stream(rng: random.Random, frames: int, key_every: int) -> tuple[list[Sent], list[bytes]]:
    """Packets of a stream; a key frame's first byte is even, a delta frame's odd, as in VP8."""
    packets: list[Sent] = []
    contents: list[bytes] = []
    sequence = rng.randrange(65_536)
    for n in range(frames):
        key = n % key_every == 0
        body = (
            bytes([0 if key else 1]) + n.to_bytes(4, "big") + rng.randbytes(rng.randrange(1, 4000))
        )
        contents.append(body)
        payloads = pack_vp8(body, n)
        for i, payload in enumerate(payloads):
            packets.append(Sent(n, sequence & 0xFFFF, n * 3000, payload, i == len(payloads) - 1))
            sequence += 1
        if rng.random() < 0.05:  # padding between frames, as libwebrtc sends to probe
            packets.append(Sent(n, sequence & 0xFFFF, n * 3000, b"", False))
            sequence += 1
    return packets, contents


def check_decodable(frames: list[VideoFrame]) -> None:
    last: int | None = None
    for frame in frames:
        number = int.from_bytes(frame.data[1:5], "big")
        if not frame.is_keyframe:
            assert last is not None
            assert number == last + 1, "a picture was built on one that is missing"
        elif last is not None:
            assert number > last
        last = number


def insert(assembler: FrameAssembler, packet: Sent, now: int) -> list[VideoFrame]:
    return assembler.insert(
        packet.sequence, packet.timestamp, packet.payload, now, marker=packet.marker
    )


def test_in_order_each_frame_leaves_with_its_last_packet() -> None:
    assembler = FrameAssembler()
    packets, contents = stream(random.Random(1), 200, 50)
    seen = 0
    for i, packet in enumerate(packets):
        frames = insert(assembler, packet, i * MS)
        assert len(frames) == int(packet.marker)
        for frame in frames:
            assert frame.data == contents[seen]
            seen += 1
    assert seen == 200


@pytest.mark.parametrize("block", range(20))
def test_reordered_and_doubled_packets_change_nothing(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        rng = random.Random(seed)
        packets, contents = stream(rng, 25, 1000)
        arrival = [
            (i + rng.uniform(0, 12 if i else 0), packet)
            for i, packet in enumerate(packets)
            for _ in range(1 + (rng.random() < 0.2))
        ]
        arrival.sort(key=lambda x: x[0])
        assembler = FrameAssembler()
        out: list[VideoFrame] = []
        for n, (_, packet) in enumerate(arrival):
            out += insert(assembler, packet, n * MS)
        assert [frame.data for frame in out] == contents


@pytest.mark.parametrize("block", range(20))
def test_with_loss_and_repair_no_picture_is_ever_built_on_a_missing_one(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        rng = random.Random(seed)
        loss = rng.choice([0.01, 0.1, 0.3])
        rtt = rng.choice([20.0, 200.0, 700.0])
        packets, contents = stream(rng, 60, rng.choice([10, 20]))
        events: list[tuple[float, Sent]] = []
        for i, packet in enumerate(packets):
            at = i * 5.0
            while rng.random() < loss:  # lost, asked for again, perhaps lost again
                at += rtt * 1.1
                if rng.random() < 0.2:
                    at = -1
                    break
            if at >= 0:
                events.append((at + rng.uniform(0, 10), packet))
        events.sort(key=lambda x: x[0])
        assembler = FrameAssembler()
        out: list[VideoFrame] = []
        asked = 0
        for at, packet in events:
            now = int(at * MS)
            out += insert(assembler, packet, now)
            asked += assembler.poll(now, rtt)
        check_decodable(out)
        for frame in out:
            assert frame.data == contents[int.from_bytes(frame.data[1:5], "big")]
        if loss < 0.05:
            assert len(out) > 15
        assert asked < 60


def test_an_unrepaired_gap_is_given_up_in_time_and_a_key_frame_asked_for_with_patience() -> None:
    packets, _ = stream(random.Random(3), 100, 1000)
    assembler = FrameAssembler()
    lost = next(p for p in packets if p.frame == 10)
    shown: list[int] = []
    asked: list[int] = []
    for i, packet in enumerate(packets):
        now = i * 10 * MS
        if packet is not lost:
            shown += [int.from_bytes(f.data[1:5], "big") for f in insert(assembler, packet, now)]
        if assembler.poll(now, 50.0):
            asked.append(now // MS)
    assert shown[-1] == 9
    assert assembler.waiting_for_keyframe
    gap_at = packets.index(lost) * 10
    assert gap_at + 200 <= asked[0] <= gap_at + 250
    waits = [b - a for a, b in itertools.pairwise(asked)]
    assert waits == sorted(waits)
    assert waits[0] >= 300


def test_a_key_frame_ends_the_wait_at_once() -> None:
    packets, contents = stream(random.Random(4), 40, 20)
    assembler = FrameAssembler()
    out: list[VideoFrame] = []
    for i, packet in enumerate(packets):
        if packet.frame != 12:
            out += insert(assembler, packet, i * 5 * MS)
    assert [f.data for f in out] == contents[:12] + contents[20:]


def test_a_picture_that_was_counted_but_never_sent_is_missed_all_the_same() -> None:
    """A sender whose queue is full drops it after encoding: numbers of packets tell nothing of that."""
    assembler = FrameAssembler()
    out: list[int] = []
    for n, sequence in enumerate(range(100, 130)):
        if n == 12:
            continue
        number = sequence - (n > 12)
        body = bytes([0 if n in (0, 20) else 1]) + n.to_bytes(4, "big")
        payload = pack_vp8(body, 120 + n)[0]
        frames = assembler.insert(number, n * 3000, payload, n * 33 * MS, marker=True)
        out += [int.from_bytes(frame.data[1:5], "big") for frame in frames]
    assert out == [*range(12), *range(20, 30)]


def test_short_and_long_picture_numbers_are_followed_over_their_ends() -> None:
    for first, span in ((100, 128), (32_740, 32_768), (120, 32_768)):
        assembler = FrameAssembler()
        shown = 0
        for n in range(60):
            number = (first + n) % span
            identity = bytes((number,)) if span == 128 else (number | 0x8000).to_bytes(2, "big")
            payload = b"\x90\x80" + identity + bytes((0 if n == 0 else 1, 5))
            shown += len(assembler.insert(n, n * 3000, payload, n * MS, marker=True))
        assert shown == 60


def test_lost_parity_and_padding_between_pictures_stop_nothing() -> None:
    rng = random.Random(8)
    assembler = FrameAssembler()
    shown = sequence = 0
    for n in range(500):
        body = bytes([0 if n == 0 else 1]) + n.to_bytes(4, "big") + rng.randbytes(1500)
        payloads = pack_vp8(body, n)
        for i, payload in enumerate(payloads):
            marker = i == len(payloads) - 1
            shown += len(assembler.insert(sequence, n * 3000, payload, n * MS, marker=marker))
            sequence += 1
        sequence += rng.randrange(3)  # parity that never came
        needed = assembler.needed_from()
        assert needed is not None
    assert shown == 500
    assert not assembler.poll(600 * MS, 50)


def test_two_minutes_of_outage_do_not_grow_the_buffer() -> None:
    rng = random.Random(6)
    assembler = FrameAssembler()
    for n in range(40_000):
        body = b"\x01" + rng.randbytes(20)
        assembler.insert(n & 0xFFFF, n * 3000, pack_vp8(body, n)[0], n * 5 * MS, marker=True)
    assert len(assembler._packets) < 2100


def test_garbage_is_counted_and_skipped() -> None:
    rng = random.Random(7)
    assembler = FrameAssembler()
    for n in range(5000):
        assembler.insert(
            rng.randrange(65_536),
            rng.randrange(2**32),
            rng.randbytes(rng.randrange(0, 30)),
            n * MS,
            marker=rng.random() < 0.5,
        )
        assembler.poll(n * MS, 100)
    assert assembler.malformed > 0
    assert len(assembler._packets) < 2100
