"""The lowest lane: parts of photos' files, after everything else, through cuts and repeats."""

import os
import random

import pytest

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import (
    Activity,
    Announce,
    Effect,
    Failed,
    Failure,
    HeadAnnounced,
    OpsPending,
    OriginalsHeld,
    OriginalsWaiting,
    PartsHeld,
    Pulled,
    Queued,
    Refreshed,
    Seal,
    Sealed,
    Send,
    SendPart,
    Sent,
    Tick,
    TryNow,
    WaitUntil,
)
from telemed_desk.sync.status import Phase
from telemed_protocol.attachments import PART_BYTES, part_count
from telemed_protocol.progress import Original

PHOTO = Original(b"p" * 16, 3 * PART_BYTES + 10)
OTHER = Original(b"q" * 16, PART_BYTES)
SEEDS = int(os.environ.get("TELEMED_SEEDS", "150"))


def work(effects: list[Effect]) -> list[Effect]:
    return [e for e in effects if not isinstance(e, WaitUntil)]


def idle(*originals: Original) -> tuple[SyncCore, list[Effect]]:
    """A core that has caught up with the server; and what it does with these photos."""
    core = SyncCore()
    core.handle(Tick(), 0)
    core.handle(Refreshed(), 0)
    core.handle(Pulled(0, 0), 0)
    return core, work(core.handle(OriginalsWaiting(originals), 0))


def held(original: Original, part: int | None, *parts: int, whole: bool = False) -> PartsHeld:
    return PartsHeld(original.entity, part, frozenset(parts), whole)


def test_a_file_is_announced_and_then_goes_part_by_part_without_what_is_held() -> None:
    core, effects = idle(PHOTO)
    assert effects == [Announce(PHOTO)]
    assert core.status().phase is Phase.SENDING
    assert work(core.handle(held(PHOTO, None, 1), 1)) == [SendPart(PHOTO, 0)]
    assert core.status().originals_bytes == PHOTO.size - PART_BYTES
    assert work(core.handle(held(PHOTO, 0, 0, 1), 4000)) == [SendPart(PHOTO, 2)]
    assert work(core.handle(held(PHOTO, 2, 0, 1, 2), 8000)) == [SendPart(PHOTO, 3)]
    assert work(core.handle(held(PHOTO, 3, 0, 1, 2, 3, whole=True), 12_000)) == []
    assert (core.status().originals, core.status().phase) == (0, Phase.IDLE)


@pytest.mark.parametrize("event", [OpsPending(1, 9), HeadAnnounced(4)])
def test_nothing_of_a_photo_leaves_while_anything_else_waits(
    event: OpsPending | HeadAnnounced,
) -> None:
    core, _ = idle(PHOTO)
    assert len(work(core.handle(event, 1))) == 1
    assert work(core.handle(held(PHOTO, None), 2)) == []
    if isinstance(event, OpsPending):
        note = Queued(b"n", 1, 1, 1, 100)
        assert work(core.handle(Sealed((note,)), 3)) == [Send(note)]
        assert work(core.handle(Sent(b"n", 1, 1, 1), 4)) == [SendPart(PHOTO, 0)]
    else:
        assert work(core.handle(Pulled(4, 4), 3)) == [SendPart(PHOTO, 0)]


def test_an_urgent_op_leaves_although_a_part_is_on_its_way() -> None:
    core, _ = idle(PHOTO)
    core.handle(held(PHOTO, None), 1)
    assert work(core.handle(OpsPending(1, 9), 2)) == [Seal()]
    urgent = Queued(b"u", 0, 1, 1, 100)
    assert work(core.handle(Sealed((urgent,)), 3)) == [Send(urgent)]
    assert work(core.handle(held(PHOTO, 0, 0), 4)) == []


def test_one_part_at_a_time_on_a_thin_line_and_four_on_a_fast_one() -> None:
    thin, _ = idle(PHOTO, OTHER)
    assert len(work(thin.handle(held(PHOTO, None), 0))) == 1
    assert work(thin.handle(Tick(), 1)) == []
    fast, _ = idle(Original(b"f" * 16, 20 * PART_BYTES))
    fast.handle(PartsHeld(b"f" * 16, None, frozenset()), 0)
    effects = work(fast.handle(PartsHeld(b"f" * 16, 0, frozenset({0})), 50))
    assert [e.part for e in effects if isinstance(e, SendPart)] == [1, 2, 3, 4]


