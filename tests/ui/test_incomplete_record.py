"""While older records are still being read, no screen and no copy says that there is nothing."""

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.clinical.people import Patient
from telemed_desk.ui import words
from telemed_desk.ui.gallery_call import NOW_MS as CALL_MS
from telemed_desk.ui.gallery_call import visit
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.gallery_search import LAST, NYAMBURA, RECORD
from telemed_desk.ui.record_pdf import record_html
from telemed_desk.ui.screens.call.phrases import header
from telemed_desk.ui.screens.record.about import AboutPresenter
from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.view import RecordView
from telemed_desk.workflow.patient_record import About
from tests.ui.test_presenter_about import Reading, Writes
from tests.ui.test_record_export import record

NOT_HERE = Patient(b"p" * 16, "", "", "", 0, incomplete=True)


@pytest.mark.parametrize("incomplete", [True, False])
def test_the_record_says_that_more_may_come(qtbot: QtBot, *, incomplete: bool) -> None:
    who = replace(NYAMBURA, allergies=(), incomplete=incomplete)
    view = RecordView()
    qtbot.addWidget(view)
    port = Writes()
    about = AboutPresenter(port, lambda: NOW_MS, view.about.show_state, lambda _w, _u: None)
    presenter = RecordPresenter(
        Reading(replace(RECORD, patient=who, about=About())), lambda: NOW_MS, view.show_state, port,
        lambda found: about.read(found.patient, found.about),
    )  # fmt: skip
    presenter.open(NYAMBURA.entity, LAST.entity, "")
    view.show()
    assert view.unread.isVisible() is incomplete
    none = view.about.cards[EntryKind.ALLERGY].none
    assert none.isVisible()
    assert ("still coming" in none.text()) is incomplete


@pytest.mark.parametrize(
    ("allergies", "incomplete", "said"),
    [
        ((), False, ""),
        ((), True, "Allergies not all read yet"),
        (("latex",), True, "Allergy: latex; older records still coming"),
        (("latex",), False, "Allergy: latex"),
    ],
)
def test_the_calls_header_says_what_is_not_known_yet(
    allergies: tuple[str, ...], said: str, *, incomplete: bool
) -> None:
    now = visit()
    who = replace(now.waiting.patient, allergies=allergies, incomplete=incomplete)
    shown = header(replace(now, waiting=replace(now.waiting, patient=who)), CALL_MS, None)
    assert shown.allergies == said
    assert shown.allergies_tone == ("danger" if allergies else "warn")


def test_a_patient_of_whom_nothing_is_here_has_neither_an_empty_name_nor_an_age() -> None:
    assert words.patient_name(NOT_HERE) == "Patient not on this PC yet"
    assert words.patient_line(NOT_HERE, 2026) == ""


def test_a_copy_made_meanwhile_says_so() -> None:
    whole = record()
    early = replace(whole, patient=replace(whole.patient, incomplete=True), allergies=())
    assert "had not read all older records" in record_html(early)
    assert "had not read all older records" not in record_html(whole)
