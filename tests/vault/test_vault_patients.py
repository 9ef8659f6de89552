"""A patient's record written on two PCs at once: nothing lost, everything told."""

from collections.abc import Callable

import pytest

from telemed_desk.clinical.entries import Entry, EntryKind
from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import Vault
from telemed_desk.vault.problems import NoteEmpty, NoteNotSigned
from telemed_desk.vault.verify import verify_log
from telemed_protocol.ids import new_id
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, OpId, pack_payload, unpack_payload
from tests.vault.vault_kit import Place, booking, patient_set

ALLERGY, MEDICINE = EntryKind.ALLERGY, EntryKind.MEDICINE
Desks = tuple[Vault, Vault]


@pytest.fixture
def desks(place: Place, another_place: Callable[[], Place]) -> Desks:
    return place.vault, another_place().vault


def exchange(desks: Desks) -> None:
    """Everything that one has, the other has then."""
    for here, there in (desks, desks[::-1]):
        n = 1
        while (op := here.op(OpId(here.identity.device, n))) is not None:
            there.apply_ops([op]).result()
            n += 1


def shown(vault: Vault, patient: bytes, kind: EntryKind) -> list[str]:
    return [entry.what for entry in vault.entries_of(patient, kind) if entry.gone is None]


def entry(vault: Vault, patient: bytes, kind: EntryKind, what: str) -> Entry:
    return next(e for e in vault.entries_of(patient, kind) if e.what == what)


def test_an_allergy_added_at_the_same_time_as_its_removal_stays(desks: Desks) -> None:
    here, there = desks
    patient = new_id()
    here.commit(patient_set(patient, given_name="Jua")).result()
    here.add_entry(patient, ALLERGY, "penicillin", 1).result()
    exchange(desks)
    here.take_off_entry(
        patient, ALLERGY, entry(here, patient, ALLERGY, "penicillin"), 2, "tested"
    ).result()
    there.add_entry(patient, ALLERGY, "Penicillin", 3).result()
    assert shown(here, patient, ALLERGY) == []
    exchange(desks)
    for vault in desks:
        assert shown(vault, patient, ALLERGY) == ["Penicillin"]
        found = vault.patient(patient)
        assert found is not None
        assert found.allergies == ("Penicillin",)
    there.take_off_entry(
        patient, ALLERGY, entry(there, patient, ALLERGY, "Penicillin"), 4, "tested"
    ).result()
    exchange(desks)
    for vault in desks:
        assert shown(vault, patient, ALLERGY) == []
        (gone,) = vault.entries_of(patient, ALLERGY)
        assert gone.gone is not None
        assert (gone.gone.by, gone.gone.reason) == (there.clinician.entity, "tested")


def test_two_changes_of_a_dose_stand_side_by_side_until_somebody_chooses(desks: Desks) -> None:
    here, there = desks
    patient = new_id()
    here.add_entry(patient, MEDICINE, "morphine 5 mg", 1).result()
    exchange(desks)
    for vault, dose in ((here, "morphine 10 mg"), (there, "morphine 2.5 mg")):
        old = entry(vault, patient, MEDICINE, "morphine 5 mg")
        vault.add_entry(patient, MEDICINE, dose, 2, instead_of=old).result()
    exchange(desks)
    for vault in desks:
        assert sorted(shown(vault, patient, MEDICINE)) == ["morphine 10 mg", "morphine 2.5 mg"]
        assert all(e.beside for e in vault.entries_of(patient, MEDICINE) if e.gone is None)
    assert here.patient(patient) is None, "medicines alone make nobody known by name"


def test_fields_that_differ_merge_and_the_same_field_keeps_both_values(desks: Desks) -> None:
    here, there = desks
    patient = new_id()
    here.commit(patient_set(patient, given_name="Jua", phone="+254 700 000 001")).result()
    exchange(desks)
    seen = [vault.open_values_of(patient) for vault in desks]
    fields = [{"phone": "+254 700 000 002"}, {"phone": "+254 700 000 003", "remarks": "deaf"}]
    for vault, change, knew in zip(desks, fields, seen, strict=True):
        vault.change_patient(patient, change, knew).result()
    exchange(desks)
    for vault in desks:
        found = vault.patient(patient)
        assert found is not None
        assert found.remarks == "deaf"
        values = vault.other_values_of(patient)
        assert {(v.field, v.value) for v in values} == {
            ("phone", "+254 700 000 002"),
            ("phone", "+254 700 000 003"),
        }
        assert values[-1].value == found.phone, "the one that is shown stands last"
        assert {v.by for v in values} == {here.clinician.entity, there.clinician.entity}
    knew = here.open_values_of(patient)
    here.change_patient(patient, {"phone": "+254 700 000 002"}, knew).result()
    exchange(desks)
    for vault in desks:
        assert vault.other_values_of(patient) == []
        found = vault.patient(patient)
        assert found is not None
        assert found.phone == "+254 700 000 002"
        assert verify_log(vault, lambda _step: None).faults == []


