"""All records of this PC in plain words, in one sealed file for people and other programs.

Inside is a zip: ``clinic.json``, ``patients.json``, ``consultations.json``, ``notes.json``,
``photos.json``, ``exports.json``, ``photos/<id>.jpg`` and ``ops.ndjson`` (every fact as recorded).
One patient's record as FHIR or PDF: :mod:`telemed_desk.vault.record_export`.
"""

import base64
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.atomic import fsync_directory
from telemed_desk.vault.connection import known_errors
from telemed_desk.vault.oplog import op_of_row
from telemed_desk.vault.passphrase import passphrase_bytes
from telemed_desk.vault.problems import (
    ExportUnreadable,
    PhotoDamaged,
    RecoveryCodeTypo,
    UnknownRecord,
)
from telemed_desk.vault.recovery import from_text
from telemed_desk.vault.row_values import to_other_values, to_words
from telemed_desk.vault.sealed_stream import SealedWriter, SecretKind, SecretOf, read_sealed
from telemed_desk.vault.slots import Argon2Cost
from telemed_desk.vault.vault import Vault
from telemed_protocol.op import encode_op

EXPORT_FORMAT: Final = 1
_TABLES: Final = {
    "clinic.json": (schema.clinic, schema.clinician, schema.device),
    "patients.json": (schema.patient, schema.entry),
    "consultations.json": (schema.consult, schema.claim, schema.urgent, schema.call_box),
    "notes.json": (schema.note, schema.note_rev, schema.addendum),
    "photos.json": (schema.photo,),
    "exports.json": (schema.exported,),
}
_SECRETS: Final = frozenset(
    {"secret", "preview", "thumb", "figures", "allergy_heads", "field_heads", "facts", "signing"}
)
_PACKED: Final = frozenset({"languages", "allergies"})

Progress = Callable[[str, int, int], None]
"""Step, how much of it is done, and of how much."""


def export_vault(
    vault: Vault,
    out: Path,
    secret: bytes,
    kind: SecretKind,
    *,
    progress: Progress | None = None,
    cost: Argon2Cost | None = None,
) -> int:
    """Write a sealed export; return how many photos could not be read and are named in it.

    Raises:
        DiskFull, DiskTrouble: Nothing is left behind.
        FileExistsError: There is a file of that name.
    """
    tell = progress or (lambda _step, _done, _of: None)
    part = out.with_name(out.name + ".part")
    if out.exists():
        raise FileExistsError(out.name)
    with known_errors():
        try:
            with part.open("xb") as file:
                part.chmod(0o600)
                writer = SealedWriter(file, secret, kind, cost)
                missing = _write_zip(vault, writer, tell)
                writer.finish()
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
            fsync_directory(out.resolve().parent)
        finally:
            part.unlink(missing_ok=True)
    return missing


def open_export(path: Path, typed: str, into: Path) -> list[str]:
    """Unpack an export into a new folder; return the names of its files.

    Raises:
        ExportUnreadable: Wrong passphrase or code, or a damaged file.
        FileExistsError: The folder is there already.
    """
    try:
        code: bytes | None = from_text(typed)
    except RecoveryCodeTypo:
        code = None
    with known_errors():
        data = path.read_bytes()
        plain = b"".join(read_sealed(data, SecretOf(passphrase_bytes(typed), code)))
        try:
            with zipfile.ZipFile(io.BytesIO(plain)) as archive:
                names = archive.namelist()
                if not all(_is_plain_name(name) for name in names):
                    raise ExportUnreadable("names")
                into.mkdir(mode=0o700, parents=True)
                archive.extractall(into)  # sealed by us, and its names were looked at
        except zipfile.BadZipFile:
            raise ExportUnreadable("zip") from None
    return names


def _is_plain_name(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= 2 and all(part and part.strip(".") for part in parts) and "\\" not in name


def _write_zip(vault: Vault, writer: SealedWriter, tell: Progress) -> int:
    missing = 0
    with zipfile.ZipFile(cast("IO[bytes]", writer), "w", zipfile.ZIP_DEFLATED) as archive:
        about = {"format": EXPORT_FORMAT, "clinic": (vault.clinic or b"").hex(), "times": "Unix ms"}
        archive.writestr("export.json", json.dumps(about))
        for i, (name, tables) in enumerate(_TABLES.items()):
            tell("records", i, len(_TABLES))
            content = {table.name: _rows(vault, table) for table in tables}
            archive.writestr(name, json.dumps(content, ensure_ascii=False, indent=1))
        photos = _photo_ids(vault)
        for i, photo in enumerate(photos):
            tell("photos", i, len(photos))
            try:
                archive.writestr(f"photos/{photo.hex()}.jpg", vault.read_photo(photo))
            except (PhotoDamaged, UnknownRecord) as error:
                missing += 1
                archive.writestr(f"photos/{photo.hex()}.missing.txt", error.code)
        tell("facts", 0, 1)
        with archive.open("ops.ndjson", "w") as file:
            for line in _op_lines(vault):
                file.write(line)
    return missing


def _rows(vault: Vault, table: sa.Table) -> list[dict[str, Any]]:
    with vault.reading() as connection:
        rows = connection.execute(sa.select(table)).mappings().all()
    return [
        {name: _plain(name, value) for name, value in row.items() if name not in _SECRETS}
        for row in rows
    ]


def _plain(name: str, value: Any) -> Any:
    if name == "also":
        return [
            {"field": also.field, "value": also.value, "by": also.by.hex(), "at_ms": also.at_ms}
            for also in to_other_values(value)
        ]
    if isinstance(value, bytes):
        return list(to_words(value)) if name in _PACKED else value.hex()
    return value


def _photo_ids(vault: Vault) -> list[bytes]:
    with vault.reading() as connection:
        return list(connection.execute(sa.select(schema.photo.c.entity)).scalars())


def _op_lines(vault: Vault) -> Iterator[bytes]:
    c = schema.op.c
    with vault.reading() as connection:
        for row in connection.execute(sa.select(schema.op).order_by(c.device, c.number)).mappings():
            op = op_of_row(row)
            line = {
                "device": op.device.hex(),
                "number": op.number,
                "kind": op.kind,
                "entity": op.entity.hex(),
                "op": base64.b64encode(encode_op(op)).decode(),
            }
            yield json.dumps(line).encode() + b"\n"
