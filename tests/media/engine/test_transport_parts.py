"""The pure parts of the transport: numbers, feedback, pacing, repair, reports."""

import random
import struct

import pytest

from telemed_desk.media.codecs.vp8_payload import keyframe_size, pack_vp8, unpack_vp8
from telemed_desk.media.transport.dtls import split_compound
from telemed_desk.media.transport.pacer import QUEUE_LIMIT_S, Pacer, Priority
from telemed_desk.media.transport.reception import ReceptionStats
from telemed_desk.media.transport.repair import (
    GIVE_UP_NS,
    MOST_AT_ONCE,
    KeyframeGate,
    LossTracker,
    SentHistory,
    SentPacket,
)
from telemed_desk.media.transport.sequence import Unwrapper
from telemed_desk.media.transport.twcc import TICK_NS, ArrivalLog, parse_feedback
from telemed_protocol.errors import FormatError

MS = 1_000_000


def test_numbers_count_on_over_wraps_and_reordering() -> None:
    unwrap = Unwrapper(16)
    first = unwrap.unwrap(65_530)
    assert [unwrap.unwrap(n) - first for n in (65_532, 65_531, 2, 65_535, 1, 3)] == [
        2,
        1,
        8,
        5,
        7,
        9,
    ]


@pytest.mark.parametrize("seed", range(300))
def test_feedback_says_what_arrived_and_when(seed: int) -> None:
    rng = random.Random(seed)
    log = ArrivalLog()
    start = rng.randrange(65_536)
    now = rng.randrange(10**12)
    sent: dict[int, int] = {}
    order = list(range(rng.randrange(1, 700)))
    for i in range(0, len(order) - 3, 7):
        if rng.random() < 0.2:
            order[i], order[i + 2] = order[i + 2], order[i]
    loss = rng.choice([0.0, 0.05, 0.5, 0.95])
    for i in order:
        now += rng.choice([0, 100_000, 5 * MS, 90 * MS])
        if rng.random() >= loss:
            sequence = (start + i) & 0xFFFF
            sent[sequence] = now
            log.add(sequence, now)
    packets = log.take(7, 8)
    assert log.take(7, 8) == []
    heard: dict[int, int] = {}
    for packet in packets:
        assert len(packet) % 4 == 0
        assert split_compound(packet) == [packet]
        arrivals = parse_feedback(packet).arrivals
        heard.update({sequence: at for sequence, at in arrivals if at is not None})
    assert heard.keys() == sent.keys()
    offsets = {
        round((sent[s] - heard[s]) / (64 * MS * (1 << 24))) for s in heard
    }  # the reference time wraps
    assert len(offsets) <= 2
    for s, at in sent.items():
        assert (
            abs((at - heard[s]) % (64 * MS << 24)) <= TICK_NS
            or (64 * MS << 24) - (at - heard[s]) % (64 * MS << 24) <= TICK_NS
        )


def test_feedback_covers_what_was_lost_between_two_of_them() -> None:
    log = ArrivalLog()
    log.add(10, 5 * MS)
    log.take(1, 2)
    log.add(14, 9 * MS)
    (packet,) = log.take(1, 2)
    assert [(s, at is None) for s, at in parse_feedback(packet).arrivals] == [
        (11, True),
        (12, True),
        (13, True),
        (14, False),
    ]


def test_damaged_feedback_is_refused() -> None:
    log = ArrivalLog()
    for i in range(50):
        log.add(i * 2, i * 10 * MS)
    (whole,) = log.take(1, 2)
    rng = random.Random(5)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(whole[: rng.randrange(4, len(whole))])
        damaged[rng.randrange(len(damaged))] ^= rng.randrange(1, 256)
        try:
            parse_feedback(bytes(damaged))
        except FormatError:
            refused += 1
    assert refused > 500
    endless = whole[:20] + b"\0\0" * 4
    with pytest.raises(FormatError):
        parse_feedback(endless)


def test_voice_leaves_at_once_and_pictures_at_their_pace() -> None:
    pacer: Pacer[str] = Pacer(400_000)
    now = 0
    pacer.take(now)
    for i in range(40):
        pacer.push(f"v{i}", 1250, Priority.VIDEO, now, frame=1)
    pacer.push("repair", 1250, Priority.REPAIR, now)
    pacer.push("voice", 100, Priority.AUDIO, now)
    left: list[tuple[int, str]] = []
    while not pacer.empty:
        now += 5 * MS
        left += [(now, item) for item in pacer.take(now)]
    assert [item for _, item in left[:3]] == ["voice", "repair", "v0"]
    # 50 kB at 2.5 times 400 kbit/s
    assert 0.3 < now / 1e9 < 0.55
    most = max(sum(1 for at, _ in left if at == t) for t in range(0, now + 1, 5 * MS))
    assert most <= 3


def test_a_second_picture_does_not_queue_behind_a_quarter_of_a_second() -> None:
    pacer: Pacer[str] = Pacer(100_000)
    assert pacer.room_for_frame(0)
    for i in range(20):
        pacer.push(f"key{i}", 1200, Priority.VIDEO, 0, frame=1)
    assert pacer.drain_s() > QUEUE_LIMIT_S
    assert not pacer.room_for_frame(0)
    now = 5 * MS
    assert pacer.take(now)
    pacer.push("late", 1200, Priority.VIDEO, now, frame=2)
    assert pacer.drop_waiting_frames() == 1
    rest: list[str] = []
    while not pacer.empty:
        now += 5 * MS
        rest += pacer.take(now)
    assert rest[-1] == "key19"


