"""The photo's way: asked, credited, resumed where it broke, checked, and nothing else believed."""

import asyncio
import hashlib
import json
import os
import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.media import control, photo_taking
from telemed_desk.media.photo_giving import PhotoGiving
from telemed_desk.media.photo_taking import PhotoShelf
from telemed_desk.media.photos import (
    MAX_CHUNK_BYTES,
    MAX_PHOTO_BYTES,
    PART_HEADER,
    Complete,
    PhotoInbox,
    Problem,
    Progress,
)
from tests.media.process.photo_rig import Giver, Rig, noisy_jpeg

SEEDS = int(os.environ.get("TELEMED_SEEDS", "300"))
JPEG = noisy_jpeg()


def begin(data: bytes = JPEG, photo: str = "p1", **changes: Any) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    return json.dumps(
        {"t": "photo-begin", "id": photo, "size": len(data), "sha256": sha256} | changes
    )


def part(at: int, piece: bytes) -> bytes:
    return PART_HEADER.pack(at, 0) + piece


def opened_inbox(data: bytes = JPEG, window: int = 1 << 24) -> PhotoInbox:
    inbox = PhotoInbox()
    inbox.ask("p1")
    assert inbox.take(begin(data)) == Progress("p1", 0, len(data))
    assert inbox.allow(window, 1000) is not None
    return inbox


async def test_a_photo_arrives_with_its_progress_and_the_page_is_told() -> None:
    rig, giver = Rig(), Giver()
    rig.taking.take("p1")
    assert json.loads(rig.sent[0]) == {"t": "photo-request", "id": "p1"}
    rig.exchange(giver)
    assert giver.asked == ["p1"]
    giver.giving.give("p1", JPEG)
    rig.exchange(giver)
    photo = await rig.outcome()
    assert isinstance(photo, control.Photo)
    assert (photo.source, photo.width, photo.height) == ("camera", 800, 600)
    progress = [m for m in rig.told if isinstance(m, control.PhotoProgress)]
    assert progress[0].received == 0
    assert progress[-1].received == progress[-1].size == len(JPEG)
    assert rig.said("photo-done") == [{"t": "photo-done", "id": "p1", "ok": True}]


async def test_what_is_under_way_never_exceeds_the_window() -> None:
    rig, giver = Rig(), Giver()
    rig.taking.take("p1")
    rig.exchange(giver)
    giver.giving.give("p1", JPEG)
    widest = 0.0
    while rig.exchange(giver, most=1):
        under_way = sum(len(m) - PART_HEADER.size for m in giver.out if isinstance(m, bytes))
        widest = max(widest, rig.taking._pace.window)  # it may shrink; what was given stays given
        assert under_way <= widest
    assert isinstance(await rig.outcome(), control.Photo)


async def test_after_a_break_it_goes_on_where_it_was_in_the_next_call() -> None:
    shelf = PhotoShelf()
    first, giver = Rig(shelf=shelf), Giver()
    first.taking.take("p1")
    first.exchange(giver)
    giver.giving.give("p1", JPEG)
    first.exchange(giver, most=60)
    had = first.taking._inbox.received
    assert 5000 < had < len(JPEG)
    await first.close()
    giver.out.clear()  # what was on its way is gone with the connection
    second = Rig(shelf=shelf)
    second.taking.take("p1")
    assert second.said("photo-resume") == [{"t": "photo-resume", "id": "p1", "from": had}]
    second.exchange(giver)
    photo = await second.outcome()
    assert isinstance(photo, control.Photo)
    assert giver.asked == ["p1"]  # the person was asked once
    assert photo.width == 800


async def test_a_page_that_lost_the_photo_takes_it_anew() -> None:
    shelf = PhotoShelf()
    first, giver = Rig(shelf=shelf), Giver()
    first.taking.take("p1")
    first.exchange(giver)
    giver.giving.give("p1", JPEG)
    first.exchange(giver, most=30)
    await first.close()
    reloaded, second = Giver(), Rig(shelf=shelf)
    second.taking.take("p1")
    second.exchange(reloaded)
    assert reloaded.asked == ["p1"]
    reloaded.giving.give("p1", noisy_jpeg(320, 240))
    second.exchange(reloaded)
    photo = await second.outcome()
    assert isinstance(photo, control.Photo)
    assert photo.width == 320


async def test_the_shelf_gives_nothing_to_another_photo() -> None:
    shelf = PhotoShelf()
    first, giver = Rig(shelf=shelf), Giver()
    first.taking.take("p1")
    first.exchange(giver)
    giver.giving.give("p1", JPEG)
    first.exchange(giver, most=30)
    await first.close()
    second = Rig(shelf=shelf)
    second.taking.take("p2")
    assert second.said("photo-resume") == []
    assert second.said("photo-request") == [{"t": "photo-request", "id": "p2"}]
    await second.close()


