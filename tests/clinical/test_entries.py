"""Allergies and medicines: nothing that was added is lost to somebody who did not know of it."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from telemed_desk.clinical.entries import Added, Entry, TakenOff, compared, entries

A, B = b"a" * 16, b"b" * 16
ONE, TWO, THREE = (A, 1), (B, 1), (A, 2)


def add(fact: tuple[bytes, int], what: str, *instead_of: Added) -> Added:
    return Added(fact, what, fact[0], fact[1], frozenset(a.tag for a in instead_of))


def off(*added: Added, by: bytes = A) -> TakenOff:
    return TakenOff(frozenset(a.tag for a in added), by, 9, "told otherwise")


def standing(found: list[Entry]) -> list[str]:
    return [entry.what for entry in found if entry.gone is None]


def test_an_addition_at_the_same_time_survives_a_removal() -> None:
    here, there = add(ONE, "Penicillin"), add(TWO, "penicillin  ")
    found = entries([here, there], [off(here)])
    assert standing(found) == ["penicillin  "]
    assert found[0].facts == (TWO,)
    (gone,) = entries([here, there], [off(here, there)])
    assert gone.gone is not None
    assert (gone.gone.by, gone.gone.reason) == (A, "told otherwise")


def test_the_same_words_are_one_line_with_who_came_first() -> None:
    (one,) = entries([add(ONE, "latex"), add(TWO, "Latex")], [])
    assert (one.what, one.by, one.at_ms, one.facts) == ("Latex", A, 1, (ONE, TWO))


def test_a_dose_that_two_desks_change_stands_twice_and_says_so() -> None:
    old = add(ONE, "morphine 5 mg")
    ten, two = add(TWO, "morphine 10 mg", old), add(THREE, "morphine 2.5 mg", old)
    found = entries([old, ten, two], [])
    assert standing(found) == ["morphine 10 mg", "morphine 2.5 mg"]
    assert [entry.beside for entry in found] == [True, True, False]
    assert found[2].gone is not None
    chosen = entries([old, ten, two], [off(two)])
    assert standing(chosen) == ["morphine 10 mg"]
    assert not chosen[0].beside


def test_a_changed_entry_survives_its_removal_elsewhere() -> None:
    old = add(ONE, "aspirin 75 mg")
    changed = add(TWO, "aspirin 300 mg", old)
    assert standing(entries([old, changed], [off(old)])) == ["aspirin 300 mg"]


def test_words_are_compared_as_people_read_them() -> None:
    assert compared("  Pénicilline\u00a0 V ") == compared("PE\u0301NICILLINE v")


@st.composite
def facts(draw: st.DrawFn) -> tuple[list[Added], list[TakenOff]]:
    added: list[Added] = []
    for n in range(draw(st.integers(1, 6))):
        before = draw(st.lists(st.sampled_from(added), max_size=2)) if added else []
        what = draw(st.sampled_from(("penicillin", "Penicillin", "latex", "sulfa")))
        added.append(add((draw(st.sampled_from((A, B))), n), what, *before))
    removals = [
        off(*draw(st.lists(st.sampled_from(added), min_size=1, max_size=3)))
        for _ in range(draw(st.integers(0, 3)))
    ]
    return added, removals


def naive(added: list[Added], removals: list[TakenOff]) -> set[str]:
    """The definition: what was added, and is named by nobody."""
    named = {tag for removal in removals for tag in removal.tags}
    named |= {tag for a in added for tag in a.instead_of}
    return {a.tag[1] for a in added if a.tag not in named}


@given(facts())
def test_what_stands_is_what_nobody_who_saw_it_took_off(
    known: tuple[list[Added], list[TakenOff]],
) -> None:
    found = entries(*known)
    assert {compared(what) for what in standing(found)} == naive(*known)
    every = {compared(entry.what) for entry in found}
    assert every == {a.tag[1] for a in known[0]}, "what was taken off is still told"


@given(facts())
@settings(max_examples=40)
def test_it_is_a_set_whatever_the_order(known: tuple[list[Added], list[TakenOff]]) -> None:
    added, removals = known
    expected = naive(added, removals)
    for order in itertools.islice(itertools.permutations(added), 24):
        assert {compared(w) for w in standing(entries(order, removals))} == expected
        assert {compared(w) for w in standing(entries([*order, *order], removals))} == expected


def test_a_set_that_takes_off_words_instead_of_additions_would_be_caught() -> None:
    """The planted fault: a removal takes off the words, whoever added them."""
    here, there = add(ONE, "penicillin"), add(TWO, "penicillin")
    removals = [off(here)]
    words = {tag[1] for removal in removals for tag in removal.tags}
    faulty = {e.what for e in entries([here, there], []) if compared(e.what) not in words}
    assert faulty != naive([here, there], removals) == {"penicillin"}
