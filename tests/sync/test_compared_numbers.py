"""Six digits at enrolment, against a server that has the code too and lies about everything.

All numbers are drawn from seeds, so nothing here is left to chance.
"""

import random

import msgspec
import pytest

from telemed_desk.sync.joining import (
    Compared,
    Joining,
    await_answer,
    await_grant,
    compared,
    open_compared,
    request_of,
)
from telemed_desk.sync.letting_in import (
    MAX_ATTEMPTS,
    Attempts,
    grant_asking,
)
from telemed_desk.sync.problems import EnrolTooMany, EnrolTooOld, ServerUnreachable
from telemed_protocol.api import (
    EnrolReveal,
    EnrolStatus,
    PendingDesk,
)
from telemed_protocol.codes import EnrolCode
from telemed_protocol.comparing import Answer, Opening, answer_to, commit, read_answer, six_digits
from telemed_protocol.errors import ForgeryError, FormatError, KnownError
from telemed_protocol.identity import DeviceIdentity
from tests.sync.carrier import CODE, Carrier, answered_by, attempt, no_wait, person, shown_at_member
from tests.sync.clinic_of_two import CHAIN, DESK_A, DESK_B, EPOCH_KEY, STRANGER, chain_of

TRIES = 60


async def test_both_sides_and_every_member_show_the_same_and_it_is_granted() -> None:
    rng = random.Random(1)
    server, newcomer = Carrier(), person(rng)
    joining = attempt(newcomer, rng)
    await server.ask_to_enrol(request_of(joining))
    assert not (await server.look(DESK_B)).asking
    first = server.answer_at(joining)
    assert not (await server.look(DESK_A)).asking
    assert server.answer_at(joining) == first  # the first that answers counts
    answered = await await_answer(server, joining, wait=no_wait)
    seen = [(await server.look(who)).asking[0] for who in (DESK_A, DESK_B)]
    assert [a.number for a in seen] == [answered.number] * 2
    # A desk that has not heard yet that B is a member looks it up.
    assert (await server.look(chain=chain_of(both=False))).asking[0].number == answered.number
    _, added = await grant_asking(server, DESK_A, CHAIN, seen[0], {0: EPOCH_KEY})
    assert added
    granted = await await_grant(server, answered, newcomer, wait=no_wait)
    assert granted.keys == {0: EPOCH_KEY}
    assert "nonce" not in repr(joining)


async def test_lost_answers_change_nothing() -> None:
    rng = random.Random(2)
    server, newcomer = Carrier([True, True, False, True, True, False]), person(rng)
    joining = attempt(newcomer, rng)
    with pytest.raises(ServerUnreachable):
        await server.ask_to_enrol(request_of(joining))
    await server.look()
    answered = await await_answer(server, joining, wait=no_wait)
    (asking,) = (await server.look()).asking
    assert asking.number == answered.number
    await grant_asking(server, DESK_A, CHAIN, asking, {0: EPOCH_KEY})
    await grant_asking(server, DESK_A, CHAIN, asking, {0: EPOCH_KEY})
    await await_grant(server, answered, newcomer, wait=no_wait)


async def test_a_server_that_is_gone_for_good_is_said() -> None:
    rng = random.Random(3)
    server = Carrier([True] * 100)
    with pytest.raises(ServerUnreachable):
        await await_answer(server, attempt(person(rng), rng), wait=no_wait)


async def test_keys_swapped_before_the_member_answers_show_other_digits() -> None:
    """The liar asks the clinic with keys of its own, and answers the true PC as whom it likes."""
    rng = random.Random(4)
    for _ in range(TRIES):
        server, true, liar = Carrier(), person(rng), person(rng)
        theirs, ours = attempt(true, rng), attempt(liar, rng)
        answer = await answered_by(server, ours)
        with pytest.raises(ForgeryError):
            compared(theirs, answer)  # the member's answer is to the liar's keys and nobody else's
        # So the liar answers by itself: with the member's number, its own, the true clinic's hash.
        said = read_answer(answer)
        made = Answer(STRANGER.public, said.genesis, said.nonce)
        shown = compared(theirs, made.signed(theirs.opening, CODE, STRANGER).encode())
        (there,) = await shown_at_member(server, ours)
        assert there != shown.number


