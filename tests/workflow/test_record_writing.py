"""Writing a record through the core thread and a real vault."""

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault.problems import NoteNotSigned
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.finding import read_record
from telemed_desk.workflow.patient_record import read_about
from telemed_desk.workflow.record_writing import RecordWriting, Written, typed_below
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Place, booking, make_place, patient_set

LIMIT_S = 60


class Gui:
    """The GUI thread's queue, worked off by the test."""

    def __init__(self, place: Place) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.bugs: list[BaseException] = []
        self.core = CoreThread(self.posted.put, self.bugs.append)
        self.core.start()
        self.writing = RecordWriting(self.core, place.vault, place.clock)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < end
            with contextlib.suppress(queue.Empty):
                self.posted.get(timeout=0.05)()

    def result(self, ask: Callable[[Callable[[Written], None]], None]) -> Written:
        got: list[Written] = []
        ask(got.append)
        self.until(lambda: bool(got))
        return got[0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


@pytest.fixture
def gui(place: Place) -> Iterator[Gui]:
    made = Gui(place)
    yield made
    made.core.stop()
    assert made.bugs == []


def test_what_is_written_is_on_the_disk_before_it_is_called_done(place: Place, gui: Gui) -> None:
    vault, patient = place.vault, new_id()
    vault.commit(patient_set(patient, given_name="Jua", phone="1")).result(30)
    added = gui.result(lambda d: gui.writing.add(patient, EntryKind.ALLERGY, "latex", None, d))
    assert (added.problem, added.at_ms) == (None, place.clock())
    about = read_about(vault, patient)
    (entry,) = about.allergies
    assert added.fact is not None
    assert entry.facts == ((added.fact.device, added.fact.number),)
    changed = gui.result(lambda d: gui.writing.change(patient, {"phone": "2"}, about.seen, d))
    assert changed.problem is None
    gui.result(lambda d: gui.writing.take_off(patient, EntryKind.ALLERGY, entry, d))
    record = read_record(vault, patient)
    assert record.patient is not None
    assert (record.patient.phone, record.patient.allergies) == ("2", ())
    assert [e.gone is not None for e in record.about.allergies] == [True]


def test_an_addendum_is_kept_while_it_is_typed_and_gone_when_it_is_signed(
    place: Place, gui: Gui
) -> None:
    vault, visit, note = place.vault, new_id(), new_id()
    vault.commit(booking(visit, new_id())).result(30)
    vault.journal_draft(note, visit, NoteText(plan="rest"), 1).result(30)
    vault.roll_draft(note).result(30)
    early = gui.result(lambda d: gui.writing.add_below(note, "more", d))
    assert isinstance(early.problem, NoteNotSigned)
    vault.sign_note(note, 2).result(30)
    for typed in ("an", "and", "and water"):
        gui.writing.keep(note, typed)
    gui.until(lambda: typed_below(vault, note) == "and water")
    gui.writing.keep(note, "and water, ")
    gui.writing.flush()  # the PC locks
    place.vault.commit(patient_set(new_id(), remarks="x")).result(30)
    assert typed_below(vault, note) == "and water, "
    signed = gui.result(lambda d: gui.writing.add_below(note, "and water", d))
    assert signed.problem is None
    place.vault.commit(patient_set(new_id(), remarks="x")).result(30)
    assert typed_below(vault, note) == ""
    assert [a.text for a in vault.addenda_of(note)] == ["and water"]
