"""One text made of several versions by a clinician: built on all of them, nothing overwritten."""

from collections.abc import Callable

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.vault.problems import NoteAlreadySigned, VersionsMoved
from telemed_protocol.op import OpId
from tests.vault.test_vault_merging import CONSULTATION, ops_of, two_desks, write
from tests.vault.vault_kit import Place, booking

HERE = NoteText("itches", "dry skin", "eczema", "paracetamol 250 mg")
THERE = NoteText("itches", "dry skin", "tinea", "paracetamol 500 mg")
CHOSEN = NoteText("itches", "dry skin", "eczema or tinea", "paracetamol 500 mg")


def standing(vault: Vault, note: bytes) -> list[OpId]:
    return [version.revision for version in vault.note_versions(note)]


@pytest.fixture
def desks(place: Place, another_place: Callable[[], Place]) -> tuple[Vault, Vault, bytes]:
    return two_desks(place, another_place, HERE, THERE)


def test_the_chosen_text_is_the_note_on_both_desks_and_can_be_signed(
    desks: tuple[Vault, Vault, bytes],
) -> None:
    here, there, note = desks
    seen = standing(here, note)
    op = here.settle_note(note, CHOSEN, seen, 7).result(30)
    assert set(op.parents) == set(seen)
    there.apply_ops(ops_of(here)).result(30)
    for vault in (here, there):
        found = vault.note(note)
        assert found is not None
        assert (found.text, found.leaves, found.changed_ms) == (CHOSEN, 1, 7)
        assert vault.note_text(note) == CHOSEN
    there.sign_note(note, 9).result(30)


def test_every_word_of_every_version_stays_in_the_history(
    desks: tuple[Vault, Vault, bytes],
) -> None:
    here, _, note = desks
    here.settle_note(note, CHOSEN, standing(here, note), 7).result(30)
    history = here.note_history(note)
    assert {HERE, THERE, CHOSEN} <= {version.text for version in history}
    assert [version.text for version in history if version.stands] == [CHOSEN]
    assert history[-1].text == CHOSEN


def test_a_version_that_came_meanwhile_is_not_overwritten(
    desks: tuple[Vault, Vault, bytes],
) -> None:
    here, there, note = desks
    seen = standing(here, note)
    there.note_text(note)
    late = NoteText("itches", "dry skin", "tinea", "paracetamol 750 mg")
    there.journal_draft(note, CONSULTATION, late, 5, base=(seen[1],)).result(30)
    there.roll_draft(note).result(30)
    here.apply_ops(ops_of(there)).result(30)
    before = here.note_history(note)
    with pytest.raises(VersionsMoved):
        here.settle_note(note, CHOSEN, seen, 7).result(30)
    assert here.note_history(note) == before
    assert late in {version.text for version in here.note_versions(note)}
    here.settle_note(note, CHOSEN, standing(here, note), 8).result(30)
    found = here.note(note)
    assert found is not None
    assert (found.text, found.leaves) == (CHOSEN, 1)


def test_what_was_typed_here_and_not_rolled_counts_as_another_version(
    desks: tuple[Vault, Vault, bytes],
) -> None:
    here, _, note = desks
    seen = standing(here, note)
    here.journal_draft(note, CONSULTATION, NoteText("typed"), 6, base=(seen[0],)).result(30)
    with pytest.raises(VersionsMoved):
        here.settle_note(note, CHOSEN, seen, 7).result(30)
    assert here.note_text(note) == NoteText("typed")  # the journal was rolled back with the rest


def test_both_desks_settle_at_once_and_neither_choice_is_lost(
    desks: tuple[Vault, Vault, bytes],
) -> None:
    here, there, note = desks
    other = NoteText("itches", "dry skin", "scabies", "paracetamol 500 mg")
    here.settle_note(note, CHOSEN, standing(here, note), 7).result(30)
    there.settle_note(note, other, standing(there, note), 8).result(30)
    here.apply_ops(ops_of(there)).result(30)
    assert {version.text for version in here.note_versions(note)} == {CHOSEN, other}


def test_a_signed_note_is_not_settled(place: Place, another_place: Callable[[], Place]) -> None:
    here, there, note = two_desks(place, another_place, HERE, HERE)
    there.note_text(note)
    write(there, note, THERE)
    here.sign_note(note, 9).result(30)
    here.apply_ops(ops_of(there)).result(30)
    versions = here.note_versions(note)
    assert {version.text for version in versions} == {HERE, THERE}
    with pytest.raises(NoteAlreadySigned):
        here.settle_note(note, CHOSEN, [v.revision for v in versions], 10).result(30)
    found = here.note(note)
    assert found is not None
    assert found.text == HERE


def test_conflicts_are_listed_until_somebody_has_chosen(
    desks: tuple[Vault, Vault, bytes],
) -> None:
    here, _, note = desks
    assert here.note_conflicts() == []  # no consultation is known here yet
    writing = OpDraft("consult.state", CONSULTATION, {"state": "writing", "at_ms": 2})
    here.commit(booking(CONSULTATION, b"p" * 16), writing).result(30)
    (found,) = here.note_conflicts()
    assert (found.note, found.consultation, found.versions) == (note, CONSULTATION, 2)
    here.settle_note(note, CHOSEN, standing(here, note), 7).result(30)
    assert here.note_conflicts() == []