async def test_a_channel_that_opens_again_is_told_where_to_go_on() -> None:
    rig, giver = Rig(), Giver()
    rig.taking.take("p1")
    rig.exchange(giver)
    giver.giving.give("p1", JPEG)
    rig.exchange(giver, most=40)
    giver.out.clear()
    rig.sent.clear()
    rig.taking.opened()
    assert rig.said("photo-resume")
    rig.exchange(giver)
    assert isinstance(await rig.outcome(), control.Photo)


async def test_while_the_path_is_lost_nobody_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_taking, "NEXT_CHUNK_WITHIN_S", 0.02)
    rig, giver = Rig(picture=True), Giver()
    rig.taking.take("p1")
    rig.exchange(giver)
    giver.giving.give("p1", JPEG)
    rig.taking.hold(lost=True)
    rig.exchange(giver, most=20)
    await asyncio.sleep(0.1)
    assert not [m for m in rig.told if isinstance(m, control.Photo)]
    rig.taking.hold(lost=False)
    photo = await rig.outcome()
    assert isinstance(photo, control.Photo)
    assert photo.source == "video"  # the path is back and still nothing comes
    assert rig.said("photo-done") == [{"t": "photo-done", "id": "p1", "ok": False}]


async def test_a_request_waits_for_the_first_channel() -> None:
    rig, giver = Rig(channel=False), Giver()
    rig.taking._open = False
    rig.taking.take("p1")
    assert rig.sent == []
    rig.channel = True
    rig.taking.opened()
    rig.exchange(giver)
    assert giver.asked == ["p1"]
    await rig.close()


@pytest.mark.parametrize("picture", [True, False])
async def test_without_a_channel_the_video_is_the_fall_back(picture: bool) -> None:
    rig = Rig(channel=False, picture=picture)
    rig.taking.take("p1")
    outcome = await rig.outcome()
    if picture:
        assert isinstance(outcome, control.Photo)
    else:
        assert outcome == control.PhotoProgress("c", "p1", 0, 0, "no-channel")


async def test_who_declines_is_not_photographed_by_other_means() -> None:
    rig, giver = Rig(picture=True), Giver()
    rig.taking.take("p1")
    giver.giving.decline("p1")
    rig.exchange(giver)
    assert await rig.outcome() == control.PhotoProgress("c", "p1", 0, 0, "declined")


@pytest.mark.parametrize("picture", [True, False])
async def test_bytes_that_are_no_photo_are_never_shown(picture: bool) -> None:
    rig, giver = Rig(picture=picture), Giver()
    rig.taking.take("p1")
    rig.exchange(giver)
    giver.giving.give("p1", bytes(5000))
    rig.exchange(giver)
    outcome = await rig.outcome()
    if picture:
        assert isinstance(outcome, control.Photo)
        assert (outcome.source, outcome.width) == ("video", 320)
    else:
        assert outcome == control.PhotoProgress("c", "p1", 0, 0, "broken")


# ---- the inbox alone ---------------------------------------------------------------------------


def test_a_wrong_hash_is_broken() -> None:
    inbox = PhotoInbox()
    inbox.ask("p1")
    inbox.take(begin(JPEG, sha256="0" * 64))
    inbox.allow(1 << 24, 1000)
    outcome = None
    for at in range(0, len(JPEG), MAX_CHUNK_BYTES):
        outcome = inbox.take(part(at, JPEG[at : at + MAX_CHUNK_BYTES]))
    assert outcome == Problem("p1", "broken")


@pytest.mark.parametrize(
    "frame",
    [
        part(0, bytes(MAX_CHUNK_BYTES + 1)),
        part(5, bytes(10)),
        part(0, bytes(3000)),
        PART_HEADER.pack(0, 0),
        b"",
        b"\0\0\0",
    ],
    ids=["too large", "a hole", "beyond the credit", "no bytes", "empty", "no header"],
)
def test_a_hostile_part_ends_it(frame: bytes) -> None:
    assert opened_inbox(window=2000).take(frame) == Problem("p1", "broken")


def test_a_part_twice_is_taken_once() -> None:
    inbox = opened_inbox(JPEG)
    half = MAX_CHUNK_BYTES
    assert inbox.take(part(0, JPEG[:half])) == Progress("p1", half, len(JPEG), half)
    assert inbox.take(part(0, JPEG[:half])) is None
    assert inbox.take(part(100, JPEG[100:200])) is None
    outcome = None
    for at in range(half, len(JPEG), half):
        outcome = inbox.take(part(at, JPEG[at : at + half]))
    assert outcome == Complete("p1", JPEG)


