"""Whatever the other side sends for pictures is refused, left out or harmless, and never shown wrongly.

The kept corpus (``picture_corpus/``) is replayed and mutated by seed; more seeds
by ``TELEMED_SEEDS``. What once broke something is kept there.
"""

import os
import random
from pathlib import Path

import pytest

from telemed_desk.media.codecs.vp8_payload import unpack_vp8
from telemed_desk.media.engine.assembler import FrameAssembler, VideoFrame
from telemed_desk.media.transport.fec import FecReceiver, stilled, unwrap_red
from telemed_desk.media.transport.repair import MOST_MISSING, LossTracker
from telemed_protocol.errors import FormatError

CORPUS = Path(__file__).parent / "picture_corpus"
SEEDS = int(os.environ.get("TELEMED_SEEDS", "200"))
MS = 1_000_000
PICTURES = sorted(CORPUS.glob("vp8-*.hex"))
PARITIES = sorted(CORPUS.glob("fec-*.hex"))


def kept(path: Path) -> bytes:
    return bytes.fromhex(path.read_text())


def mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randrange(4)):
        match rng.randrange(4):
            case 0 if out:
                out[rng.randrange(len(out))] = rng.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
                )
            case 1 if out:
                del out[rng.randrange(len(out)) :]
            case 2:
                out += rng.randbytes(rng.randrange(8))
            case _ if out:
                out[0] ^= 1 << rng.randrange(8)
    return bytes(out)


def read(payload: bytes) -> None:
    try:
        found = unpack_vp8(payload)
    except FormatError:
        return
    assert found.data
    assert payload.endswith(found.data)
    assert found.picture_id is None or 0 <= found.picture_id < 1 << 15


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_each_kept_payload_is_read_or_refused(path: Path) -> None:
    read(kept(path))
    assert len(PICTURES) >= 12


def test_payload_descriptors_never_break_their_reader() -> None:
    rng = random.Random(1)
    for _ in range(SEEDS * 20):
        read(mutated(rng, kept(rng.choice(PICTURES))))
        read(rng.randbytes(rng.randrange(12)))


def check(frames: list[VideoFrame], last: VideoFrame | None) -> VideoFrame | None:
    """Nothing is built on what is missing, nothing goes back."""
    for frame in frames:
        if not frame.is_keyframe:
            assert last is not None
            if frame.picture_id is not None and last.picture_id is not None:
                step = (frame.picture_id - last.picture_id) % (1 << 15)
                wrapped = last.picture_id == 127 and frame.picture_id == 0
                assert step == 1 or wrapped or frame.layer is not None
        assert last is None or frame.first > last.last
        last = frame
    return last


def test_the_assembler_survives_any_mixture_and_shows_nothing_out_of_order() -> None:
    for seed in range(SEEDS):
        rng = random.Random(seed)
        assembler = FrameAssembler()
        last: VideoFrame | None = None
        sequence, now = rng.randrange(65_536), 0
        for n in range(120):
            payload = kept(rng.choice(PICTURES))
            if rng.random() < 0.3:
                payload = mutated(rng, payload)
            sequence += rng.choice((1, 1, 1, 1, 2, 3, -1, -5, rng.randrange(-2000, 2000)))
            now += rng.randrange(60) * MS
            frames = assembler.insert(
                sequence & 0xFFFF,
                n // rng.choice((1, 2)) * 3000,
                payload,
                now,
                marker=rng.random() < 0.7,
            )
            last = check(frames, last)
            last = check(assembler.skip(now, rng.randrange(100) * MS), last)
            assembler.poll(now, rng.uniform(1, 900))
            if rng.random() < 0.01:
                assembler.break_chain()
        assert len(assembler._packets) < 2100
        assert len(assembler._begins) <= 2100


def test_parity_and_wrapping_refuse_or_ignore_what_makes_no_sense() -> None:
    assert len(PARITIES) >= 6
    for seed in range(SEEDS):
        rng = random.Random(seed)
        receiver = FecReceiver()
        for n in range(60):
            data = mutated(rng, kept(rng.choice(PARITIES)))
            try:
                if rng.random() < 0.5:
                    found = receiver.add_parity(data)
                else:
                    found = receiver.add_media(n, data.ljust(8, b"\0"))
            except FormatError:
                continue
            assert all(len(one.payload) <= 1600 for one in found)
            stilled(data, frozenset({3, 4}))
            try:
                kind, inner = unwrap_red(data)
            except FormatError:
                continue
            assert kind < 128
            assert len(inner) == len(data) - 1


def test_the_list_of_what_is_missing_stays_short_whatever_numbers_come() -> None:
    for seed in range(SEEDS):
        rng = random.Random(seed)
        tracker, now, sequence = LossTracker(), 0, rng.randrange(65_536)
        for _ in range(300):
            sequence += rng.choice((1, 1, 1, 2, 9, 39, -3, rng.randrange(-30_000, 30_000)))
            now += rng.randrange(40) * MS
            tracker.add(sequence & 0xFFFF, now, repaired=rng.random() < 0.2)
            asked = tracker.due(now, rng.uniform(0, 2000))
            assert len(asked) == len(set(asked)) <= MOST_MISSING
            if rng.random() < 0.2:
                tracker.forget_below(rng.randrange(65_536))
        assert tracker.missing <= MOST_MISSING
