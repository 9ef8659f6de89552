"""Choosing between versions: intentions in, states out."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.ui.gallery_days import at
from telemed_desk.ui.gallery_versions import (
    BASE,
    HERS,
    LATE,
    MINE,
    ONE,
    OURS,
    SIGNED,
    THEIRS,
    THIRD,
    THREE,
    TWO,
)
from telemed_desk.ui.screens.versions.presenter import VersionsPresenter
from telemed_desk.ui.screens.versions.state import SectionView, State
from telemed_desk.vault.problems import DiskFull, VersionsMoved
from telemed_desk.workflow.note_choosing import ChoosingState
from telemed_protocol.op import OpId

A, P = Section.ASSESSMENT, Section.PLAN


class Desk:
    def __init__(self, state: ChoosingState = TWO) -> None:
        self.settled: list[tuple[NoteText, tuple[OpId, ...]]] = []
        self.kept: list[dict[Section, str]] = []
        self.gone = 0
        self.states: list[State] = []
        self.presenter = VersionsPresenter(self, self.go, self.states.append)
        self.presenter.choosing(state)

    def settle(self, text: NoteText, shown: tuple[OpId, ...]) -> None:
        self.settled.append((text, shown))

    def keep(self, edits: Mapping[Section, str]) -> None:
        self.kept.append(dict(edits))

    def go(self) -> None:
        self.gone += 1

    @property
    def state(self) -> State:
        return self.presenter.state

    def section(self, section: Section) -> SectionView:
        return next(view for view in self.state.sections if view.section is section)

    def result(self, section: Section) -> str:
        return next(line.text for line in self.state.result if line.section is section)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_only_sections_that_differ_ask_and_ones_own_text_stands_left(desk: Desk) -> None:
    assert [view.section for view in desk.state.sections if view.differs] == [A, P]
    assert desk.section(Section.SUBJECTIVE).same == BASE.subjective
    left, right = desk.section(P).cards
    assert (left.who, left.use) == ("Yours", "Use mine")
    assert (right.who, right.use) == ("Mercy Wambui", "Use Mercy Wambui's")
    assert left.where == "this PC, Monday 23 November 10:51"
    assert right.where == "Tablet 2, Monday 23 November 10:47"
    assert desk.section(P).grave


def test_nothing_is_taken_for_the_doctor_and_nothing_saved_before_all_is_chosen(desk: Desk) -> None:
    assert not desk.state.may_save
    assert desk.state.why_not == "Still to choose: Assessment, Plan"
    desk.presenter.take(A, 0)
    assert desk.state.why_not == "Still to choose: Plan"
    desk.presenter.save()
    assert desk.settled == []


def test_left_and_right_make_the_result_and_it_is_saved_with_what_was_shown(desk: Desk) -> None:
    desk.presenter.take(A, 0)
    desk.presenter.take(P, 1)
    assert desk.result(A) == MINE.assessment
    assert desk.result(P) == THEIRS.plan
    desk.presenter.save()
    ((text, shown),) = desk.settled
    assert text == replace(BASE, assessment=MINE.assessment, plan=THEIRS.plan)
    assert set(shown) == {OURS.revision, HERS.revision}


def test_keep_both_puts_one_below_the_other_to_be_edited_and_keeps_it_on_this_pc(
    desk: Desk,
) -> None:
    desk.presenter.edit(A)
    assert desk.section(A).editing
    assert desk.section(A).text == f"{MINE.assessment}\n{THEIRS.assessment}"
    desk.presenter.typed(A, "Cancer pain. Heel skin red.")
    assert desk.result(A) == "Cancer pain. Heel skin red."
    assert desk.kept[-1] == {A: "Cancer pain. Heel skin red."}


def test_editing_what_was_taken_begins_with_it(desk: Desk) -> None:
    desk.presenter.take(A, 1)
    assert desk.section(A).edit == "Edit this text"
    desk.presenter.edit(A)
    assert desk.section(A).text == THEIRS.assessment


def test_undo_goes_back_step_by_step_and_typing_is_one_step(desk: Desk) -> None:
    assert not desk.state.may_undo
    desk.presenter.take(P, 0)
    desk.presenter.edit(A)
    for letters in ("x", "xy", "xyz"):
        desk.presenter.typed(A, letters)
    desk.presenter.take(A, 0)
    assert desk.kept[-1] == {}
    desk.presenter.undo()
    assert desk.section(A).text == "xyz"
    assert desk.kept[-1] == {A: "xyz"}
    desk.presenter.undo()
    assert desk.section(A).text == f"{MINE.assessment}\n{THEIRS.assessment}"
    desk.presenter.undo()
    desk.presenter.undo()
    assert not desk.state.may_undo
    assert desk.state.why_not == "Still to choose: Assessment, Plan"


def test_a_version_that_arrives_is_told_and_shown_only_when_asked_for(desk: Desk) -> None:
    desk.presenter.take(A, 0)
    desk.presenter.take(P, 0)
    assert desk.state.may_save
    desk.presenter.choosing(THREE)
    assert desk.state.newer.startswith("Another version has arrived: Mercy Wambui, Tablet 2")
    assert (desk.state.may_save, desk.state.why_not) == (False, "Look at what arrived first")
    assert len(desk.section(P).cards) == 2
    desk.presenter.show_newer()
    assert desk.state.newer == ""
    assert [c.pieces[0].text for c in desk.section(P).cards][-1] != ""
    assert len(desk.section(P).cards) == 3


def test_a_choice_made_before_the_news_counts_again_only_after_a_look(desk: Desk) -> None:
    desk.presenter.take(A, 0)
    desk.presenter.take(P, 0)
    desk.presenter.choosing(THREE)
    desk.presenter.show_newer()
    assert not desk.section(A).again  # nothing new was written there
    assert desk.section(P).again
    assert desk.state.why_not == "Still to choose: Plan"
    desk.presenter.keep(P)
    assert desk.state.may_save
    desk.presenter.save()
    ((text, shown),) = desk.settled
    assert text.plan == MINE.plan
    assert LATE.revision in shown


def test_one_version_made_elsewhere_leaves_what_was_written_by_hand(desk: Desk) -> None:
    desk.presenter.edit(A)
    desk.presenter.typed(A, "By hand.")
    elsewhere = replace(HERS, revision=LATE.revision, text=THIRD)
    desk.presenter.choosing(replace(TWO, versions=(elsewhere,)))
    assert desk.state.newer.startswith("One version was made of these: Mercy Wambui")
    desk.presenter.show_newer()
    assert desk.section(A).text == "By hand."
    assert desk.state.title.startswith("Written here and not saved")
    desk.presenter.take(A, 0)
    assert desk.state.nothing


def test_one_version_leaves_nothing_to_choose() -> None:
    desk = Desk(ONE)
    assert desk.state.nothing
    assert not desk.state.may_save
    assert desk.state.title == "There is one version of this note"


def test_what_an_earlier_sitting_left_is_shown_and_looked_at_before_it_counts() -> None:
    desk = Desk(replace(TWO, kept={A: "By hand."}))
    assert desk.section(A).text == "By hand."
    assert desk.section(A).again
    desk.presenter.take(P, 0)
    assert desk.state.why_not == "Still to choose: Assessment"
    desk.presenter.keep(A)
    assert desk.state.may_save


def test_a_signed_note_is_only_read_and_what_is_beside_it_is_not_signed() -> None:
    desk = Desk(SIGNED)
    assert desk.state.read_only
    assert desk.state.title == "Written beside a signed note"
    assert [card.signed for card in desk.section(P).cards] == ["Signed", "Not signed"]
    desk.presenter.take(P, 1)
    desk.presenter.edit(A)
    desk.presenter.save()
    assert desk.settled == []
    assert not any(card.chosen for card in desk.section(P).cards)


def test_a_signature_that_arrives_is_told(desk: Desk) -> None:
    desk.presenter.take(A, 0)
    desk.presenter.choosing(SIGNED)
    assert desk.state.newer == "This note was signed while you were here"
    desk.presenter.show_newer()
    assert desk.state.read_only


def test_a_problem_is_shown_and_the_choices_stay(desk: Desk) -> None:
    desk.presenter.take(A, 0)
    desk.presenter.take(P, 0)
    desk.presenter.save()
    desk.presenter.choosing(replace(TWO, saving=True))
    assert not desk.state.may_save
    desk.presenter.take(P, 1)  # too late
    desk.presenter.choosing(replace(TWO, problem=DiskFull()))
    assert desk.state.problem == DiskFull.sentence
    assert desk.result(P) == MINE.plan
    assert desk.state.may_save


def test_looking_at_the_news_takes_away_what_said_that_there_was_some(desk: Desk) -> None:
    desk.presenter.choosing(replace(THREE, problem=VersionsMoved()))
    assert desk.state.problem == VersionsMoved.sentence
    desk.presenter.show_newer()
    assert desk.state.problem == ""


def test_saved_goes_back(desk: Desk) -> None:
    desk.presenter.choosing(replace(TWO, saved=True))
    assert desk.gone == 1


def test_the_history_has_every_version_newest_first(desk: Desk) -> None:
    titles = [entry.title for entry in desk.state.history]
    assert titles[-1].startswith("Version 1: Yours, this PC, Monday 23 November 10:31")
    assert len(titles) == 3
    assert [entry.state for entry in desk.state.history] == [
        "Stands beside others", "Stands beside others", "",
    ]  # fmt: skip
    assert dict(desk.state.history[-1].sections)[A] == BASE.assessment


def test_authors_who_wrote_the_same_share_one_text() -> None:
    third = replace(LATE, author="Dr Samuel Kiprop", at_ms=at("10:59"), text=THEIRS)
    desk = Desk(replace(TWO, versions=(HERS, OURS, third)))
    assert [card.who for card in desk.section(P).cards] == [
        "Yours", "Mercy Wambui and Dr Samuel Kiprop",
    ]  # fmt: skip
