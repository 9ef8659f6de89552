from collections.abc import Callable

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import Change, OpDraft, Vault
from telemed_desk.vault.problems import ConflictOpen, NoteAlreadySigned, NoteEmpty
from telemed_protocol.ids import new_id
from telemed_protocol.op import Op, OpId
from tests.vault.vault_kit import Place, booking

CONSULTATION = bytes(15) + b"c"


def all_ops(vault: Vault) -> list[Op]:
    with vault._read() as connection:
        rows = connection.exec_driver_sql("SELECT device, number FROM op ORDER BY stamp").all()
    found = [vault.op(OpId(row[0], row[1])) for row in rows]
    return [op for op in found if op is not None]


def typed(vault: Vault, note: bytes, text: str, at_ms: int = 1) -> None:
    vault.journal_draft(note, CONSULTATION, NoteText(text), at_ms).result()


def test_typing_is_journalled_rolled_and_signed(place: Place) -> None:
    vault, note = place.vault, new_id()
    typed(vault, note, "it")
    typed(vault, note, "itches", 7)
    assert vault.note_of(CONSULTATION) is None
    assert vault.note_text(note) == NoteText("itches")
    rolled = vault.roll_draft(note).result()
    assert rolled is not None
    assert rolled.parents == ()
    assert vault.roll_draft(note).result() is None
    typed(vault, note, "itches")
    assert vault.roll_draft(note).result() is None, "nothing new makes no revision"
    typed(vault, note, "itches at night", 9)
    sign = vault.sign_note(note, 10).result()
    found = vault.note_of(CONSULTATION)
    assert found is not None
    assert (found.text, found.revision, found.leaves) == (NoteText("itches at night"), 2, 1)
    assert (found.signed_ms, found.signer) == (10, place.clinician.entity)
    assert len(found.signature_code) == 11
    assert vault.signature_is_known(note) is True
    assert [n.entity for n in vault.notes_signed()] == [note]
    assert sign.parents != ()
    with pytest.raises(NoteAlreadySigned):
        vault.sign_note(note, 11).result()
    with pytest.raises(NoteAlreadySigned):
        typed(vault, note, "more")
    more = {"consultation": CONSULTATION, "S": "more", "at_ms": 1}
    with pytest.raises(NoteAlreadySigned):
        vault.commit(OpDraft("note.revise", note, more)).result()


def test_an_empty_note_is_not_signed(place: Place) -> None:
    note = new_id()
    with pytest.raises(NoteEmpty):
        place.vault.sign_note(note, 1).result()
    typed(place.vault, note, "x")
    place.vault.roll_draft(note).result()
    typed(place.vault, note, "  \n")
    with pytest.raises(NoteEmpty):
        place.vault.sign_note(note, 1).result()


def test_signing_and_the_new_state_are_one_transaction(place: Place) -> None:
    consultation, note = new_id(), new_id()
    vault = place.vault
    vault.commit(booking(consultation, new_id())).result()
    vault.journal_draft(note, consultation, NoteText("x"), 1).result()
    done = OpDraft("consult.state", consultation, {"state": "signed", "at_ms": 2})
    bad = OpDraft("consult.state", consultation, {"state": "nonsense", "at_ms": 2})
    with pytest.raises(Exception, match="payload"):
        vault.sign_note(note, 2, also=[bad]).result()
    assert vault.note_of(consultation) is None
    assert len(vault.recovered_drafts()) == 1, "the draft is still there"
    vault.sign_note(note, 2, also=[done]).result()
    found = vault.consultation(consultation)
    assert found is not None
    assert found.state.value == "signed"


def test_what_was_typed_before_a_stop_is_recovered_and_says_what(place: Place) -> None:
    note = new_id()
    typed(place.vault, note, "itches", 123)
    place.vault.lock()
    vault = place.unlock()
    (draft,) = vault.recovered_drafts()
    assert (draft.note, draft.consultation, draft.at_ms) == (note, CONSULTATION, 123)
    assert draft.characters == 6
    assert vault.note_text(note) == NoteText("itches")
    op = vault.roll_draft(note).result()
    assert op is not None
    assert vault.recovered_drafts() == []


