"""One patient's record as FHIR and PDF: sealed, recorded, complete, and never in clear on the disk."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pyrage
import pytest

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.clinical.notes import NoteText
from telemed_desk.clinical.record_copy import RecordCopy
from telemed_desk.ui.record_pdf import record_pdf_without_window
from telemed_desk.vault import OpDraft, Vault, VaultDirectory, age_file
from telemed_desk.vault.age_file import (
    AgeSecret,
    NoSuchRecipient,
    SealingFailed,
    check_recipient,
    open_age,
    seal_age,
    work_factor,
)
from telemed_desk.vault.commands import main
from telemed_desk.vault.passphrase import TriesGuard
from telemed_desk.vault.problems import ExportUnreadable, UnknownRecord
from telemed_desk.vault.record_export import (
    PlaceRefused,
    copy_record,
    export_record,
    exports_of,
)
from telemed_protocol.ids import new_id
from tests.support.disk.disk import Shim, build_shim, read_events
from tests.vault.vault_kit import PASSPHRASE, Place, booking, patient_set

SECRET = "granite otter velvet lantern"
NAME = "Zawadikanari"
WRITTEN = "itchingcanary"
AT = 1_790_000_100_000
ME = pyrage.x25519.Identity.generate()
FOR_ME = AgeSecret(recipient=str(ME.to_public()))


def jpeg(side: int = 64) -> bytes:
    """A picture as the media process writes it, with lines to be found again."""
    pixels = np.random.default_rng(7).integers(0, 255, (side, side, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def fill(vault: Vault) -> bytes:
    """Write a record with all that a record can have; return the patient."""
    patient, other = new_id(), new_id()
    vault.commit(
        patient_set(
            patient, given_name="Jua", family_name=NAME, number="TD-7", year_of_birth=1961,
            sex="F", phone="+254 700 000 123", languages=["sw", "ki"], remarks="<b>hard of hearing</b>",
        ),
        patient_set(other, given_name="Asha", family_name="Jaribio", number="TD-8"),
        OpDraft("clinic.set", new_id(), {"name": "Kielelezo clinic", "phone": "+254 700 000 001"}),
        OpDraft("clinician.set", vault.clinician.entity, {"name": "Dr Asha Mfano", "role": "CO"}),
    ).result()  # fmt: skip
    vault.add_entry(patient, EntryKind.ALLERGY, "penicillin", 1).result()
    vault.add_entry(patient, EntryKind.MEDICINE, "metformin 500 mg", 2).result()
    first, second, elsewhere = new_id(), new_id(), new_id()
    vault.commit(
        booking(first, patient, AT - 10_000),
        booking(second, patient, AT - 5_000),
        booking(elsewhere, other, AT - 4_000),
    ).result()
    note, draft = new_id(), new_id()
    vault.journal_draft(
        note, first, NoteText(WRITTEN, "a & b < c\x0b\ncold", "", "rest"), 3
    ).result()
    vault.sign_note(note, 4).result()
    vault.add_addendum(note, "came back <later>", 5).result()
    vault.journal_draft(draft, second, NoteText("not done"), 6).result()
    vault.roll_draft(draft).result()
    picture = jpeg()
    vault.put_photo(first, picture, jpeg(16), 64, 64, source="page", at_ms=7).result()
    return patient


def no_paint(_copy: object) -> bytes:
    raise AssertionError("FHIR needs no painter")


def sealed_fhir(vault: Vault, patient: bytes, out: Path) -> list[dict[str, Any]]:
    export_record(vault, patient, out, "fhir", FOR_ME, at_ms=AT, paint=no_paint)
    plain = pyrage.decrypt(out.read_bytes(), [ME])
    return [json.loads(line) for line in plain.decode().splitlines()]


def test_the_sealed_file_holds_the_whole_record_of_that_patient_alone(
    place: Place, tmp_path: Path
) -> None:
    vault = place.vault
    patient = fill(vault)
    found = sealed_fhir(vault, patient, tmp_path / "r.age")
    kinds = [resource["resourceType"] for resource in found]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "Practitioner": 1, "Patient": 1, "AllergyIntolerance": 1, "MedicationStatement": 1,
        "Encounter": 2, "Composition": 3, "Binary": 1, "DocumentReference": 1, "Provenance": 1,
    }  # fmt: skip
    said = json.dumps(found)
    assert "metformin 500 mg" in said
    assert "Jaribio" not in said
    assert "TD-8" not in said


def test_every_export_is_a_fact_of_the_log_that_travels(place: Place, tmp_path: Path) -> None:
    vault = place.vault
    patient = fill(vault)
    assert exports_of(vault, patient) == []
    out = tmp_path / "r.age"
    sealed_fhir(vault, patient, out)
    (known,) = exports_of(vault, patient)
    assert (known.at_ms, known.by, known.device) == (
        AT,
        vault.clinician.entity,
        vault.identity.device,
    )
    assert (known.format, known.sealed_for, known.size) == (
        "fhir",
        FOR_ME.recipient,
        out.stat().st_size,
    )
    assert exports_of(vault, new_id()) == []
    assert exports_of(vault) == [known]
    vault.rebuild().result()
    assert exports_of(vault) == [known]
    assert "record.export" in {item.kind for item in vault.sync_items(99)}


def test_what_cannot_be_written_leaves_no_file(place: Place, tmp_path: Path) -> None:
    vault = place.vault
    patient = fill(vault)
    out = tmp_path / "r.age"
    out.write_bytes(b"mine")
    secret = AgeSecret(passphrase=SECRET)
    with pytest.raises(FileExistsError):
        export_record(vault, patient, out, "fhir", secret, at_ms=AT, paint=no_paint)
    assert out.read_bytes() == b"mine"
    with pytest.raises(UnknownRecord):
        export_record(vault, new_id(), tmp_path / "n", "fhir", secret, at_ms=AT, paint=no_paint)
    with pytest.raises(SealingFailed):
        export_record(
            vault, patient, tmp_path / "n", "fhir", AgeSecret(recipient="age1no"), at_ms=AT,
            paint=no_paint,
        )  # fmt: skip
    with pytest.raises(PlaceRefused):
        export_record(
            vault, patient, tmp_path / "pulled" / "r", "fhir", FOR_ME, at_ms=AT, paint=no_paint
        )
    vault.lock()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.age", "vault"]
    assert exports_of(place.unlock()) == []


def test_a_file_that_does_not_get_its_name_leaves_nothing_and_is_in_the_log(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = place.vault
    patient = fill(vault)

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PlaceRefused):
        export_record(vault, patient, tmp_path / "r", "fhir", FOR_ME, at_ms=AT, paint=no_paint)
    assert [path.name for path in tmp_path.iterdir()] == ["vault"]
    # Never the reverse: a file that nobody knows of.
    assert len(exports_of(vault, patient)) == 1


def test_a_photo_that_is_not_here_is_there_as_its_preview_and_that_is_said(place: Place) -> None:
    vault = place.vault
    patient = fill(vault)
    for path in (place.directory.path / "att").rglob("*"):
        if path.is_file():
            path.unlink()
    copy = copy_record(vault, patient, AT)
    assert copy.photos_missing == 1
    (photo,) = (photo for visit in copy.visits for photo in visit.photos)
    assert (photo.whole, photo.jpeg) == (False, jpeg(16))


def test_sealing_for_a_passphrase_and_for_a_recipient() -> None:
    sealed = seal_age(b"words", FOR_ME)
    assert pyrage.decrypt(sealed, [ME]) == b"words"
    with pytest.raises(ExportUnreadable):
        open_age(sealed, SECRET)
    sealed = seal_age(b"words", AgeSecret(passphrase=SECRET))
    with pytest.raises(ExportUnreadable):
        open_age(sealed, PASSPHRASE)
    with pytest.raises(ExportUnreadable):
        open_age(sealed[:-1] + bytes([sealed[-1] ^ 1]), SECRET)
    assert SECRET not in repr(AgeSecret(passphrase=SECRET))


def test_a_busy_moment_neither_weakens_a_seal_nor_keeps_it_shut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pyrage times 4 ms to choose how much work a passphrase costs, and how much it will do."""
    honest = pyrage.passphrase.encrypt(b"words", SECRET)
    weak = re.sub(rb"(scrypt \S+) [0-9]+", rb"\1 11", honest)
    assert (work_factor(weak), work_factor(seal_age(b"x", FOR_ME))) == (11, 0)
    outcomes = [weak, weak, honest, weak]
    monkeypatch.setattr(
        age_file, "pyrage", SimpleNamespace(
            passphrase=SimpleNamespace(encrypt=lambda *_: outcomes.pop(0), decrypt=busy_at_first()),
            DecryptError=pyrage.DecryptError,
        ),
    )  # fmt: skip
    monkeypatch.setattr(age_file, "_ENOUGH_WORK", work_factor(honest))
    assert age_file._seal(age_file._Job(AgeSecret(passphrase=SECRET), b"words")) == honest
    assert outcomes == [weak]
    outcomes[:] = [weak] * 9
    assert age_file._seal(age_file._Job(AgeSecret(passphrase=SECRET), b"words")) == weak
    assert len(outcomes) == 5
    assert open_age(honest, SECRET) == b"words"
    # A file that asks for hours of work is refused, however often it is tried.
    endless = re.sub(rb"(scrypt \S+) [0-9]+", rb"\1 30", honest)
    with pytest.raises(ExportUnreadable):
        open_age(endless, SECRET)


