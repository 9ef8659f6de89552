"""Allergies, medicines and fields of a patient: reading them, and writing them so that none is lost.

Reading: any thread, milliseconds. What a change was written over is what its author saw, so callers
hand in what was on the screen and not what is stored by now.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

import msgspec
import sqlalchemy as sa

from telemed_desk.clinical.entries import Entry, EntryKind, TakenOff
from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.row_values import to_other_values
from telemed_desk.vault.values import OpDraft, OtherValue
from telemed_protocol.op import Op, OpId

_facts = msgspec.msgpack.Decoder(tuple[tuple[bytes, int], ...])
_heads = msgspec.msgpack.Decoder(dict[str, tuple[OpId, ...]])
_op_ids = msgspec.msgpack.Decoder(tuple[OpId, ...])


class VaultPatients(VaultCore):
    """A patient's own record."""

    @abstractmethod
    def commit(self, *drafts: OpDraft) -> "Future[list[Op]]":
        """Record facts in one transaction."""

    def entries_of(self, patient: bytes, kind: EntryKind) -> list[Entry]:
        """Return a patient's allergies or medicines: what stands first, then what was taken off."""
        c = schema.entry.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.entry)
                .where(c.entity == patient, c.kind == kind.value)
                .order_by(c.place)
            ).all()
        return [
            Entry(
                row.what,
                _facts.decode(row.facts),
                row.actor,
                row.at_ms,
                bool(row.beside),
                None
                if row.gone_by is None
                else TakenOff(frozenset(), row.gone_by, row.gone_ms, row.gone_reason),
            )
            for row in rows
        ]

    def other_values_of(self, patient: bytes) -> list[OtherValue]:
        """Return the values of fields that have more than one, oldest first, the shown one last."""
        c = schema.patient.c
        with self._read() as connection:
            packed = connection.execute(sa.select(c.also).where(c.entity == patient)).scalar()
        return [] if packed is None else to_other_values(packed)

    def open_values_of(self, patient: bytes) -> dict[str, tuple[OpId, ...]]:
        """Return, by field, the facts that its shown value stands for: what a change is made over."""
        with self._read() as connection:
            return field_heads(connection, patient)

    def change_patient(
        self,
        patient: bytes,
        fields: Mapping[str, Any],
        seen: Mapping[str, tuple[OpId, ...]],
    ) -> "Future[list[Op]]":
        """Record new values of fields, made over those that ``seen`` names (:meth:`open_values_of`)."""
        parents = {parent: None for name in fields for parent in seen.get(name, ())}
        payload = {**fields, "seen": True}
        return self.commit(OpDraft("patient.set", patient, payload, parents=tuple(parents)))

    def add_entry(
        self,
        patient: bytes,
        kind: EntryKind,
        what: str,
        at_ms: int,
        instead_of: Entry | None = None,
    ) -> "Future[list[Op]]":
        """Record an allergy or a medicine, or other words for one that stands."""
        payload: dict[str, Any] = {"what": what, "at_ms": at_ms}
        if instead_of is not None:
            payload["instead_of"] = instead_of.what
        parents = _named(instead_of)
        return self.commit(OpDraft(f"{kind.value}.add", patient, payload, parents=parents))

    def take_off_entry(
        self, patient: bytes, kind: EntryKind, entry: Entry, at_ms: int, reason: str = ""
    ) -> "Future[list[Op]]":
        """Take an entry off, as it stood on the screen: what others added meanwhile stays."""
        payload = {"what": entry.what, "at_ms": at_ms, "reason": reason}
        return self.commit(OpDraft(f"{kind.value}.drop", patient, payload, parents=_named(entry)))


def _named(entry: Entry | None) -> tuple[OpId, ...]:
    return () if entry is None else tuple(OpId(*fact) for fact in entry.facts)


def field_heads(connection: sa.Connection, patient: bytes) -> dict[str, tuple[OpId, ...]]:
    """Return the open values of each field of a patient."""
    c = schema.patient.c
    packed = connection.execute(sa.select(c.field_heads).where(c.entity == patient)).scalar()
    return {} if packed is None else _heads.decode(packed)


def shown_now(connection: sa.Connection, patient: bytes, names: Iterable[str]) -> tuple[OpId, ...]:
    """Return what a change of some fields is made over when its author saw all that is stored."""
    heads = field_heads(connection, patient)
    found = {op_id: None for name in names for op_id in heads.get(name, ())}
    if "allergies" in names:
        c = schema.patient.c
        packed = connection.execute(sa.select(c.allergy_heads).where(c.entity == patient)).scalar()
        if packed is not None:
            found |= dict.fromkeys(_op_ids.decode(packed))
    return tuple(found)
