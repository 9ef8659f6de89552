"""What is marked between versions of a text; the words themselves are never touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.differences import Mark, is_grave, pieces_of

MINE = "Cancer pain, improving, not yet at goal (3 or less). Constipation on opioid."
THEIRS = (
    "Cancer pain, improving, at rest 2, on moving 5. Constipation on opioid. "
    "Heel skin red, not broken."
)


def marked(text: str, *others: str, least: Mark = Mark.CHANGED) -> list[str]:
    return [p.text.strip() for p in pieces_of(text, others) if p.mark >= least]


def test_what_both_say_is_not_marked() -> None:
    same = "".join(p.text for p in pieces_of(MINE, [THEIRS]) if p.mark is Mark.SAME)
    assert "Cancer pain, improving," in same
    assert "Constipation on opioid." in same
    assert not any("Constipation" in word for word in marked(THEIRS, MINE))
    assert any("Heel skin red" in word for word in marked(THEIRS, MINE))


@pytest.mark.parametrize(
    ("one", "other", "loud"),
    [
        ("morphine 2.5 mg at night", "morphine 25 mg at night", "2.5"),
        ("give 5 mg", "give 5 mcg", "mg"),
        ("rash on left arm", "rash on right arm", "left"),
        ("start amoxicillin today", "start doxycycline today", "amoxicillin"),
        ("chest pain, no fever", "chest pain, fever", "no"),
        ("she can't walk", "she can walk", "can't"),
        ("blood pressure 120/80", "blood pressure 120/90", "120/80"),
    ],
)
def test_what_may_change_a_treatment_is_marked_louder(one: str, other: str, loud: str) -> None:
    assert marked(one, other, least=Mark.DELICATE) == [loud]
    assert is_grave(pieces_of(one, [other]))


def test_a_plain_word_is_marked_quietly() -> None:
    assert marked("itches badly", "itches") == ["badly"]
    assert not is_grave(pieces_of("itches badly", ["itches"]))


def test_spaces_and_line_breaks_are_no_difference() -> None:
    assert marked("keep warm\n\nand dry", "keep warm and dry") == []


def test_among_three_a_word_that_one_other_lacks_is_marked() -> None:
    assert marked("warm dry", "warm dry", "warm") == ["dry"]


def test_beside_nothing_all_is_marked_and_beside_itself_nothing() -> None:
    assert marked("keep warm", "") == ["keep warm"]
    assert marked("keep warm", "keep warm") == []
    assert pieces_of("", ["keep warm"]) == ()


def test_a_very_long_stretch_is_marked_whole_and_soon() -> None:
    one, other = "a b " * 4000, "b c " * 4000
    pieces = pieces_of(one, [other])
    assert "".join(p.text for p in pieces) == one
    assert pieces[0].mark is Mark.CHANGED


WORDS = st.lists(st.sampled_from(["5", "mg", "left", "no", "pain", "\n", ".", "½", "a"])).map(
    " ".join
)


@given(WORDS | st.text(), st.lists(WORDS | st.text(), max_size=3))
def test_the_pieces_are_the_text_letter_by_letter(text: str, others: list[str]) -> None:
    assert "".join(p.text for p in pieces_of(text, others)) == text