def busy_at_first() -> Callable[[bytes, str], bytes]:
    refusals = ["Excessive work parameter for passphrase."] * 2

    def decrypt(sealed: bytes, _passphrase: str) -> bytes:
        if refusals or work_factor(sealed) > 22:
            raise pyrage.DecryptError(refusals.pop() if refusals else "Excessive work")
        return b"words"

    return decrypt


def test_a_recipient_with_a_typing_error_is_refused() -> None:
    right = FOR_ME.recipient
    assert check_recipient(f" {right.upper()} ") == right
    wrong = right[:20] + ("q" if right[20] != "q" else "p") + right[21:]
    for typed in (wrong, "", "age1", right[:-1], "AGE-SECRET-KEY-1"):
        with pytest.raises(NoSuchRecipient):
            check_recipient(typed)


# ---- as a command --------------------------------------------------------------------------------


@dataclass
class Command:
    """``telemed-desk vault ...`` inside this process."""

    place: Place
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str, typed: str) -> tuple[int, str]:
        """Return the exit code and all that was said."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed + "\n"))
        data = self.place.directory.path.parent
        try:
            code = main(["--data", str(data), "--stdin", *words], data, no_paint)
        except SystemExit as end:
            code = int(str(end.code))
        said = self.capture.readouterr()
        return code, said.out + said.err


@pytest.fixture
def command(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    fill(place.vault)
    place.vault.lock()
    return Command(place, monkeypatch, capsys)


def test_the_command_exports_lists_and_opens(command: Command, tmp_path: Path) -> None:
    """Exported by the program itself, which draws without a window; the rest in this process."""
    out = tmp_path / "out.age"
    done = subprocess.run(
        [
            sys.executable, "-m", "telemed_desk", "vault", "--data", str(tmp_path), "--stdin",
            "export", str(out), "--format", "pdf", "--patient", "td-7",
        ],
        input=f"{PASSPHRASE}\n{SECRET}\n{SECRET}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert NAME not in done.stdout + done.stderr
    _, listed = command.run("exports", typed=PASSPHRASE)
    assert "Dr Asha Mfano: TD-7 as pdf, sealed for passphrase" in listed
    assert command.run("open-export", str(out), str(tmp_path / "no"), typed="x")[0] == 2
    assert command.run("open-export", str(out), str(tmp_path / "yes"), typed=SECRET)[0] == 0
    pdf = (tmp_path / "yes" / "record.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/Image" in pdf


def test_a_command_that_is_not_right_writes_nothing(command: Command, tmp_path: Path) -> None:
    for words, typed, expected in (
        (("--format", "fhir", "--patient", "TD-9"), PASSPHRASE, 3),
        (("--format", "fhir", "--patient", ""), PASSPHRASE, 2),
        (("--format", "fhir", "--patient", "TD-7"), f"{PASSPHRASE}\nshort\nshort", 2),
        (("--format", "fhir", "--patient", "TD-7"), f"{PASSPHRASE}\n{SECRET}\n{SECRET}x", 2),
        (("--format", "fhir", "--patient", "TD-7", "--recipient", "age1x"), PASSPHRASE, 2),
        (("--format", "fhir", "--patient", "TD-7", "--code"), PASSPHRASE, 2),
        (("--patient", "TD-7"), PASSPHRASE, 2),
    ):
        code, said = command.run("export", str(tmp_path / "out.age"), *words, typed=typed)
        assert code == expected, (words, said)
        assert said
        assert [path.name for path in tmp_path.iterdir()] == ["vault"]


# ---- nothing in clear on the disk ----------------------------------------------------------------

CHILD = """
import os, sys
from pathlib import Path
from tests.vault.test_age_export import export_under_watch
export_under_watch(Path(sys.argv[1]), Path(sys.argv[2]), leak=sys.argv[3] == "leak")
"""


def export_under_watch(root: Path, log: Path, *, leak: bool) -> None:
    """In a child with the shim preloaded: every write below ``root`` is recorded."""
    shim = Shim(root)
    directory = VaultDirectory(root / "vault", reserve_bytes=0, guard=TriesGuard())
    vault = directory.unlock(directory.clinicians()[0].entity, PASSPHRASE)
    (patient,) = [p.entity for p in vault.patients() if p.number == "TD-7"]
    shim.record(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND))

    def paint(copy: RecordCopy) -> bytes:
        pdf = record_pdf_without_window(copy)
        if leak:
            (root / "tmp" / "leak").write_bytes(pdf + NAME.encode())
        return pdf

    by_passphrase = AgeSecret(passphrase=SECRET)
    export_record(vault, patient, root / "out.p", "pdf", FOR_ME, at_ms=AT, paint=paint)
    if not leak:
        export_record(vault, patient, root / "out.f", "fhir", by_passphrase, at_ms=AT, paint=paint)
    shim.record(-1)
    vault.lock()


@pytest.mark.parametrize("leak", [False, True], ids=["as it is", "control that leaks"])
def test_nothing_in_clear_is_written_anywhere(place: Place, tmp_path: Path, leak: bool) -> None:
    """Home, temporary files, the vault and the target all lie below one watched folder."""
    fill(place.vault)
    place.vault.lock()
    for name in ("tmp", "home"):
        (tmp_path / name).mkdir()
    outside = tmp_path.with_name(tmp_path.name + "-log")
    outside.mkdir()
    log = outside / "log"
    env = {
        **os.environ,
        "LD_PRELOAD": str(build_shim(outside)),
        "TMPDIR": str(tmp_path / "tmp"),
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), str(log), "leak" if leak else "no"],
        capture_output=True, text=True, timeout=120, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = b"".join(event.data for event in read_events(log))
    canaries = [NAME.encode(), NAME.encode("utf-16-le"), WRITTEN.encode(), b"%PDF", jpeg()[100:140]]
    canaries += [SECRET.encode(), b'"resourceType"']
    assert len(written) > 5_000, "the watch saw nothing"
    assert b"age-encryption.org/v1" in written
    assert any(canary in written for canary in canaries) is leak
    files = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    left = [n for n, data in files.items() if any(canary in data for canary in canaries)]
    assert left == (["leak"] if leak else [])
