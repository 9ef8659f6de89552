"""Versions of two desks that become one text by themselves, through the real vault."""

from collections.abc import Callable

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import Vault
from telemed_desk.vault.problems import ConflictOpen
from telemed_protocol.ids import new_id
from telemed_protocol.op import Op
from tests.vault.vault_kit import Place

CONSULTATION = b"c" * 16
FIRST = NoteText("itches", "dry skin", "", "keep warm")


def ops_of(vault: Vault) -> list[Op]:
    batches = vault.pending_batches(10**6)
    return [op for batch in batches for op in batch.ops]


def write(vault: Vault, note: bytes, text: NoteText) -> None:
    vault.journal_draft(note, CONSULTATION, text, 1).result(30)
    vault.roll_draft(note).result(30)


def two_desks(
    place: Place, another: Callable[[], Place], here_text: NoteText, there_text: NoteText
) -> tuple[Vault, Vault, bytes]:
    here, there, note = place.vault, another().vault, new_id()
    write(here, note, FIRST)
    there.apply_ops(ops_of(here)).result(30)
    there.note_text(note)
    write(here, note, here_text)
    write(there, note, there_text)
    theirs, ours = ops_of(there), ops_of(here)
    here.apply_ops(theirs).result(30)
    there.apply_ops(ours).result(30)
    return here, there, note


def test_edits_in_different_sections_are_one_text_on_both_desks_and_can_be_signed(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there, note = two_desks(
        place,
        another_place,
        NoteText("itches badly", "dry skin", "", "keep warm"),
        NoteText("itches", "dry skin", "", "keep warm and dry"),
    )
    both = NoteText("itches badly", "dry skin", "", "keep warm and dry")
    for vault in (here, there):
        found = vault.note_of(CONSULTATION)
        assert found is not None
        assert (found.text, found.leaves) == (both, 1)
        assert vault.note_text(note) == both
    here.sign_note(note, 9).result(30)
    there.apply_ops(ops_of(here)).result(30)
    for vault in (here, there):
        signed = vault.note_of(CONSULTATION)
        assert signed is not None
        assert (signed.text, signed.leaves, signed.signed_ms) == (both, 1, 9)
        assert vault.signature_is_known(note) is True


def test_what_is_typed_on_the_merged_text_builds_on_both(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, _, note = two_desks(
        place,
        another_place,
        NoteText("itches badly", "dry skin", "", "keep warm"),
        NoteText("itches", "dry skin", "", "keep warm and dry"),
    )
    shown = here.note_text(note)
    here.journal_draft(note, CONSULTATION, NoteText(shown.subjective, "red", "", shown.plan), 3)
    op = here.roll_draft(note).result(30)
    assert op is not None
    assert len(op.parents) == 2
    assert len(here.note_versions(note)) == 1


@pytest.mark.parametrize("plan", ["keep warm, paracetamol 250 mg", "keep the left side warm"])
def test_a_dose_or_a_side_stays_a_conflict(
    place: Place, another_place: Callable[[], Place], plan: str
) -> None:
    here, there, note = two_desks(
        place,
        another_place,
        NoteText("itches badly", "dry skin", "", "keep warm"),
        NoteText("itches", "dry skin", "", plan),
    )
    for vault in (here, there):
        found = vault.note_of(CONSULTATION)
        assert found is not None
        assert found.leaves == 2
        assert len(vault.note_versions(note)) == 2
    with pytest.raises(ConflictOpen):
        here.sign_note(note, 9).result(30)


def test_the_same_merge_made_on_two_desks_is_no_new_conflict(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there, note = two_desks(
        place,
        another_place,
        NoteText("itches badly", "dry skin", "", "keep warm"),
        NoteText("itches", "dry skin", "", "keep warm and dry"),
    )
    for vault in (here, there):
        write(vault, note, vault.note_text(note))
    here.apply_ops(ops_of(there)).result(30)
    found = here.note_of(CONSULTATION)
    assert found is not None
    assert (found.leaves, found.text.plan) == (1, "keep warm and dry")
