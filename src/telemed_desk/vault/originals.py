"""The photos' own files on their way to the server and back. ``sync/ports.py``, ``OriginalStore``.

What travels is the sealed file byte for byte; the key is in the ``photo.add`` op and nowhere else.
Each method blocks; call them off the event loop, never from a vault listener.
"""

import hashlib
from typing import Any, Final

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.connection import known_errors
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.problems import UnknownRecord
from telemed_desk.vault.values import Change
from telemed_desk.vault.writer import Transaction
from telemed_protocol.attachments import PART_BYTES
from telemed_protocol.progress import Original

_AT_ONCE: Final = 200


class VaultOriginals(VaultCore):
    """Files of photos, as sync sees them."""

    def look_for_originals(self) -> int:
        """Note the files that no table knows of; return how many those were.

        They are of an earlier version, or their row was lost with a damaged page.
        """
        p = schema.photo.c
        known = sa.select(schema.original.c.entity)
        with self._read() as connection:
            unknown = connection.execute(
                sa.select(p.entity).where(p.entity.not_in(known))
            ).scalars()
            found = [photo for photo in unknown if self._attachments.has(photo)]

        def job(transaction: Transaction) -> None:
            for photo in found:
                self._note_original(transaction, photo)

        if found:
            self._writer.submit(job).result()
        return len(found)

    def originals_waiting(self) -> list[Original]:
        """Return what the server may not have, oldest photo first; nothing while sending is held."""
        if self.push_held is not None:
            return []
        c, p = schema.original.c, schema.photo.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(c.entity, c.size)
                .join(schema.photo, p.entity == c.entity)
                .where(c.stored_ms.is_(None))
                .order_by(p.at_ms, c.entity)
                .limit(_AT_ONCE)
            )
            return [Original(row.entity, row.size) for row in rows]

    def sealed_original(self, photo: bytes) -> tuple[int, bytes]:
        """Return size and SHA-256 of the sealed file, after seeing that it opens.

        Raises:
            UnknownRecord: The record or the file is not here.
            PhotoDamaged: The file is not what the record says; it is not passed on.
        """
        row = self._photo(photo)
        with known_errors():
            self._attachments.get(photo, row["secret"], row["sha256"])
            sealed = self._attachments.sealed(photo)
        return len(sealed), hashlib.sha256(sealed).digest()

    def original_part(self, photo: bytes, part: int) -> bytes:
        """Return a part of the sealed file.

        Raises:
            UnknownRecord: The file is not here.
        """
        with known_errors():
            return self._attachments.sealed(photo, part * PART_BYTES, PART_BYTES)

    def original_stored(self, photo: bytes, at_ms: int) -> None:
        """Note that the server has every part durably; repeating it changes nothing."""
        c = schema.original.c

        def job(transaction: Transaction) -> None:
            done = transaction.connection.execute(
                sa.update(schema.original)
                .where(c.entity == photo, c.stored_ms.is_(None))
                .values(stored_ms=at_ms)
            )
            if done.rowcount:
                transaction.changes.add(Change("original", photo))

        self._writer.submit(job).result()

    def keep_original(self, photo: bytes, sealed: bytes, at_ms: int) -> None:
        """Keep a file that came from the server, if it is the photo that the record names.

        Raises:
            UnknownRecord: The record is not here.
            PhotoForged: It is not that photo; nothing was written.
            NoRoomForPhotos, NotesOnly: What space is left is for notes.
        """
        row = self._photo(photo)
        self.check_room_for_photo()
        with known_errors():
            self._attachments.keep(photo, row["secret"], row["sha256"], sealed)

        def job(transaction: Transaction) -> None:
            self._note_original(transaction, photo, at_ms)

        self._writer.submit(job).result()

    def _note_original(
        self, transaction: Transaction, photo: bytes, stored_ms: int | None = None
    ) -> None:
        size = self._attachments.size_of(photo)
        transaction.connection.execute(
            sa.insert(schema.original)
            .prefix_with("OR REPLACE")
            .values(entity=photo, size=size or 0, stored_ms=stored_ms)
        )
        transaction.changes.add(Change("original", photo))

    def _photo(self, photo: bytes) -> Any:
        with self._read() as connection:
            row = (
                connection.execute(
                    sa.select(schema.photo.c.secret, schema.photo.c.sha256).where(
                        schema.photo.c.entity == photo
                    )
                )
                .mappings()
                .first()
            )
        if row is None:
            raise UnknownRecord("photo")
        return row