def test_files_take_turns_by_bytes() -> None:
    large = Original(b"l" * 16, 40 * PART_BYTES)
    core, effects = idle(large, PHOTO)
    have: dict[bytes, set[int]] = {large.entity: set(), PHOTO.entity: set()}
    order: list[bytes] = []
    for now in range(1, 12):
        (activity,) = effects
        if isinstance(activity, Announce):
            event = PartsHeld(activity.original.entity, None, frozenset())
        else:
            assert isinstance(activity, SendPart)
            entity = activity.original.entity
            order.append(entity)
            have[entity].add(activity.part)
            whole = len(have[entity]) == part_count(activity.original.size)
            event = PartsHeld(entity, activity.part, frozenset(have[entity]), whole)
        # A thin line: four seconds a part.
        effects = work(core.handle(event, now * 4000))
    assert order[:8].count(PHOTO.entity) == 4
    assert set(order[8:]) == {large.entity}


def test_after_a_cut_the_server_is_asked_and_only_the_rest_is_sent() -> None:
    core, _ = idle(PHOTO)
    core.handle(held(PHOTO, None), 0)
    core.handle(held(PHOTO, 0, 0), 4000)
    lost = SendPart(PHOTO, 1)
    effects = core.handle(Failed(lost, Failure.LINK, "TD-NET-001"), 5000)
    assert work(effects) == []
    assert core.status().phase is Phase.OFFLINE
    core.handle(Tick(), 10_000)
    effects = work(core.handle(Pulled(0, 0), 10_001))
    assert Announce(PHOTO) in effects
    # The part had arrived, its answer had not.
    assert work(core.handle(held(PHOTO, None, 0, 1), 10_002)) == [SendPart(PHOTO, 2)]


def test_a_refused_file_waits_by_itself_and_after_three_needs_a_person() -> None:
    core, effects = idle(PHOTO, OTHER)
    now = 0
    refusals = 0
    while refusals < 3:
        for activity in effects:
            assert isinstance(activity, Announce | SendPart)
            if activity.original is PHOTO:
                refusals += 1
                event: Failed | PartsHeld = Failed(activity, Failure.REFUSED, "TD-NET-009")
            else:
                event = PartsHeld(OTHER.entity, None, frozenset({0}), whole=True)
            effects = core.handle(event, now)
        wake = [e.at_ms for e in effects if isinstance(e, WaitUntil)]
        effects = work(effects)
        if not effects and refusals < 3:
            assert wake[0] is not None
            now = wake[0]
            effects = work(core.handle(Tick(), now))
    status = core.status()
    assert (status.phase, status.problem, status.originals) == (Phase.IDLE, "TD-NET-009", 1)
    assert status.stuck == {PHOTO.entity}
    assert work(core.handle(OpsPending(1, 1), now)) == [Seal()]
    core.handle(Sealed(()), now)
    effects = work(core.handle(TryNow(), now))
    assert core.status().problem == ""
    assert core.status().stuck == frozenset()


def test_a_server_too_busy_for_photos_still_gets_notes() -> None:
    core, (asked,) = idle(PHOTO)
    assert isinstance(asked, Announce)
    busy = Failed(asked, Failure.BUSY, "TD-NET-003", retry_after_ms=3_600_000)
    assert work(core.handle(busy, 1)) == []
    assert core.status().phase is Phase.IDLE
    assert work(core.handle(OpsPending(1, 1), 2)) == [Seal()]
    core.handle(Sealed(()), 3)
    assert work(core.handle(OriginalsWaiting((PHOTO,)), 4)) == []
    core.handle(TryNow(), 5)
    core.handle(Refreshed(), 6)
    assert Announce(PHOTO) in work(core.handle(Pulled(0, 0), 7))


def test_a_call_holds_photos_back_and_nothing_else() -> None:
    core, _ = idle()
    core.handle(OriginalsHeld(True), 0)
    assert work(core.handle(OriginalsWaiting((PHOTO,)), 1)) == []
    assert work(core.handle(OpsPending(1, 1), 2)) == [Seal()]
    core.handle(Sealed(()), 3)
    assert work(core.handle(OriginalsHeld(False), 4)) == [Announce(PHOTO)]


