"""Words that look like statements of a database are words: searched for, stored and read as they are."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft
from telemed_desk.vault.connection import _hex_key
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Place

STATEMENTS = (
    "'; DROP TABLE op; --", '" OR 1=1 --', "NEAR(a b)", "a* OR b", "^rash", "column:rash", "rash)",
    "(", "-rash", "+", "{", "\x00", "x'00'", "%_\\", "AND", "NOT rash", "\ud7ff\U0010ffff",
)  # fmt: skip
words = st.one_of(st.sampled_from(STATEMENTS), st.text(max_size=40))


@given(text=words)
@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_can_be_searched_for(place: Place, text: str) -> None:
    place.vault.search(text)


@pytest.mark.parametrize("text", STATEMENTS)
def test_any_text_is_stored_and_read_as_it_is(place: Place, text: str) -> None:
    patient, note = new_id(), new_id()
    place.vault.commit(OpDraft("patient.set", patient, {"remarks": text})).result()
    place.vault.journal_draft(note, bytes(16), NoteText(text), 1).result()
    place.vault.set_setting(f"care.{text}", text.encode()).result()
    found = place.vault.patient(patient)
    assert found is not None
    assert found.remarks == text
    assert place.vault.note_text(note).subjective == text
    assert place.vault.setting(f"care.{text}") == text.encode()
    assert place.vault.verify_file() == []


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_is_32_bytes_and_goes_in_as_hexadecimal(size: int) -> None:
    assert _hex_key(b"'" * 32) == "27" * 32
    with pytest.raises(ValueError, match="32 bytes"):
        _hex_key(b"'" * size)
