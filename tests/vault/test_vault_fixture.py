"""A vault that was written by any earlier layout must open in every later version."""

import json
import shutil
from pathlib import Path

import pytest

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import VaultDirectory
from telemed_desk.vault.connection import raw_connection
from telemed_desk.vault.keys import MasterKey

FIXTURES = Path(__file__).parent / "fixtures"
T = 1_790_000_000_000


@pytest.mark.parametrize("way_in", ["passphrase", "recovery code"])
@pytest.mark.parametrize("layout", ["v1", "v2", "v3"])
def test_a_vault_of_an_earlier_layout_opens_and_shows_everything(
    tmp_path: Path, layout: str, way_in: str
) -> None:
    secrets = json.loads((FIXTURES / f"{layout}.json").read_text(encoding="utf-8"))
    shutil.copytree(FIXTURES / layout, tmp_path / layout)
    directory = VaultDirectory(tmp_path / layout, reserve_bytes=0, wall_ms=lambda: T)
    (slot,) = directory.clinicians()
    assert (slot.entity, slot.name) == (b"a" * 16, "Dr Asha Mfano")
    if way_in == "passphrase":
        vault = directory.unlock(slot.entity, secrets["passphrase"])
    else:
        vault = directory.unlock_with_recovery(secrets["recovery_code"])
    for _ in range(2):
        ((consultation, patient),) = vault.today(T, T + 1)
        assert (patient.name, patient.allergies) == ("Jua Mfano", ("penicillin",))
        assert consultation.state is ConsultationState.SIGNED
        assert (consultation.consent_ms, consultation.consent_photos) == (T + 1, True)
        assert (consultation.started_ms, consultation.ended_ms) == (T + 2, T + 3)
        note = vault.note_of(consultation.entity)
        assert note is not None
        assert note.text == NoteText("itches", "red", "eczema", "cream")
        assert note.signed_ms == T + 5
        assert vault.signature_is_known(note.entity) is True
        (photo,) = vault.photos_of(consultation.entity)
        assert vault.read_photo(photo.entity) == b"\xff\xd8photo\xff\xd9"
        profile = vault.clinic_profile()
        assert profile is not None
        assert profile.name == "Kielelezo clinic"
        assert vault.device_labels() == {b"d" * 16: "Room 1"}
        vault.rebuild().result()
    (draft,) = vault.recovered_drafts()
    assert (draft.note, draft.characters) == (b"m" * 16, 10)
    assert (vault.setting("theme"), vault.clinic) == (b"dark", b"k" * 16)
    assert vault.epoch_key(0) == bytes(range(32))
    assert vault.identity.device == b"d" * 16
    assert vault.outbox().count == (13 if layout == "v1" else 15)
    assert len(vault.call_traces_of(consultation.entity)) == (0 if layout == "v1" else 1)
    assert vault.repair_report is None
    assert vault.has_second_copy
    vault.lock()


@pytest.mark.parametrize("layout", ["v1", "v2", "v3"])
def test_a_migration_that_fails_leaves_the_vault_as_it_was(tmp_path: Path, layout: str) -> None:
    secrets = json.loads((FIXTURES / f"{layout}.json").read_text(encoding="utf-8"))
    shutil.copytree(FIXTURES / layout, tmp_path / layout)
    directory = VaultDirectory(tmp_path / layout, reserve_bytes=0, wall_ms=lambda: T)
    content, _ = directory.reveal(b"a" * 16, secrets["passphrase"])
    key = MasterKey(content.master).database_key()
    database = tmp_path / layout / "vault.db"

    def inside(statement: str) -> list[tuple[object, ...]]:
        with raw_connection(database, key, read_only=False) as connection:
            return list(connection.execute(statement).fetchall())

    inside("CREATE TABLE search (in_the_way)")  # the newest migration makes one of that name
    before = inside("SELECT name, sql FROM sqlite_master ORDER BY name")
    with pytest.raises(Exception, match="search already exists"):
        directory.unlock(b"a" * 16, secrets["passphrase"])
    assert inside("SELECT version_num FROM alembic_version") == [(f"000{layout[1]}",)]
    assert inside("SELECT name, sql FROM sqlite_master ORDER BY name") == before
    inside("DROP TABLE search")
    vault = directory.unlock(b"a" * 16, secrets["passphrase"])
    assert [hit.kind for hit in vault.search("eczema")] == ["note"]
    vault.lock()
