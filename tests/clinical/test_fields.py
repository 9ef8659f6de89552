"""Fields of a patient: the newest value shows, and none that it did not know of is hidden."""

from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.fields import Written, differing, heads

A, B, C = (bytes([i]) * 16 for i in (1, 2, 3))


def wrote(who: bytes, n: int, value: str, *knew: Written, early: bool = False) -> Written:
    return Written((who, n), value, who, n, None if early else frozenset(k.fact for k in knew))


def values(*written: Written) -> list[str]:
    return [w.value for w in differing(heads(written))]


def test_two_desks_that_correct_one_number_leave_both_values() -> None:
    old = wrote(A, 1, "+254 700 000 001")
    here, there = wrote(A, 2, "+254 700 000 002", old), wrote(B, 1, "+254 700 000 003", old)
    assert values(old, here, there) == ["+254 700 000 002", "+254 700 000 003"]
    chosen = wrote(B, 2, "+254 700 000 002", here, there)
    assert values(old, here, there, chosen) == ["+254 700 000 002"]


def test_what_knew_of_the_other_replaces_it_although_its_clock_is_behind() -> None:
    ahead = wrote(A, 1, "wrong")
    right = wrote(B, 1, "right", ahead)
    assert values(right, ahead) == ["right"], "in the order of the clocks the newer one is last"


def test_two_desks_that_write_the_same_do_not_differ() -> None:
    one, other = wrote(A, 1, "Jua"), wrote(B, 1, "Jua")
    assert values(one, other) == ["Jua"]
    assert len(heads((one, other))) == 2, "a later value names both"


def test_what_an_earlier_version_wrote_goes_by_the_clock_among_itself() -> None:
    one, two = wrote(A, 1, "first", early=True), wrote(B, 1, "second", early=True)
    assert values(one, two) == ["second"]
    mine = wrote(C, 1, "mine", two)
    assert values(one, two, mine) == ["mine"]
    blind = wrote(A, 2, "blind", early=True)
    assert values(one, two, mine, blind) == ["mine", "blind"], "it may not have known: both show"


def test_values_that_name_each_other_are_not_both_gone() -> None:
    a, b = (
        Written((A, 1), "x", A, 1, frozenset({(B, 1)})),
        Written((B, 1), "y", B, 1, frozenset({(A, 1)})),
    )
    assert values(a, b) == ["y"]


@st.composite
def histories(draw: st.DrawFn) -> list[Written]:
    """Values of three desks, each made over some that were there, in any order of the clocks."""
    found: list[Written] = []
    for n in range(draw(st.integers(1, 7))):
        knew = draw(st.lists(st.sampled_from(found), max_size=3)) if found else []
        who = draw(st.sampled_from((A, B, C)))
        value = draw(st.sampled_from("xyz"))
        found.append(wrote(who, n, value, *knew, early=draw(st.sampled_from((False, False, True)))))
    return draw(st.permutations(found))


@given(histories())
def test_a_value_is_gone_only_if_somebody_knew_of_it(written: list[Written]) -> None:
    shown = {w.value for w in differing(heads(written))}
    for place, w in enumerate(written):
        replaced = any(
            (other.knew is not None and w.fact in other.knew)
            or (other.fact[0] == w.fact[0] and other.fact[1] > w.fact[1])
            or (w.knew is None and other.knew is None and later > place)
            for later, other in enumerate(written)
            if other is not w
        )
        assert replaced or w.value in shown
    assert shown
    assert differing(heads(written))[-1].value == heads(written)[-1].value
