"""Two versions become one only where nothing that is given or done can change by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.merging import is_delicate, is_harmless_edit, merged, words_of
from telemed_desk.clinical.notes import NoteText, Section

BASE = NoteText("itches at night", "dry skin", "eczema", "keep warm")
PLAIN = ("itches", "dry", "calm", "sleeps", "well", "red", "mother", "says", "better")
DELICATE = ("250", "mg", "left", "kulia", "amoxicillin", "twice", "½", "5%", "dawa", "insulin")

words = st.lists(st.sampled_from(PLAIN + DELICATE), max_size=6).map(" ".join)
texts = st.builds(NoteText, words, words, words, words)


@st.composite
def two_edits(draw: st.DrawFn) -> tuple[NoteText, NoteText, NoteText]:
    """A text and two versions of it, each with a section or two changed."""
    base = draw(texts)
    versions = []
    for _ in range(2):
        version = base
        for section in draw(st.lists(st.sampled_from(Section), min_size=1, max_size=2)):
            before = version.section(section).split()
            at = draw(st.integers(0, len(before)))
            added = draw(st.lists(st.sampled_from((*PLAIN, *PLAIN, *DELICATE)), max_size=2))
            gone = draw(st.integers(0, 1))
            after = before[:at] + added + before[at + gone :]
            version = version.with_section(section, " ".join(after))
        versions.append(version)
    return base, versions[0], versions[1]


@pytest.mark.parametrize(
    "word",
    [
        *("250", "mg", "ML", "left", "R", "Kushoto", "twice", "nusu", "½", "3rd", "%", "/"),
        *(
            "Amoxicillin",
            "metronidazole",
            "amlodipine",
            "ceftriaxone",
            "insulin,",
            "dawa",
            "Ⅳ",
            "٣",
        ),
    ],
)
def test_numbers_units_sides_and_medicines_are_delicate(word: str) -> None:
    assert is_delicate(word)


@pytest.mark.parametrize("word", ["itches", "mother", "(dry)", "usiku", "says", "better."])
def test_ordinary_words_are_not(word: str) -> None:
    assert not is_delicate(word)


def test_different_sections_become_one_text() -> None:
    one = BASE.with_section(Section.SUBJECTIVE, "itches at night, mother says")
    other = BASE.with_section(Section.PLAN, "keep warm and dry")
    assert merged(BASE, one, other) == one.with_section(Section.PLAN, "keep warm and dry")


def test_one_section_written_twice_does_not() -> None:
    one = BASE.with_section(Section.PLAN, "keep warm and dry")
    other = BASE.with_section(Section.PLAN, "keep warm, rest")
    assert merged(BASE, one, other) is None


@pytest.mark.parametrize(
    "plan", ["keep warm 250 mg", "keep left warm", "amoxicillin", "keep warm twice", "kulia"]
)
def test_a_delicate_word_on_either_side_stops_it(plan: str) -> None:
    one = BASE.with_section(Section.SUBJECTIVE, "itches at night, mother says")
    other = BASE.with_section(Section.PLAN, plan)
    assert merged(BASE, one, other) is None
    assert merged(BASE, other, one) is None


def test_a_word_beside_a_dose_counts_as_touching_it() -> None:
    before = NoteText(plan="paracetamol 500 mg by mouth")
    assert not is_harmless_edit(before, NoteText(plan="paracetamol 500 mg not by mouth"))


def test_a_dose_elsewhere_in_the_note_is_no_obstacle() -> None:
    base = NoteText("itches", "", "", "paracetamol 500 mg")
    one = base.with_section(Section.SUBJECTIVE, "itches badly")
    other = base.with_section(Section.OBJECTIVE, "dry skin")
    both = merged(base, one, other)
    assert both == NoteText("itches badly", "dry skin", "", "paracetamol 500 mg")


@given(two_edits())
def test_which_is_which_makes_no_difference(edits: tuple[NoteText, NoteText, NoteText]) -> None:
    base, one, other = edits
    assert merged(base, one, other) == merged(base, other, one)


@given(two_edits())
def test_a_merge_holds_each_section_as_one_of_them_wrote_it(
    edits: tuple[NoteText, NoteText, NoteText],
) -> None:
    base, one, other = edits
    both = merged(base, one, other)
    if both is None:
        return
    for section in Section:
        wrote = {t.section(section) for t in (one, other)} - {base.section(section)}
        assert len(wrote) <= 1
        assert both.section(section) == (wrote.pop() if wrote else base.section(section))


@given(two_edits())
def test_no_merge_changes_what_is_given(edits: tuple[NoteText, NoteText, NoteText]) -> None:
    """Doses, sides and medicines of a merge are word for word those that both had seen."""
    base, one, other = edits
    both = merged(base, one, other)
    if both is None or len({base, one, other}) < 3:
        return
    for section in Section:
        kept = [w for w in words_of(both.section(section)) if is_delicate(w)]
        assert kept == [w for w in words_of(base.section(section)) if is_delicate(w)]


@given(texts, texts)
def test_nothing_to_merge_is_no_conflict(base: NoteText, one: NoteText) -> None:
    assert merged(base, one, base) == one
    assert merged(base, one, one) == one