def test_lists_of_an_earlier_version_go_on_beside_what_is_added_now(place: Place) -> None:
    vault, patient, old = place.vault, new_id(), b"o" * 16

    def listed(number: int, allergies: list[str], *parents: OpId) -> Op:
        return Op(
            OP_VERSION, old, number, number << 16, old, "patient.set", READER_VERSION, patient,
            parents, pack_payload({"given_name": "Jua", "allergies": allergies}),
        )  # fmt: skip

    first = listed(1, ["penicillin", "latex"])
    vault.apply_ops([first]).result()
    vault.add_entry(patient, ALLERGY, "sulfa", 5).result()
    penicillin = entry(vault, patient, ALLERGY, "penicillin")
    vault.take_off_entry(patient, ALLERGY, penicillin, 6, "tested").result()
    assert shown(vault, patient, ALLERGY) == ["latex", "sulfa"]
    # The earlier version, which cannot read that, repeats what it saw and adds one.
    second = listed(2, ["penicillin", "latex", "aspirin"], first.op_id)
    vault.apply_ops([second]).result()
    assert sorted(shown(vault, patient, ALLERGY)) == ["aspirin", "latex", "sulfa"]
    third = listed(3, ["aspirin"], second.op_id)
    vault.apply_ops([third]).result()
    assert sorted(shown(vault, patient, ALLERGY)) == ["aspirin", "sulfa"]
    gone = {e.what: e.gone.by for e in vault.entries_of(patient, ALLERGY) if e.gone}
    assert gone == {"penicillin": place.clinician.entity, "latex": old}
    # And a list that is written here the old way replaces only what it saw of such lists.
    vault.commit(patient_set(patient, allergies=["dust"])).result()
    found = vault.patient(patient)
    assert found is not None
    assert sorted(found.allergies) == ["dust", "sulfa"]


def test_an_addendum_stands_below_the_signed_text_which_stays_as_it_is(desks: Desks) -> None:
    here, there = desks
    consultation, note = new_id(), new_id()
    here.commit(booking(consultation, new_id())).result()
    here.journal_draft(note, consultation, NoteText(plan="rest"), 1).result()
    here.roll_draft(note).result()
    with pytest.raises(NoteNotSigned):
        here.add_addendum(note, "more", 2)
    here.sign_note(note, 2).result()
    with pytest.raises(NoteEmpty):
        here.add_addendum(note, "  ", 3)
    exchange(desks)
    before = there.note(note)
    here.add_addendum(note, "and water; mkojo mweusi", 3).result()
    there.add_addendum(note, "seen again", 4).result()
    exchange(desks)
    for vault in desks:
        found = vault.addenda_of(note)
        assert {(a.text, a.author, a.fits) for a in found} == {
            ("and water; mkojo mweusi", here.clinician.entity, True),
            ("seen again", there.clinician.entity, True),
        }
        assert vault.note(note) == before
        assert [hit.entity for hit in vault.search("mweusi")] == [note]
    sent = next(
        op for n in range(1, 30)
        if (op := here.op(OpId(here.identity.device, n))) and op.kind == "note.addendum"
    )  # fmt: skip
    for what, number in (("text", 1), ("at_ms", 2)):
        payload = unpack_payload(sent.payload)
        payload[what] = "forged" if what == "text" else 999
        forged = Op(
            sent.version, b"f" * 16, number, sent.stamp, sent.actor, sent.kind, 1, note, (),
            pack_payload(payload),
        )  # fmt: skip
        there.apply_ops([forged]).result()
    assert [a.fits for a in there.addenda_of(note)].count(False) == 2
