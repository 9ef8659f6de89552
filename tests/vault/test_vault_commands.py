"""``telemed-desk vault ...`` as its own process: what it says, what it answers, what it leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import OTHER_PASSPHRASE, PASSPHRASE, Place, booking, patient_set


def run(place: Place, *words: str, typed: str = PASSPHRASE) -> "subprocess.CompletedProcess[str]":
    data = ("--data", str(place.directory.path.parent))
    return subprocess.run(
        [sys.executable, "-m", "telemed_desk", "vault", *data, "--stdin", *words],
        input=typed + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )


@pytest.fixture
def filled(place: Place) -> Place:
    vault = place.vault
    patient, consultation, note = new_id(), new_id(), new_id()
    vault.commit(
        patient_set(patient, given_name="Jua", family_name="Mfano", allergies=["penicillin"]),
        booking(consultation, patient),
    ).result()
    vault.put_photo(
        consultation, b"\xff\xd8photo\xff\xd9", b"p", 4, 3, source="page", at_ms=2
    ).result()
    vault.journal_draft(note, consultation, NoteText("itches"), 3).result()
    vault.sign_note(note, 4).result()
    vault.lock()
    return place


def test_check_and_verify_log_count_and_find_all_well(filled: Place) -> None:
    checked = run(filled, "check")
    assert checked.returncode == 0, checked.stderr
    assert "1 photos" in checked.stdout
    assert "All is well." in checked.stdout
    verified = run(filled, "verify-log")
    assert verified.returncode == 0, verified.stderr
    assert "1 signed notes" in verified.stdout
    said = checked.stdout + checked.stderr + verified.stdout + verified.stderr
    assert "Mfano" not in said.replace(filled.clinician.name, "")
    assert "itches" not in said


def test_damage_is_found_named_and_not_touched_by_check_and_repaired_by_opening(
    filled: Place,
) -> None:
    database = filled.directory.path / "vault.db"
    data = bytearray(database.read_bytes())
    data[5 * 4096 + 77] ^= 1
    database.write_bytes(data)
    checked = run(filled, "check")
    assert checked.returncode == 1
    assert "WRONG: database:" in checked.stdout
    assert database.read_bytes() == bytes(data)
    photo = next(path for path in (filled.directory.path / "att").rglob("*") if path.is_file())
    database.write_bytes(
        bytes(data[: 5 * 4096 + 77]) + bytes([data[5 * 4096 + 77] ^ 1]) + data[5 * 4096 + 78 :]
    )
    sealed = photo.read_bytes()
    photo.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    checked = run(filled, "check")
    assert checked.returncode == 1
    assert "WRONG: photo" in checked.stdout


def test_an_altered_projection_or_log_is_found(filled: Place) -> None:
    vault = filled.unlock()
    vault._writer.submit(
        lambda t: t.connection.exec_driver_sql("UPDATE patient SET allergies = x'90'")
    ).result()
    vault.lock()
    verified = run(filled, "verify-log")
    assert verified.returncode == 1
    assert "projections: patient" in verified.stdout
    vault = filled.unlock()
    vault.rebuild().result()
    vault._writer.submit(
        lambda t: t.connection.exec_driver_sql("DELETE FROM op WHERE number = 2")
    ).result()
    vault.lock()
    verified = run(filled, "verify-log")
    assert verified.returncode == 1
    assert "follows a gap" in verified.stdout


def test_backup_then_restore_then_the_records_are_there(filled: Place, tmp_path: Path) -> None:
    made = run(filled, "backup")
    assert made.returncode == 0, made.stderr
    assert "verified" in made.stdout
    outside = run(filled, "backup", "--to", str(tmp_path / "stick.db"))
    assert outside.returncode == 0, outside.stderr
    assert (tmp_path / "stick.slots").exists()
    again = run(filled, "backup", "--to", str(tmp_path / "stick.db"))
    assert again.returncode == 3
    (filled.directory.path / "vault.db").unlink()
    for words in (("restore",), ("restore", str(tmp_path / "stick.db"))):
        restored = run(filled, *words)
        assert restored.returncode == 0, restored.stderr
        assert "sends nothing" in restored.stdout
    assert len(filled.unlock().patients()) == 1


def test_an_export_is_sealed_and_opens_with_its_passphrase_or_code_only(
    filled: Place, tmp_path: Path
) -> None:
    out = tmp_path / "records.tmx"
    secret = "granite otter velvet lantern"
    typed = f"{PASSPHRASE}\n{secret}\n{secret}"
    done = run(filled, "export", str(out), typed=typed)
    assert done.returncode == 0, done.stderr
    assert b"Mfano" not in out.read_bytes()
    assert run(filled, "export", str(out), typed=typed).returncode == 3
    wrong = run(filled, "open-export", str(out), str(tmp_path / "no"), typed=OTHER_PASSPHRASE)
    assert wrong.returncode == 2
    assert not (tmp_path / "no").exists()
    opened = run(filled, "open-export", str(out), str(tmp_path / "yes"), typed=secret)
    assert opened.returncode == 0, opened.stderr
    (patient,) = json.loads((tmp_path / "yes" / "patients.json").read_text())["patient"]
    assert (patient["family_name"], patient["allergies"]) == ("Mfano", ["penicillin"])
    (note,) = json.loads((tmp_path / "yes" / "notes.json").read_text())["note"]
    assert (note["subjective"], note["signed_ms"]) == ("itches", 4)
    (photo,) = (tmp_path / "yes" / "photos").iterdir()
    assert photo.read_bytes() == b"\xff\xd8photo\xff\xd9"
    assert len((tmp_path / "yes" / "ops.ndjson").read_text().splitlines()) >= 6
    coded = tmp_path / "coded.tmx"
    printed = run(filled, "export", "--code", str(coded))
    assert printed.returncode == 0, printed.stderr
    code = printed.stdout.split("now: ")[1].split()[0]
    assert run(filled, "open-export", str(coded), str(tmp_path / "c"), typed=code).returncode == 0
    weak = run(filled, "export", str(tmp_path / "w"), typed=f"{PASSPHRASE}\nshort\nshort")
    assert weak.returncode == 2
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("words", "typed", "code"),
    [
        (("check",), OTHER_PASSPHRASE, 2),
        (("--recovery", "check"), "TMR-WRONG", 2),
        (("--clinician", "nobody", "check"), PASSPHRASE, 3),
        (("restore",), PASSPHRASE, 3),
        (("nonsense",), PASSPHRASE, 2),
        ((), PASSPHRASE, 2),
    ],
)
def test_what_goes_wrong_has_a_code_and_a_sentence(
    filled: Place, words: tuple[str, ...], typed: str, code: int
) -> None:
    done = run(filled, *words, typed=typed)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr
    assert typed not in done.stdout + done.stderr


def test_the_recovery_code_opens_as_well_and_an_open_desk_is_left_alone(place: Place) -> None:
    held = run(place, "check")
    assert held.returncode == 3
    assert "already open" in held.stderr
    place.vault.lock()
    done = run(place, "--recovery", "check", typed=place.recovery_code)
    assert done.returncode == 0, done.stderr