def test_a_server_that_has_all_and_does_not_call_it_whole_is_not_asked_in_a_loop() -> None:
    core, _ = idle(OTHER)
    effects = core.handle(held(OTHER, None, 0), 1)
    assert work(effects) == []
    assert [e.at_ms for e in effects if isinstance(e, WaitUntil)] == [5001]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_through_any_misfortune_every_part_arrives_and_is_believed_only_then(seed: int) -> None:
    """Cuts, lost and doubled and late answers, crashes at any effect; parts are counted."""
    rng = random.Random(seed)
    photos = [
        Original(bytes([n]) * 16, rng.randrange(1, 12 * PART_BYTES))
        for n in range(rng.randrange(1, 5))
    ]
    by_id = {p.entity: p for p in photos}
    server: dict[bytes, set[int]] = {p.entity: set() for p in photos}
    noted: set[bytes] = set()
    now, sent, useful, losses = 0, 0, 0, 0
    trouble = rng.choice((0.0, 0.1, 0.35))
    late: list[PartsHeld] = []

    def whole(entity: bytes) -> bool:
        return len(server[entity]) == part_count(by_id[entity].size)

    def start() -> tuple[SyncCore, list[Effect]]:
        fresh = SyncCore()
        fresh.handle(Tick(), now)
        fresh.handle(Refreshed(), now)
        first = fresh.handle(Pulled(0, 0), now)
        left = tuple(p for p in photos if p.entity not in noted)
        return fresh, [*first, *fresh.handle(OriginalsWaiting(left), now)]

    core, queue = start()
    for _ in range(5000):
        if len(noted) == len(photos):
            break
        waits = [e.at_ms for e in queue if isinstance(e, WaitUntil)]
        todo = work(queue)
        queue = []
        if not todo:
            # A person who presses "try now" is what ends the wait of a file that was refused.
            now = max([now + 1, *(w for w in waits if w is not None)])
            queue = core.handle(TryNow() if rng.random() < 0.3 else Tick(), now)
        for at, effect in enumerate(todo):
            now += rng.randrange(1, 9000)
            if rng.random() < trouble / 5:
                core, queue = start()  # power cut: nothing was remembered but what the store noted
                losses += len(todo) - at
                break
            queue += core.handle(outcome(effect, rng, trouble, server, whole, noted, late), now)
            if isinstance(effect, SendPart):
                sent += 1
            if late and rng.random() < 0.3:
                queue += core.handle(late.pop(rng.randrange(len(late))), now)
    useful = sum(len(parts) for parts in server.values())
    assert noted == set(by_id)
    assert all(whole(p) for p in noted)
    if not trouble:
        assert sent == useful


def outcome(  # noqa: PLR0917 - the test's own world, handed over as it is
    effect: Effect,
    rng: random.Random,
    trouble: float,
    server: dict[bytes, set[int]],
    whole: "object",
    noted: set[bytes],
    late: list[PartsHeld],
) -> PartsHeld | Failed | Pulled | Refreshed:
    """Do what was asked as server and store would, and answer or not."""
    assert callable(whole)
    if not isinstance(effect, Announce | SendPart):
        return Refreshed() if type(effect).__name__ == "Refresh" else Pulled(0, 0)
    if rng.random() < trouble / 2:
        return _failed(effect, rng)  # lost on the way there
    entity = effect.original.entity
    part = effect.part if isinstance(effect, SendPart) else None
    if part is not None:
        server[entity].add(part)
    answer = PartsHeld(entity, part, frozenset(server[entity]), bool(whole(entity)))
    if rng.random() < trouble / 2:
        return _failed(effect, rng)  # it happened, the answer is lost
    if answer.whole:
        noted.add(entity)  # before the core is told
    elif rng.random() < trouble:
        late.append(answer)
    return answer


def _failed(activity: Activity, rng: random.Random) -> Failed:
    failure = rng.choice((Failure.LINK, Failure.LINK, Failure.BUSY, Failure.REFUSED, Failure.STORE))
    return Failed(activity, failure, "TD-NET-001")