async def test_keys_swapped_after_the_member_answered_are_not_shown_at_all() -> None:
    rng = random.Random(5)
    for _ in range(TRIES):
        server, true, liar = Carrier(), person(rng), person(rng)
        theirs = attempt(true, rng)
        await answered_by(server, theirs)
        (before,) = await shown_at_member(server, theirs)
        own = msgspec.structs.replace(liar.public, device=true.device)
        forged = msgspec.structs.replace(theirs.opening, public=own)
        pending = server.of(true.device)
        swapped = msgspec.structs.replace(pending, public=own, mac=forged.mac(CODE))
        server.requests = [swapped]
        assert not (await server.look()).asking
        # Nor with the member's own answer to exactly that, made anew: the commitment is to other keys.
        fresh = answer_to(forged, CODE, DESK_A, CHAIN.genesis).encode()
        server.requests = [msgspec.structs.replace(swapped, answer=fresh)]
        assert not (await server.look()).asking
        assert before


async def test_a_number_is_not_chosen_after_the_answer() -> None:
    """Grinding: the liar knows everything and looks for a number of its own that gives our digits."""
    rng = random.Random(6)
    server, liar = Carrier(), person(rng)
    ours = attempt(liar, rng)
    answer = read_answer(await answered_by(server, ours))
    for _ in range(TRIES):
        with pytest.raises(ForgeryError):
            six_digits(CODE, ours.opening, rng.randbytes(32), answer)
        await server.reveal(EnrolReveal(CODE.lookup_id, liar.device, rng.randbytes(32)))
        assert not (await server.look()).asking
    assert six_digits(CODE, ours.opening, ours.nonce, answer)


async def test_a_replayed_commitment_opens_for_nobody_else() -> None:
    rng = random.Random(7)
    server, true, liar = Carrier(), person(rng), person(rng)
    theirs = attempt(true, rng)
    copied = Joining(CODE, Opening(CODE.lookup_id, liar.public, theirs.opening.commitment), b"")
    await answered_by(server, copied)
    stolen = Joining(CODE, copied.opening, theirs.nonce)  # what the true PC reveals later
    assert await shown_at_member(server, stolen) == []
    other = EnrolCode("TMD", bytes(15))
    moved = Opening(other.lookup_id, true.public, theirs.opening.commitment)
    assert theirs.opening.is_opened_by(theirs.nonce)
    assert not moved.is_opened_by(theirs.nonce)
    assert not copied.opening.is_opened_by(theirs.nonce)


async def test_a_members_answer_counts_for_one_opening_and_one_code() -> None:
    rng = random.Random(8)
    server, true = Carrier(), person(rng)
    first, second = attempt(true, rng), attempt(true, rng)
    answer = await answered_by(server, first)
    assert compared(first, answer).number
    with pytest.raises(ForgeryError):
        compared(second, answer)
    with pytest.raises(ForgeryError):
        compared(attempt(true, rng, EnrolCode("TMD", bytes(15))), answer)
    # With the code a mac can be made, the member's signature cannot: other members show nothing.
    said = read_answer(answer)
    with pytest.raises(ForgeryError):
        said.verify(second.opening, CODE)
    forged = msgspec.structs.replace(said, nonce=rng.randbytes(32))
    own = forged.signed(first.opening, CODE, STRANGER)
    server.change(true.device, answer=own.encode())
    assert await shown_at_member(server, first) == []


async def test_answers_of_strangers_and_of_other_clinics_show_nothing() -> None:
    rng = random.Random(9)
    for who, genesis in ((STRANGER, CHAIN.genesis), (DESK_B, bytes(32))):
        server, true = Carrier(), person(rng)
        joining = attempt(true, rng)
        await server.ask_to_enrol(request_of(joining))
        answer = answer_to(joining.opening, CODE, who, genesis)
        server.change(true.device, answer=answer.encode())
        assert compared(joining, answer.encode()).number  # a PC that joins cannot know yet
        assert await shown_at_member(server, joining) == []