def test_two_desks_typing_at_once_keep_both_texts_and_cannot_sign_until_merged(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there = place.vault, another_place().vault
    note = new_id()
    typed(here, note, "first")
    here.roll_draft(note).result()
    there.apply_ops(all_ops(here)).result()
    assert there.note_text(note) == NoteText("first")
    typed(there, note, "first, 250 mg")
    there.roll_draft(note).result()
    typed(here, note, "first, 500 mg")
    here.apply_ops(all_ops(there)).result()
    assert here.note_text(note) == NoteText("first, 500 mg")
    with pytest.raises(ConflictOpen):
        here.sign_note(note, 5).result()
    assert len(here.recovered_drafts()) == 1, "a refused signature loses no typing"
    here.roll_draft(note).result()
    found = here.note_of(CONSULTATION)
    assert found is not None
    assert found.leaves == 2
    versions = here.note_versions(note)
    assert {v.text.subjective for v in versions} == {"first, 250 mg", "first, 500 mg"}
    merged = {"consultation": CONSULTATION, "S": "first, 500 mg (not 250)", "at_ms": 6}
    parents = tuple(v.revision for v in versions)
    here.commit(OpDraft("note.revise", note, merged, parents)).result()
    here.sign_note(note, 7).result()
    there.apply_ops(all_ops(here)).result()
    for vault in (here, there):
        signed = vault.note_of(CONSULTATION)
        assert signed is not None
        assert (signed.text.subjective, signed.leaves) == ("first, 500 mg (not 250)", 1)
        assert signed.is_signed
        assert vault.signature_is_known(note) is True


def test_what_another_desk_wrote_beside_a_signed_note_stays_visible(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there = place.vault, another_place().vault
    note = new_id()
    typed(here, note, "first")
    here.roll_draft(note).result()
    there.apply_ops(all_ops(here)).result()
    there.note_text(note)
    typed(there, note, "first and late")
    here.sign_note(note, 5).result()
    there.apply_ops(all_ops(here)).result()
    there.roll_draft(note).result()
    here.apply_ops(all_ops(there)).result()
    for vault in (here, there):
        found = vault.note_of(CONSULTATION)
        assert found is not None
        assert (found.text, found.leaves) == (NoteText("first"), 2)
        assert [v.text.subjective for v in vault.note_versions(note)] == ["first", "first and late"]


def test_a_revision_never_silently_replaces_one_that_was_not_on_the_screen(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there = place.vault, another_place().vault
    note = new_id()
    typed(here, note, "shown here")
    here.roll_draft(note).result()
    there.apply_ops(all_ops(here)).result()
    there.note_text(note)
    typed(there, note, "shown here, and there")
    there.roll_draft(note).result()
    here.apply_ops(all_ops(there)).result()
    typed(here, note, "shown here, typed on")  # the screen here was never refreshed
    here.roll_draft(note).result()
    assert len(here.note_versions(note)) == 2
    # After a refresh the next text builds on what is shown.
    shown = here.note_text(note)
    typed(here, note, shown.subjective + "!")
    op = here.roll_draft(note).result()
    assert op is not None
    assert len(op.parents) == 1
    assert len(here.note_versions(note)) == 2


def test_a_signature_that_does_not_fit_is_not_believed(place: Place) -> None:
    vault, note = place.vault, new_id()
    typed(vault, note, "true")
    op = vault.roll_draft(note).result()
    assert op is not None
    # Zero keys "sign" one message in four, so several are tried.
    forgeries = [(NoteText("forged").sha256(), bytes(32))]
    forgeries += [
        (NoteText("true").sha256(), key) for key in (bytes(32), b"\1" + bytes(31), b"k" * 32)
    ]
    for digest, key in forgeries:
        fake = {
            "consultation": CONSULTATION,
            "revision": (op.device, op.number),
            "sha256": digest,
            "at_ms": 1,
            "signature": bytes(64),
            "key": key,
        }
        vault.commit(OpDraft("note.sign", note, fake)).result()
    found = vault.note_of(CONSULTATION)
    assert found is not None
    assert not found.is_signed
    vault.sign_note(note, 3).result()
    signed = vault.note_of(CONSULTATION)
    assert signed is not None
    assert signed.signed_ms == 3


def test_listeners_hear_of_a_change_after_it_is_durable_and_until_they_stop(place: Place) -> None:
    heard: list[frozenset[Change]] = []
    seen: list[int] = []

    def listen(changes: frozenset[Change]) -> None:
        heard.append(changes)
        seen.append(len(place.vault.recovered_drafts()))

    stop = place.vault.on_change(listen)
    note = new_id()
    typed(place.vault, note, "x")
    place.vault.roll_draft(note).result()
    place.vault._writer.submit(lambda _: None).result()  # what was before it has been told
    stop()
    stop()
    typed(place.vault, note, "y")
    place.vault.lock()
    assert heard[0] == {Change("draft_journal", note)}
    assert Change("note", note) in heard[1]
    assert seen == [1, 0]
    assert len(heard) == 2
