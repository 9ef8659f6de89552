"""Claims: the first number the server gave, whatever the clocks and the order of arrival say."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.claims import Claim, Outcome, holder_of, losers, settle

A, B, C = (bytes([i]) * 16 for i in (1, 2, 3))


def claim(who: bytes, n: int, number: int | None, *knew: Claim, at_ms: int = 0) -> Claim:
    return Claim((who, n), who, at_ms, frozenset(k.claim for k in knew), number)


def outcomes(*claims: Claim) -> dict[tuple[bytes, int], Outcome]:
    return {c.claim: c.outcome for c in settle(claims)}


def test_the_first_number_wins_and_no_clock_decides() -> None:
    late_clock = claim(A, 1, 7, at_ms=9_000_000)
    early_clock = claim(B, 1, 8, at_ms=1)
    for order in itertools.permutations((late_clock, early_clock)):
        found = settle(order)
        held = holder_of(found)
        assert held is not None
        assert held.claim == late_clock.claim
        (lost,) = [c for c in found if c.outcome is Outcome.LOST]
        assert (lost.claim, lost.lost_to) == (early_clock.claim, late_clock.claim)


def test_a_claim_without_a_number_is_tentative_and_gives_way_when_the_number_comes() -> None:
    mine = claim(B, 4, None)
    (alone,) = settle([mine])
    assert (alone.outcome, alone.is_tentative) == (Outcome.HOLDS, True)
    theirs = claim(A, 1, 3)
    assert outcomes(mine, theirs) == {theirs.claim: Outcome.HOLDS, mine.claim: Outcome.LOST}
    numbered = claim(B, 4, 2)
    assert outcomes(numbered, theirs) == {numbered.claim: Outcome.HOLDS, theirs.claim: Outcome.LOST}


def test_who_saw_the_holder_takes_over_and_of_two_who_do_the_first_number_counts() -> None:
    first = claim(A, 1, 1)
    over, too_late = claim(B, 1, 5, first), claim(C, 1, 6, first)
    assert outcomes(too_late, over, first) == {
        first.claim: Outcome.PASSED_ON,
        over.claim: Outcome.HOLDS,
        too_late.claim: Outcome.LOST,
    }


def test_one_clinician_on_two_pcs_is_no_conflict() -> None:
    here = Claim((A, 1), C, 0, number=1)
    there = Claim((B, 1), C, 0, number=2)
    assert outcomes(here, there)[there.claim] is Outcome.HOLDS
    assert losers(settle([here, there])) == {}


def test_only_who_never_held_it_is_a_loser() -> None:
    first, lost = claim(A, 1, 1), claim(B, 1, 2)
    assert losers(settle([first, lost])) == {B: lost.claim}
    again = claim(B, 2, 3, first, lost)
    assert losers(settle([first, lost, again])) == {}


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    found: list[Claim] = []
    numbers = draw(st.permutations(range(1, 9)))
    for n in range(draw(st.integers(1, 8))):
        who = draw(st.sampled_from((A, B, C)))
        knew = draw(st.lists(st.sampled_from(found), max_size=2)) if found else []
        at_ms = draw(st.integers(0, 3))
        found.append(claim(who, n, numbers[n], *knew, at_ms=at_ms))
    return found


@given(claims(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_holder(known: list[Claim], random: object) -> None:
    shuffled = list(known)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = settle(known)
    assert settle(shuffled) == found
    assert settle(found) == found, "settling twice changes nothing"
    assert len([c for c in found if c.outcome is Outcome.HOLDS]) == 1
    assert found[0].outcome is not Outcome.LOST, "the first number never loses"


@given(claims())
def test_a_later_claim_never_changes_what_was_lost(known: list[Claim]) -> None:
    """So somebody who was told does not hear the opposite later."""
    in_order = sorted(known, key=lambda c: c.number or 0)
    before = {c.claim for c in settle(in_order[:-1]) if c.outcome is Outcome.LOST}
    after = {c.claim for c in settle(in_order) if c.outcome is Outcome.LOST}
    assert before <= after