async def test_each_attempt_is_one_guess_and_there_are_five() -> None:
    rng = random.Random(10)
    server, kept = Carrier(), list[int]()
    attempts = Attempts()

    async def keep() -> None:
        kept.append(len(attempts.seen[CODE.lookup_id]))

    attempts.keep = keep
    tried = [attempt(person(rng), rng) for _ in range(MAX_ATTEMPTS + 3)]
    for joining in tried:
        await server.ask_to_enrol(request_of(joining))
        asked = await server.look(attempts=attempts)
        await server.reveal(
            EnrolReveal(CODE.lookup_id, joining.opening.public.device, joining.nonce)
        )
    assert isinstance(asked.problem, EnrolTooMany)
    assert [bool(server.answer_at(joining)) for joining in tried] == [True] * 5 + [False] * 3
    assert kept == [1, 2, 3, 4, 5]  # each was kept before it was answered
    shown = (await server.look(attempts=attempts)).asking
    assert [a.attempt for a in shown] == [1, 2, 3, 4, 5]
    again = Attempts(dict(attempts.seen))  # this PC was restarted
    assert isinstance((await server.look(attempts=again)).problem, EnrolTooMany)


async def test_asking_again_gives_no_second_guess() -> None:
    """A server that hides a member's answer and asks anew gets the same number, not another try."""
    rng = random.Random(11)
    server = Carrier()
    joining = attempt(person(rng), rng)
    first = await answered_by(server, joining)
    server.change(joining.opening.public.device, answer=b"")
    assert await answered_by(server, joining) == first
    others = {
        read_answer(await answered_by(Carrier(), attempt(person(rng), rng))).nonce for _ in "12"
    }
    assert len(others | {read_answer(first).nonce}) == 3


async def test_the_digits_depend_on_everything() -> None:
    rng = random.Random(12)
    true = person(rng)
    joining = attempt(true, rng)
    answer = answer_to(joining.opening, CODE, DESK_A, CHAIN.genesis)
    other = attempt(true, rng)
    shown = [
        six_digits(CODE, joining.opening, joining.nonce, answer),
        six_digits(CODE, other.opening, other.nonce, answer),
        *(
            six_digits(
                CODE, joining.opening, joining.nonce, msgspec.structs.replace(answer, **change)
            )
            for change in ({"nonce": bytes(32)}, {"genesis": bytes(32)}, {"public": DESK_B.public})
        ),
        six_digits(EnrolCode("TMD", bytes(15)), joining.opening, joining.nonce, answer),
    ]
    assert len(set(shown)) == len(shown)
    assert all(len(number) == 6 and number.isdigit() for number in shown)


def test_what_both_versions_of_tomorrow_have_to_show_is_fixed() -> None:
    public, nonce = DESK_B.public, bytes(range(32))
    opening = Opening(CODE.lookup_id, public, commit(CODE.lookup_id, public, nonce))
    answer = answer_to(opening, CODE, DESK_A, bytes(32))
    shown = six_digits(CODE, opening, nonce, answer)
    assert (opening.commitment.hex()[:16], shown) == ("21f8e91d58f6d45b", "999889")


async def test_only_the_keys_that_were_compared_are_added() -> None:
    """Two with one device id: the person's word counts for the one whose number was the same."""
    rng = random.Random(13)
    server, true, liar = Carrier(), person(rng), person(rng)
    liar = msgspec.structs.replace(liar, device=true.device)
    theirs, ours = attempt(true, rng), attempt(liar, rng)
    for joining in (ours, theirs):
        answer = await answered_by(Carrier(), joining)
        request = request_of(joining)
        server.requests.append(
            PendingDesk(
                *(request.lookup_id, request.public, request.mac, 0.0, request.commitment),
                *(answer, joining.nonce),
            )
        )
    asked = await server.look()
    assert len({a.key for a in asked.asking}) == 2
    (chosen,) = (a for a in asked.asking if a.number == compared(theirs, answer).number)
    chain, _ = await grant_asking(server, DESK_A, CHAIN, chosen, {0: EPOCH_KEY})
    assert chain.members[true.device] == true.public


