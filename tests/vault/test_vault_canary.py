"""Nothing that a person wrote is found in any file of the vault, nor in any error's text."""

import traceback
from pathlib import Path

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft
from telemed_protocol.errors import KnownError
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import CANARY, OTHER_PASSPHRASE, PASSPHRASE, Place, booking


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_no_word_is_readable_in_any_file_while_open_or_after_locking(place: Place) -> None:
    vault, patient, consultation, note = place.vault, new_id(), new_id(), new_id()
    vault.commit(
        OpDraft("patient.set", patient, {"given_name": CANARY, "remarks": CANARY * 500}),
        booking(consultation, patient),
        OpDraft("clinic.set", new_id(), {"name": CANARY}),
    ).result()
    vault.journal_draft(note, consultation, NoteText(CANARY * 300, CANARY), 1).result()
    vault.roll_draft(note).result()
    vault.journal_draft(note, consultation, NoteText(CANARY * 301), 2).result()
    vault.put_photo(
        consultation, CANARY.encode() * 999, b"x", 1, 1, source="page", at_ms=1
    ).result()
    vault.set_setting(CANARY, CANARY.encode()).result()
    seeds = [
        vault.identity.signing_seed,
        vault.identity.receiving_seed,
        bytes(vault._signing_seed),
        vault._master.reveal(),
        vault._master.database_key(),
    ]
    words = [CANARY.encode(), CANARY.encode("utf-16-le"), PASSPHRASE.encode()]
    words += [place.recovery_code.encode(), *seeds, *(s.hex().encode() for s in seeds)]
    while_open = files_of(place.directory.path)
    assert len(while_open["vault.db-wal"]) > 10_000
    vault.lock()
    for files in (while_open, files_of(place.directory.path)):
        for name, data in files.items():
            assert not [w for w in words if w.lower() in data.lower()], name
    # The check itself can fail: names of clinicians are in the slot file in clear, by design.
    assert place.clinician.name.encode() in while_open["slots"]


def test_errors_say_nothing_of_what_was_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, note = place.vault, new_id()
    text = NoteText(CANARY)
    errors: list[BaseException | None] = []
    errors.append(vault.commit(OpDraft("patient.set", note, {"sex": CANARY})).exception())
    errors.append(vault.commit(OpDraft(CANARY.lower(), note, {"x": CANARY})).exception())
    vault.journal_draft(note, bytes(16), text, 1).result()
    vault.sign_note(note, 1).result()
    errors.append(vault.sign_note(note, 1).exception())
    errors.append(vault.journal_draft(note, bytes(16), text, 1).exception())
    with vault._read() as connection, pytest.raises(Exception, match="readonly") as caught:
        connection.exec_driver_sql("INSERT INTO setting VALUES (?, ?)", (CANARY, CANARY))
    errors.append(caught.value)
    with pytest.raises(Exception, match="no such table") as caught:
        vault._writer.submit(
            lambda t: t.connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", (CANARY,))
        ).result()
    errors.append(caught.value)
    place.vault.lock()
    for passphrase in (OTHER_PASSPHRASE, CANARY * 3):
        with pytest.raises(KnownError) as known:
            place.directory.unlock(place.clinician.entity, passphrase)
        errors.append(known.value)
    with pytest.raises(KnownError) as known:
        place.directory.unlock_with_recovery(CANARY)
    errors.append(known.value)
    errors.append(vault.journal_draft(note, bytes(16), text, 1).exception())
    for error in errors:
        assert error is not None
        lines = traceback.format_exception(error)
        said = "".join(line for line in lines if not line.startswith("  File"))
        assert CANARY not in said.replace('"CANARY"', "")
        assert CANARY not in repr(error)
    assert CANARY not in repr(OpDraft("x.y", note, {"a": CANARY}))