def test_missing_packets_are_asked_for_at_once_again_after_a_round_trip_and_then_given_up() -> None:
    tracker = LossTracker()
    for n in (1, 2, 5):
        tracker.add(n, 0)
    asked: list[tuple[int, list[int]]] = []
    for tick in range(300):
        now = tick * 10 * MS
        lost = tracker.due(now, 100.0)
        if lost:
            asked.append((now // MS, lost))
        if tick == 50:
            tracker.add(3, now, repaired=True)
    # a lost request costs 20 ms, a lost repeat little more than a round trip
    assert [at for at, _ in asked[:5]] == [0, 20, 110, 130, 150]
    assert asked[0][1] == [3, 4]
    assert asked[-1][1] == [4]
    assert 1950 <= asked[-1][0] <= GIVE_UP_NS // MS
    assert tracker.missing == 0


def test_where_packets_overtake_one_another_late_ones_are_not_asked_for() -> None:
    tracker = LossTracker()
    asked = 0
    for n in range(1, 200):
        now = n * 20 * MS
        if n % 4 == 2:
            tracker.add(n + 1, now)
            asked += len(tracker.due(now + MS, 100.0)) if n > 4 else 0
            tracker.add(n, now + 5 * MS)
        elif n % 4 != 3:
            tracker.add(n, now)
    assert asked == 0


def test_reordering_is_not_loss_and_an_outage_is_not_repaired() -> None:
    tracker = LossTracker()
    tracker.add(1, 0)
    tracker.add(3, 0)
    tracker.add(2, 3 * MS)
    assert tracker.due(20 * MS, 50) == []
    tracker.add(3 + MOST_AT_ONCE + 1, 25 * MS)
    assert not tracker.overwhelmed
    tracker.forget()
    tracker.add(3 + 2 * MOST_AT_ONCE + 3, 30 * MS)
    assert tracker.overwhelmed
    assert tracker.due(60 * MS, 50) == []


def test_history_repeats_once_a_round_trip_and_forgets_after_three_seconds() -> None:
    history = SentHistory()
    history.add(SentPacket(7, 0, 0, b"x", 0))
    assert history.repeat(7, 10 * MS, 100) is not None
    assert history.repeat(7, 50 * MS, 100) is None
    assert history.repeat(7, 150 * MS, 100) is not None
    history.add(SentPacket(8, 0, 0, b"y", 3500 * MS))
    assert history.repeat(7, 3600 * MS, 100) is None
    assert history.repeat(8, 2600 * MS, 100) is not None


def test_key_frames_are_not_made_more_often_than_useful() -> None:
    gate = KeyframeGate()
    made = 0
    for tick in range(200):
        gate.request()
        made += gate.take(tick * 10 * MS, 50)
    assert made == 5
    gate.request()
    assert gate.take(20_000 * MS, 50)
    gate.request()
    assert not gate.take(20_600 * MS, 700)


def test_reception_reports_say_what_share_was_lost() -> None:
    stats = ReceptionStats(48_000)
    for n in range(100):
        if n % 10:
            stats.add((65_500 + n) & 0xFFFF, n * 960, n * 20 * MS)
    stats.sender_report(0x1234567800000000, 1900 * MS)
    report = stats.report(9, 2900 * MS)
    assert report.fraction_lost == pytest.approx(256 * 9 / 99, abs=2)
    assert report.packets_lost == 9
    assert report.dlsr == 65_536
    assert stats.jitter_ms < 0.1
    assert len(bytes(report)) == 24


@pytest.mark.parametrize("size", [1, 1145, 1146, 1147, 5000, 70_000])
def test_vp8_payloads_go_back_together(size: int) -> None:
    frame = random.Random(size).randbytes(size)
    payloads = pack_vp8(frame, 0x1234)
    parts = [unpack_vp8(p) for p in payloads]
    assert b"".join(p.data for p in parts) == frame
    assert [p.starts_frame for p in parts] == [True] + [False] * (len(parts) - 1)
    assert all(p.picture_id == 0x1234 for p in parts)
    assert parts[0].is_keyframe == (not frame[0] & 1)
    assert max(map(len, payloads)) <= 1150


def test_foreign_vp8_descriptors_are_read() -> None:
    # X with I (7 bit), L, T and K, as libwebrtc sends with temporal layers
    assert unpack_vp8(bytes((0x90, 0xF0, 0x11, 0x05, 0x20, 0x01))).data == b"\x01"
    assert unpack_vp8(b"\x10\x00rest").is_keyframe
    assert not unpack_vp8(b"\x00\x00rest").starts_frame
    for damaged in (b"", b"\x90", b"\x90\x80", b"\x90\x80\x80", b"\x10"):
        with pytest.raises(FormatError):
            unpack_vp8(damaged)
    header = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 360)
    assert keyframe_size(header) == (640, 360)