async def granted_to(joining: Joining, newcomer: DeviceIdentity) -> tuple[Carrier, EnrolStatus]:
    server = Carrier()
    await answered_by(server, joining)
    await shown_at_member(server, joining)
    (asking,) = (await server.look()).asking
    await grant_asking(server, DESK_A, CHAIN, asking, {0: EPOCH_KEY})
    return server, await server.enrol_status(CODE.lookup_id, newcomer.device)


@pytest.mark.parametrize(
    ("who", "genesis"), [(STRANGER, CHAIN.genesis), (DESK_A, bytes(32))], ids=["stranger", "clinic"]
)
async def test_a_grant_of_others_than_were_compared_is_refused(
    who: DeviceIdentity, genesis: bytes
) -> None:
    rng = random.Random(14)
    newcomer = person(rng)
    joining = attempt(newcomer, rng)
    server, status = await granted_to(joining, newcomer)
    true = compared(joining, server.answer_at(joining))
    assert open_compared(status, true, newcomer).keys == {0: EPOCH_KEY}
    lied = compared(joining, answer_to(joining.opening, CODE, who, genesis).encode())
    with pytest.raises(ForgeryError):
        open_compared(status, lied, newcomer)


async def test_another_answer_after_the_number_was_shown_is_refused() -> None:
    rng = random.Random(15)
    newcomer = person(rng)
    joining = attempt(newcomer, rng)
    server, _ = await granted_to(joining, newcomer)
    other = answer_to(joining.opening, CODE, DESK_B, CHAIN.genesis).encode()
    with pytest.raises(ForgeryError):
        await await_grant(server, compared(joining, other), newcomer, wait=no_wait)


@pytest.mark.parametrize("granted", [False, True])
async def test_an_old_server_is_refused_in_words(granted: bool) -> None:
    rng = random.Random(16)
    newcomer = person(rng)
    joining = attempt(newcomer, rng)
    server, _ = await granted_to(joining, newcomer)
    server.compares = False
    if not granted:
        server.granted = None
    with pytest.raises(EnrolTooOld) as refused:
        await await_answer(server, joining, wait=no_wait)
    assert "older version" in refused.value.sentence


async def test_a_grant_without_an_answer_is_refused() -> None:
    """A server cannot force the way of before, whatever it says it can do."""
    rng = random.Random(17)
    newcomer = person(rng)
    joining = attempt(newcomer, rng)
    server, _ = await granted_to(joining, newcomer)
    server.change(newcomer.device, answer=b"")
    with pytest.raises(ForgeryError):
        await await_answer(server, joining, wait=no_wait)


async def test_a_pc_that_asks_as_before_is_said_and_never_shown() -> None:
    rng = random.Random(18)
    server, public = Carrier(), person(rng).public
    mac = CODE.mac(b"request", msgspec.msgpack.encode(public))
    answer, nonce = bytes(200), bytes(32)
    server.requests = [PendingDesk(CODE.lookup_id, public, mac, 0.0, b"", answer, nonce)]
    asked = await server.look()
    assert isinstance(asked.problem, EnrolTooOld)
    assert not asked.asking


@pytest.mark.parametrize("data", [b"", b"\x95", bytes(513), b"\x93\xc4\x00\xc4\x00\xc4\x00"])
def test_what_is_no_answer_is_not_read(data: bytes) -> None:
    rng = random.Random(19)
    with pytest.raises((ForgeryError, FormatError)):
        compared(attempt(person(rng), rng), data)


def test_any_flipped_byte_of_an_answer_is_noticed() -> None:
    rng = random.Random(20)
    joining = attempt(person(rng), rng)
    data = answer_to(joining.opening, CODE, DESK_A, CHAIN.genesis).encode()
    shown: list[Compared] = []
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        with pytest.raises(KnownError):
            shown.append(compared(joining, bytes(flipped)))
    assert not shown
