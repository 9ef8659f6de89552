"""One patient's record for people and other programs: FHIR R4 or PDF, sealed in the age format.

The plain record is never on a disk: it is put together in memory, sealed there, and only the sealed
bytes are written. Each export is a fact of the log, recorded before the file gets its name: who, when,
whose record, in what form, sealed for whom, and the file's hash. It travels to every PC of the clinic.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa

from telemed_desk.clinical.entries import Entry, EntryKind
from telemed_desk.clinical.fhir import to_ndjson
from telemed_desk.clinical.notes import Note
from telemed_desk.clinical.people import Clinician
from telemed_desk.clinical.record_copy import (
    CopiedAddendum,
    CopiedNote,
    CopiedPhoto,
    CopiedVisit,
    RecordCopy,
)
from telemed_desk.vault import schema
from telemed_desk.vault.age_file import AGE_START, AgeSecret, open_age, seal_age
from telemed_desk.vault.atomic import fsync_directory
from telemed_desk.vault.connection import known_errors
from telemed_desk.vault.problems import PhotoDamaged, UnknownRecord
from telemed_desk.vault.values import OpDraft, Photo
from telemed_desk.vault.vault import Vault
from telemed_protocol.errors import KnownError
from telemed_protocol.ids import new_id

Format = Literal["fhir", "pdf"]


class PlaceRefused(KnownError):
    """The place that was chosen for the file does not take it."""

    code = "TD-EXP-004"
    sentence = "The sealed record could not be written to that place. Nothing was left there."
    next_step = "Choose another place: this one may be full, locked, or was pulled out."


SUFFIX: Final[dict[Format, str]] = {"fhir": ".ndjson.age", "pdf": ".pdf.age"}
Paint = Callable[[RecordCopy], bytes]
"""Draws a record as a PDF, in memory."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    path: Path
    size: int
    photos_missing: int


@dataclass(frozen=True, slots=True)
class PastExport:
    """An export as the log knows it. ``at_ms`` is Unix ms UTC, ``by`` who did it."""

    patient: bytes
    at_ms: int
    by: bytes
    device: bytes
    format: str
    sealed_for: str
    sha256: bytes = field(repr=False)
    size: int


def copy_record(vault: Vault, patient: bytes, at_ms: int) -> RecordCopy:
    """Read all of a patient's record; megabytes with its photos. Any thread but the GUI's.

    Raises:
        UnknownRecord: The patient is not on this PC.
        VaultLocked, VaultDamaged: As they say.
    """
    known = vault.patient(patient)
    if known is None:
        raise UnknownRecord("patient")
    visits = tuple(
        CopiedVisit(
            consultation,
            tuple(_note(vault, note) for note in vault.notes_of(consultation.entity)),
            tuple(_photo(vault, photo) for photo in vault.photos_of(consultation.entity)),
        )
        for consultation in reversed(vault.consultations_of(patient))
    )
    clinic = vault.clinic_profile()
    clinicians: dict[bytes, Clinician] = {who.entity: who for who in vault.clinicians()}
    clinicians.setdefault(vault.clinician.entity, vault.clinician)
    return RecordCopy(
        known,
        tuple(entry.what for entry in _standing(vault, patient, EntryKind.ALLERGY)),
        tuple(entry.what for entry in _standing(vault, patient, EntryKind.MEDICINE)),
        visits,
        clinicians,
        vault.clinic or b"",
        clinic.name if clinic is not None else "",
        clinic.phone if clinic is not None else "",
        at_ms,
        vault.clinician.entity,
    )


def _standing(vault: Vault, patient: bytes, kind: EntryKind) -> list[Entry]:
    return [entry for entry in vault.entries_of(patient, kind) if entry.gone is None]


def _note(vault: Vault, note: Note) -> CopiedNote:
    if note.is_signed:
        added = tuple(
            CopiedAddendum(addendum.author, addendum.at_ms, addendum.text, addendum.fits)
            for addendum in vault.addenda_of(note.entity)
        )
        return CopiedNote(note, (note.text,), added)
    if note.leaves <= 1:
        return CopiedNote(note, (note.text,))
    return CopiedNote(note, tuple(version.text for version in vault.note_versions(note.entity)))


def _photo(vault: Vault, photo: Photo) -> CopiedPhoto:
    try:
        return CopiedPhoto(photo.entity, photo.at_ms, vault.read_photo(photo.entity))
    except (UnknownRecord, PhotoDamaged):
        return CopiedPhoto(photo.entity, photo.at_ms, photo.preview, whole=False)


def export_record(
    vault: Vault,
    patient: bytes,
    out: Path,
    form: Format,
    secret: AgeSecret,
    *,
    at_ms: int,
    paint: Paint,
) -> Exported:
    """Write one patient's record, sealed, and record that this was done.

    Args:
        vault: Unlocked.
        patient: Whose record.
        out: The file; it must not exist.
        form: FHIR, or PDF.
        secret: Whom it is sealed for.
        at_ms: Now.
        paint: Draws the PDF.

    Raises:
        FileExistsError: There is a file of that name; nothing was written.
        UnknownRecord: The patient is not on this PC.
        SealingFailed, PlaceRefused: Nothing is left behind.
        DiskFull, NotesOnly, VaultLocked: It could not be recorded, so it was not written.
    """
    if out.exists():
        raise FileExistsError(out.name)
    copy = copy_record(vault, patient, at_ms)
    sealed = seal_age(to_ndjson(copy) if form == "fhir" else paint(copy), secret)
    fact = OpDraft(
        "record.export",
        new_id(),
        {
            "patient": patient,
            "at_ms": at_ms,
            "format": form,
            "sealed_for": secret.sealed_for,
            "sha256": hashlib.sha256(sealed).digest(),
            "size": len(sealed),
        },
    )
    part = out.with_name(f"{out.name}.{secrets.token_hex(4)}.part")
    # The place may be a stick: what is wrong with it says nothing of this PC's own disk.
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        # Recorded first: there may be a record of a file that never came to be, never the reverse.
        vault.commit(fact).result()
        part.replace(out)
        fsync_directory(out.resolve().parent)
    except OSError as error:
        raise PlaceRefused(f"errno {error.errno}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return Exported(out, len(sealed), copy.photos_missing)


def is_age(path: Path) -> bool:
    """Whether a file is one in the age format.

    Raises:
        DiskTrouble: It cannot be read.
    """
    with known_errors(), path.open("rb") as file:
        return file.read(len(AGE_START)) == AGE_START


def open_record(path: Path, passphrase: str, into: Path) -> str:
    """Write what is sealed for a passphrase into a new folder, in clear; return the file's name.

    Raises:
        ExportUnreadable: Another passphrase, sealed for a recipient, or damaged.
        FileExistsError: The folder is there already.
    """
    with known_errors():
        plain = open_age(path.read_bytes(), passphrase)
    name = "record.pdf" if plain.startswith(b"%PDF") else "record.ndjson"
    into.mkdir(mode=0o700, parents=True)
    with known_errors():
        (into / name).write_bytes(plain)
    return name


def exports_of(vault: Vault, patient: bytes | None = None) -> list[PastExport]:
    """Return who exported a patient's record, newest first; None = anybody's."""
    c = schema.exported.c
    wanted = sa.select(schema.exported).order_by(c.at_ms.desc(), c.entity)
    if patient is not None:
        wanted = wanted.where(c.patient == patient)
    with vault.reading() as connection:
        return [
            PastExport(
                row.patient,
                row.at_ms,
                row.actor,
                row.device,
                row.format,
                row.sealed_for,
                row.sha256,
                row.size,
            )
            for row in connection.execute(wanted)
        ]