def test_parts_before_announcement_or_credit_are_ignored() -> None:
    inbox = PhotoInbox()
    assert inbox.take(part(0, b"x")) is None
    inbox.ask("p1")
    assert inbox.take(part(0, b"x")) is None
    inbox.take(begin())
    assert inbox.take(part(0, b"x")) is None
    assert inbox.received == 0


def test_an_announcement_of_another_photo_in_the_middle_is_broken() -> None:
    inbox = opened_inbox()
    inbox.take(part(0, JPEG[:100]))
    assert inbox.take(begin(b"another")) == Problem("p1", "broken")


def test_too_large_is_broken_and_a_foreign_one_ignored() -> None:
    inbox = PhotoInbox()
    inbox.ask("p1")
    assert inbox.take(begin(photo="p9")) is None
    assert inbox.take(begin(size=MAX_PHOTO_BYTES + 1)) == Problem("p1", "broken")
    assert inbox.take(begin()) is None  # nobody waits any more


def hostile(rng: random.Random) -> str | bytes:
    """A frame that a bad page might send: mostly almost right."""
    kind = rng.randrange(8)
    at = rng.choice([0, 0, 1, 500, 1000, 2**32 - 1, rng.randrange(len(JPEG))])
    size = rng.choice([0, 1, 500, 1000, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1])
    frames: list[str | bytes] = [
        struct.pack(">I", at) + rng.randbytes(rng.randrange(5)),
        part(at, rng.randbytes(size)),
        part(at, JPEG[at : at + size]) if at < len(JPEG) else b"",
        begin(size=rng.choice([-1, 0, 1, len(JPEG), 2**70])),
        begin(sha256="g" * 64),
        json.dumps({"t": "photo-begin", "id": "p1" * rng.randrange(60), "size": [], "sha256": {}}),
        "[" * 3000,
        json.dumps({"t": "photo-declined" if rng.random() < 0.1 else "photo-end", "id": "p1"}),
    ]
    return frames[kind]


def test_hostile_frames_of_many_seeds_never_break_the_inbox_nor_fill_memory() -> None:
    ended = 0
    for seed in range(SEEDS):
        rng = random.Random(seed)
        inbox = opened_inbox(window=rng.choice([1000, 5000, 1 << 24]))
        for _ in range(60):
            outcome = inbox.take(hostile(rng))
            assert not isinstance(outcome, Complete)
            assert inbox.received <= len(JPEG)
            inbox.allow(rng.choice([1000, 50_000]), 1000)
            ended += isinstance(outcome, Problem)
    assert ended > SEEDS / 2


@given(st.lists(st.one_of(st.text(max_size=80), st.binary(max_size=80)), max_size=20))
def test_any_frames_are_survived_by_both_sides(frames: list[str | bytes]) -> None:
    inbox, giver = opened_inbox(), Giver()
    giver.giving.give("p1", b"secret")
    for frame in frames:
        inbox.take(frame)
        giver.giving.on_data(frame)
    assert not [m for m in giver.out if isinstance(m, bytes)]  # nothing leaves without credit


def test_the_giver_obeys_nonsense_no_further_than_the_photo() -> None:
    giver = Giver()
    giver.giving.give("p1", JPEG)
    for told in (
        {"t": "photo-credit", "id": "p1", "upto": 2**40, "part": 2**40},
        {"t": "photo-resume", "id": "p1", "from": 2**40},
        {"t": "photo-credit", "id": "p1", "upto": 10, "part": 0},
    ):
        giver.giving.on_data(json.dumps(told))
    parts = [m for m in giver.out if isinstance(m, bytes)]
    assert sum(len(m) - PART_HEADER.size for m in parts) == len(JPEG)
    assert giver.asked == ["p1"]  # a resume beyond the end: it is another photo that is meant


@pytest.mark.parametrize("up_ms", [2**32 - 2, 2**32 + 7, 5 * 2**32 - 1])
def test_a_photo_from_a_pc_that_runs_for_months_arrives(up_ms: int) -> None:
    """Its clock of milliseconds wraps after 49 days; the parts say it modulo 2^32."""
    out: list[str | bytes] = []
    clock = iter(range(up_ms, up_ms + 100_000))

    def send(message: str | bytes) -> bool:
        out.append(message)
        return True

    giving = PhotoGiving(send, lambda _photo: None, lambda: next(clock))
    giving.give("p1", JPEG)
    giving.on_data(json.dumps({"t": "photo-credit", "id": "p1", "upto": len(JPEG), "part": 900}))
    inbox = opened_inbox(JPEG)
    parts = [m for m in out if isinstance(m, bytes)]
    came = [inbox.take(frame) for frame in parts]
    assert came[-1] == Complete("p1", JPEG)
    sent = [progress.sent_ms for progress in came if isinstance(progress, Progress)]
    assert sent == [(up_ms + n) % 2**32 for n in range(len(sent))]
