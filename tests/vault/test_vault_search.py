"""Search finds what a person means, newest first, and only what stands."""

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.vault.search import fold_text, match_of
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Place, booking, patient_set


def note_with(vault: Vault, consultation: bytes, text: str, at_ms: int) -> bytes:
    note = bytes(new_id())
    vault.journal_draft(note, consultation, NoteText(subjective=text), at_ms).result()
    vault.roll_draft(note).result()
    return note


def entities(vault: Vault, text: str) -> list[bytes]:
    return [hit.entity for hit in vault.search(text)]


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Łuszczyca plackowata", "luszczyca"),
        ("Đorđević", "dordevic"),
        ("Søren Ødegård", "odegard soren"),
        ("I\u015f\u0131k \u0131l\u0131man", "isik iliman"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("Œdème", "oedeme"),
        ("ng'ombe mgonjwa", "ng\u2019ombe"),
        ("naïve façade", "naive facade"),
        ("Zoë", "zoe\u0308"),
        ("amoxicillin 500 mg", "500 amox"),
        ('said "it burns"', '"burns'),
    ],
)
def test_letters_with_marks_are_found_without_them(place: Place, written: str, typed: str) -> None:
    note = note_with(place.vault, b"c" * 16, written, 5)
    assert entities(place.vault, typed) == [note]
    assert entities(place.vault, written) == [note]


def test_the_beginning_of_a_word_is_enough_and_every_word_must_be_there(place: Place) -> None:
    vault = place.vault
    note = note_with(vault, b"c" * 16, "itching rash on both arms", 5)
    assert entities(vault, "itch ra") == [note]
    assert entities(vault, "itch fever") == []
    assert entities(vault, "tching") == []
    for nothing in ("", "  ", "-- *", '"', "\u0301"):
        assert vault.search(nothing) == []
    for odd in (
        'rash" OR "x',
        "NEAR(rash arms)",
        "words:rash",
        "rash*",
        "(rash",
        "rash AND",
        "^rash",
    ):
        vault.search(odd)  # typed words are never query language


def test_hits_are_newest_first_and_name_the_patient(place: Place) -> None:
    vault = place.vault
    patient, consultation = new_id(), new_id()
    vault.commit(
        patient_set(patient, given_name="Jua", family_name="Kielelezo", number="MF-77"),
        booking(consultation, patient, booked_ms=50),
    ).result()
    notes = [note_with(vault, consultation, "rash again", at_ms) for at_ms in (30, 90, 60, 90)]
    found = vault.search("rash")
    assert [hit.at_ms for hit in found] == [90, 90, 60, 50, 30]
    assert {hit.entity for hit in found} == {*notes, consultation}
    assert {hit.consultation for hit in found} == {consultation}
    assert {hit.patient.name for hit in found if hit.patient} == {"Jua Kielelezo"}
    assert [h.kind for h in vault.search("kielel mf-77")] == ["patient"]
    assert len(vault.search("rash", limit=2)) == 2


def test_what_was_written_over_is_not_found_and_both_sides_of_a_conflict_are(place: Place) -> None:
    vault = place.vault
    note = note_with(vault, b"c" * 16, "pneumonia", 5)
    (first,) = [v.revision for v in vault.note_versions(note)]
    vault.note_text(note)
    vault.journal_draft(note, b"c" * 16, NoteText("bronchitis"), 6).result()
    vault.roll_draft(note).result()
    assert entities(vault, "pneumonia") == []
    assert entities(vault, "bronchitis") == [note]
    with vault.reading() as connection:
        indexed = set(connection.exec_driver_sql("SELECT rowid FROM search").scalars())
        known = set(connection.exec_driver_sql("SELECT id FROM search_doc").scalars())
    assert indexed == known, "the words of before are gone from the index as well"
    beside = {"consultation": b"c" * 16, "S": "asthma", "at_ms": 7}
    vault.commit(OpDraft("note.revise", note, beside, parents=(first,))).result()
    assert entities(vault, "bronchitis") == [note] == entities(vault, "asthma")


def test_the_index_is_made_again_from_the_op_log(place: Place) -> None:
    vault = place.vault
    patient = new_id()
    vault.commit(patient_set(patient, family_name="Jaribio", remarks="diabetes")).result()
    notes = [note_with(vault, b"c" * 16, f"visit {i} cough", i) for i in range(5)]
    before = vault.search("cough") + vault.search("diab")
    vault.rebuild().result()
    assert vault.search("cough") + vault.search("diab") == before
    assert [hit.entity for hit in before] == [*reversed(notes), patient]


def test_a_time_far_in_the_future_or_before_1970_keeps_its_place(place: Place) -> None:
    vault = place.vault
    late = note_with(vault, b"c" * 16, "clock astray", 2**62)
    early = note_with(vault, b"c" * 16, "clock astray", -5)
    assert entities(vault, "astray") == [late, early]


def test_many_documents_of_one_moment_are_all_found(place: Place) -> None:
    vault = place.vault
    for start in range(0, 1100, 100):
        vault.commit(
            *(
                OpDraft("patient.set", new_id(), {"remarks": f"same moment {start + i}"})
                for i in range(100)
            )
        ).result()
    assert len(vault.search("same moment", limit=1200)) == 1100


def test_folding_is_stable_and_keeps_other_scripts() -> None:
    for text in ("Łódź", "हिन्दी", "العربية", "ไทย", "ß", "ﬁn", "Ǆ"):
        assert fold_text(fold_text(text)) == fold_text(text)
        assert fold_text(text)
    assert match_of("a b") == '"a" "b"'
