"""Two desks wrote one note at once; a clinician chooses. Real vaults, the clock and loop by hand."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.vault.problems import NoteAlreadySigned, VersionsMoved
from telemed_desk.workflow.note_choosing import ChoosingState, NoteChoosing
from telemed_desk.workflow.note_taking import NoteState, NoteTaking
from telemed_protocol.ids import new_id
from tests.vault.test_vault_merging import ops_of
from tests.vault.vault_kit import booking, doctor, make_place, patient_set

FIRST = NoteText("itches", "dry skin", "", "keep warm")
WAIT_S = 60


class Desk:
    """One PC of the clinic: its vault, its open note, its choosing, and a loop turned by hand."""

    def __init__(self, folder: Path, name: str, consultation: bytes) -> None:
        self.place = make_place(folder, doctor(name))
        self.vault: Vault = self.place.vault
        self.consultation = consultation
        self.now_ms = 1_790_000_000_000
        self.due: queue.Queue[Callable[[], None]] = queue.Queue()
        self.notes: list[NoteState] = []
        self.choosing = self.new_choosing()

    def new_choosing(self) -> NoteChoosing:
        return NoteChoosing(
            self.vault,
            call=lambda work: work(),
            post=lambda work: work(),
            later=self.later,
            now_ms=lambda: self.now_ms,
        )

    def later(self, delay_s: float, work: Callable[[], None]) -> None:
        if not delay_s:
            self.due.put(work)

    def turn_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.due.get(timeout=WAIT_S)()

    @property
    def state(self) -> ChoosingState:
        state = self.choosing.state.value
        assert state is not None
        return state

    def note(self) -> NoteTaking:
        return NoteTaking(
            self.consultation,
            self.vault,
            later=self.later,
            now_ms=lambda: self.now_ms,
            on_state=self.notes.append,
        )

    def write(self, text: NoteText) -> None:
        note = self.note()
        for section in Section:
            if note.state.text.section(section) != text.section(section):
                note.edit(section, text.section(section))
        rested: list[bool] = []
        note.rest(lambda: rested.append(True))
        self.turn_until(lambda: bool(rested))

    def hear(self, other: "Desk") -> None:
        self.vault.apply_ops(ops_of(other.vault)).result(WAIT_S)

    def settle(self, text: NoteText) -> None:
        self.choosing.settle(text, tuple(v.revision for v in self.state.versions))
        self.turn_until(lambda: not self.state.saving)


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[tuple[Desk, Desk]]:
    consultation, patient = bytes(new_id()), bytes(new_id())
    here = Desk(tmp_path / "a", "Dr Asha Mfano", consultation)
    there = Desk(tmp_path / "b", "Mercy Kielelezo", consultation)
    here.vault.commit(
        patient_set(patient, given_name="Nyambura", family_name="Jaribio"),
        booking(consultation, patient),
        OpDraft("consult.state", consultation, {"state": "writing", "at_ms": 1}),
    ).result(WAIT_S)
    for desk, label in ((here, "Room 4"), (there, "Tablet 2")):
        device = desk.vault.identity.device
        desk.vault.commit(OpDraft("device.set", device, {"label": label})).result(WAIT_S)
    here.write(FIRST)
    there.hear(here)
    here.hear(there)
    yield here, there
    here.place.close()
    there.place.close()


def both_wrote(desks: tuple[Desk, Desk], mine: NoteText, theirs: NoteText) -> tuple[Desk, Desk]:
    here, there = desks
    here.write(mine)
    there.now_ms += 1000
    there.write(theirs)
    here.hear(there)
    there.hear(here)
    here.choosing.open(here.consultation)
    return here, there


MINE = NoteText("itches", "dry skin", "eczema", "paracetamol 250 mg")
THEIRS = NoteText("itches", "dry skin", "tinea", "paracetamol 500 mg")
CHOSEN = NoteText("itches", "dry skin", "eczema", "paracetamol 500 mg")


def test_each_version_says_who_where_and_when(desks: tuple[Desk, Desk]) -> None:
    here, there = both_wrote(desks, MINE, THEIRS)
    assert here.state.patient is not None
    assert here.state.patient.family_name == "Jaribio"
    mine, theirs = sorted(here.state.versions, key=lambda v: v.at_ms)
    assert (mine.author, mine.mine, mine.place, mine.here) == (
        "Dr Asha Mfano", True, "Room 4", True,
    )  # fmt: skip
    assert (theirs.author, theirs.mine, theirs.place, theirs.here) == (
        "Mercy Kielelezo", False, "Tablet 2", False,
    )  # fmt: skip
    assert (mine.at_ms, theirs.at_ms) == (here.now_ms, there.now_ms)
    assert len(here.state.history) == 3


def test_the_choice_becomes_one_revision_that_the_other_desk_sees_and_signs(
    desks: tuple[Desk, Desk],
) -> None:
    here, there = both_wrote(desks, MINE, THEIRS)
    here.settle(CHOSEN)
    assert here.state.saved
    there.choosing.open(there.consultation)
    there.hear(here)
    there.choosing.look()
    (only,) = there.state.versions
    assert only.text == CHOSEN
    assert {MINE, THEIRS} <= {version.text for version in there.state.history}
    there.vault.sign_note(there.state.note, 5).result(WAIT_S)


def test_the_editor_reads_the_chosen_text_and_builds_on_it(desks: tuple[Desk, Desk]) -> None:
    here, _ = both_wrote(desks, MINE, THEIRS)
    before = here.note().state
    here.settle(CHOSEN)
    after = here.note()
    assert (after.state.text, after.state.leaves) == (CHOSEN, 1)
    assert after.state.loaded != before.loaded
    here.write(CHOSEN.with_section(Section.OBJECTIVE, "red"))
    found = here.vault.note_of(here.consultation)
    assert found is not None
    assert (found.leaves, found.text.objective) == (1, "red")


def test_a_version_that_arrives_while_the_view_is_open_is_told_and_not_overwritten(
    desks: tuple[Desk, Desk],
) -> None:
    here, there = both_wrote(desks, MINE, THEIRS)
    shown = tuple(v.revision for v in here.state.versions)
    there.choosing.open(there.consultation)
    third = CHOSEN.with_section(Section.PLAN, "paracetamol 750 mg")
    there.settle(third)
    here.hear(there)
    here.choosing.settle(CHOSEN, shown)  # made before the news was read
    here.turn_until(lambda: not here.state.saving)
    assert isinstance(here.state.problem, VersionsMoved)
    assert not here.state.saved
    assert [v.text for v in here.state.versions] == [third]
    assert CHOSEN not in {v.text for v in here.state.history}


def test_what_is_typed_is_saved_before_the_versions_are_shown(desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    note = here.note()
    note.edit(Section.PLAN, "paracetamol 250 mg")
    there.write(THEIRS)
    here.hear(there)
    rested: list[bool] = []
    note.rest(lambda: rested.append(True))
    here.turn_until(lambda: bool(rested))
    here.choosing.open(here.consultation)
    assert {v.text.plan for v in here.state.versions} == {
        "paracetamol 250 mg", "paracetamol 500 mg",
    }  # fmt: skip
    note.edit(Section.PLAN, "from an editor that is closed")
    assert note.state.text.plan == "paracetamol 250 mg"


def test_the_open_note_is_told_that_another_version_came(desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    here.write(MINE)
    note = here.note()
    assert note.state.leaves == 1
    there.write(THEIRS)
    here.hear(there)
    note.look()
    assert note.state.leaves == 2
    assert note.state.text == MINE  # what stands in the editor is not replaced


def test_a_signature_from_elsewhere_keeps_what_was_typed_here_beside_it(
    desks: tuple[Desk, Desk],
) -> None:
    here, there = desks
    note = here.note()
    note.edit(Section.PLAN, "paracetamol 250 mg")
    note.save_now()
    here.turn_until(lambda: not note.state.unsaved)
    there.vault.sign_note(note.state.note, 5).result(WAIT_S)
    here.hear(there)
    note.look()
    assert note.state.signed is not None
    here.vault.roll_draft(note.state.note).result(WAIT_S)
    here.choosing.open(here.consultation)
    assert here.state.signed_ms == 5
    assert {(v.text.plan, v.signed) for v in here.state.versions} == {
        ("keep warm", True), ("paracetamol 250 mg", False),
    }  # fmt: skip
    here.settle(CHOSEN)
    assert isinstance(here.state.problem, NoteAlreadySigned)


def test_what_is_written_by_hand_outlives_a_lock_until_it_is_saved(
    desks: tuple[Desk, Desk],
) -> None:
    here, _ = both_wrote(desks, MINE, THEIRS)
    here.choosing.keep({Section.ASSESSMENT: "eczema, not tinea"})
    here.choosing.close()
    here.vault.set_setting("after", b"it").result(WAIT_S)  # the writer has come past it
    here.choosing = here.new_choosing()  # as after unlocking
    here.choosing.open(here.consultation)
    assert here.state.kept == {Section.ASSESSMENT: "eczema, not tinea"}
    here.settle(CHOSEN)
    here.choosing.close()
    here.choosing.open(here.consultation)
    assert here.state.kept == {}


def test_versions_that_became_one_text_by_themselves_leave_nothing_to_choose(
    desks: tuple[Desk, Desk],
) -> None:
    here, _ = both_wrote(
        desks,
        FIRST.with_section(Section.SUBJECTIVE, "itches badly"),
        FIRST.with_section(Section.PLAN, "keep warm and dry"),
    )
    (only,) = here.state.versions
    assert only.text == NoteText("itches badly", "dry skin", "", "keep warm and dry")
    here.settle(only.text.with_section(Section.OBJECTIVE, "red"))
    assert here.state.saved
    assert len(here.vault.note_versions(here.state.note)) == 1
