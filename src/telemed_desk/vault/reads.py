"""What the screens ask: any thread, milliseconds, each a consistent view."""

from typing import Any

import sqlalchemy as sa

from telemed_desk.clinical.call_record import CallTrace
from telemed_desk.clinical.consultations import Consultation, ConsultationState
from telemed_desk.clinical.notes import Note, NoteText
from telemed_desk.clinical.people import Clinician, Patient
from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.drafts import Drafts, head_of, shown_text
from telemed_desk.vault.log_gap import unread
from telemed_desk.vault.payloads import KINDS
from telemed_desk.vault.row_values import (
    SECTIONS,
    to_blobs,
    to_call_trace,
    to_clinician,
    to_consultation,
    to_link,
    to_note,
    to_patient,
    to_text,
)
from telemed_desk.vault.settings import read_setting
from telemed_desk.vault.values import (
    ClinicProfile,
    Invitation,
    OpenLink,
    Photo,
    RecoveredDraft,
)
from telemed_protocol.clock import COUNTER_BITS

_FINISHED = (ConsultationState.SIGNED, ConsultationState.CANCELLED)


class VaultReads(VaultCore):
    """Reading half of the vault."""

    _drafts: Drafts

    def today(self, day_start_ms: int, day_end_ms: int) -> list[tuple[Consultation, Patient]]:
        """Return what is booked from start up to, not including, end; by time."""
        c = schema.consult.c
        return self._with_patients(
            sa.and_(c.booked_ms >= day_start_ms, c.booked_ms < day_end_ms), c.booked_ms, c.entity
        )

    def open_consultations(self) -> list[tuple[Consultation, Patient]]:
        """Return those that are waiting, in a call or still being written, of any day."""
        c = schema.consult.c
        # Literals, so that SQLite can prove that the partial index fits.
        some = sa.text("consult.state IN ('waiting', 'in-call', 'writing')")
        return self._with_patients(some, c.booked_ms, c.entity)

    def consultations_of(self, patient: bytes) -> list[Consultation]:
        """Return a patient's consultations, newest first."""
        c = schema.consult.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.consult).where(c.patient == patient).order_by(c.booked_ms.desc())
            ).mappings()
            return [to_consultation(row) for row in rows]

    def consultation(self, entity: bytes) -> Consultation | None:
        """Return a consultation, or None while it is not on this PC."""
        row = self._one(schema.consult, entity)
        return None if row is None else to_consultation(row)

    def identity_of(self, consultation: bytes) -> bool | None:
        """Return whether the person was who they should be; None before anybody checked."""
        row = self._one(schema.consult, consultation)
        return None if row is None or row["identity_ok"] is None else bool(row["identity_ok"])

    def urgent_reasons(self) -> dict[bytes, str]:
        """Return why consultations are flagged urgent, by consultation."""
        with self._read() as connection:
            rows = connection.execute(sa.select(schema.urgent.c.entity, schema.urgent.c.reason))
            return {row.entity: row.reason for row in rows}

    def patient(self, entity: bytes) -> Patient | None:
        """Return a patient, or None while they are not on this PC."""
        with self._read() as connection:
            found = sa.select(schema.patient).where(schema.patient.c.entity == entity)
            row = connection.execute(found).mappings().first()
            incomplete = unread(connection) > 0
        return None if row is None else to_patient(row, incomplete=incomplete)

    def patients(self, limit: int = 1000) -> list[Patient]:
        """Return patients by family name."""
        c = schema.patient.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.patient).order_by(c.family_name, c.given_name).limit(limit)
            ).mappings()
            return [to_patient(row) for row in rows]

    def clinicians(self) -> list[Clinician]:
        """Return the clinic's clinicians by name."""
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.clinician).order_by(schema.clinician.c.name)
            ).mappings()
            return [to_clinician(row) for row in rows]

    def clinician_of(self, entity: bytes) -> Clinician | None:
        """Return one clinician."""
        row = self._one(schema.clinician, entity)
        return None if row is None else to_clinician(row)

    def clinic_profile(self) -> ClinicProfile | None:
        """Return the clinic's name and phone, or None before they are known."""
        with self._read() as connection:
            row = connection.execute(
                sa.select(schema.clinic).order_by(schema.clinic.c.entity != (self.clinic or b""))
            ).first()
        return None if row is None else ClinicProfile(row.entity, row.name, row.phone)

    def device_labels(self) -> dict[bytes, str]:
        """Return what the clinic calls its PCs, by device."""
        with self._read() as connection:
            rows = connection.execute(sa.select(schema.device.c.entity, schema.device.c.label))
            return {row.entity: row.label for row in rows}

    def newest_entry_ms(self, device: bytes) -> int | None:
        """Return when the newest entry that is here was recorded on a PC; None when none is."""
        c = schema.op.c
        with self._read() as connection:
            stamp = connection.execute(
                sa.select(c.stamp).where(c.device == device).order_by(c.number.desc()).limit(1)
            ).scalar()
        return None if stamp is None else stamp >> COUNTER_BITS

    def invitations(self, now_ms: int, epoch: int = 0) -> list[Invitation]:
        """Return codes by which a further PC may still be added.

        Not those that travelled under a key of before ``epoch``: who was removed since knows them.
        """
        c, o, s = schema.invitation.c, schema.op.c, schema.segment.c
        known = sa.exists().where(
            *(o.device == c.device, o.number == c.number),
            *(s.device == o.device, s.lane == o.lane, s.n == o.segment_n, s.epoch < epoch),
        )
        with self._read() as connection:
            rows = connection.execute(
                sa.select(c.secret, c.expires_ms).where(c.expires_ms > now_ms, ~known)
            )
            return [Invitation(secret, expires_ms) for secret, expires_ms in rows]

    def note(self, entity: bytes) -> Note | None:
        """Return a note as last committed."""
        row = self._one(schema.note, entity)
        return None if row is None else to_note(row)

    def note_of(self, consultation: bytes) -> Note | None:
        """Return the note of a consultation: the signed one, else the one begun first."""
        found = self.notes_of(consultation)
        return found[0] if found else None

    def notes_of(self, consultation: bytes) -> list[Note]:
        """Return all notes of a consultation: more than one when two PCs began one each."""
        c = schema.note.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.note)
                .where(c.consultation == consultation)
                .order_by(c.signed_ms.is_(None), c.first_stamp, c.entity)
            ).mappings()
            return [to_note(row) for row in rows]

    def notes_signed(self, limit: int = 100) -> list[Note]:
        """Return signed notes, newest signature first."""
        c = schema.note.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.note)
                .where(c.signed_ms.is_not(None))
                .order_by(c.signed_ms.desc())
                .limit(limit)
            ).mappings()
            return [to_note(row) for row in rows]

    def signature_is_known(self, note: bytes) -> bool | None:
        """Return whether a note was signed with a key its signer is known by; None if unsigned.

        That the signature fits the text was checked before the note counted as signed.
        """
        row = self._one(schema.note, note)
        if row is None or row["signed_ms"] is None:
            return None
        return self.knows_signing_key(row["signer"], row["signing_key"])

    def knows_signing_key(self, clinician: bytes, public: bytes) -> bool:
        """Return whether a clinician is known by a public key."""
        row = self._one(schema.clinician, clinician)
        return row is not None and public in to_blobs(row["signing"])

    def note_text(self, note: bytes) -> NoteText:
        """Return the text for the editor, unrolled draft included; empty for a new note.

        Call it when an editor opens or refreshes: what is typed from now on builds on this text.
        For display alone use :meth:`note_of`.
        """
        journal = schema.draft_journal
        with self._read() as connection:
            draft = (
                connection.execute(sa.select(journal).where(journal.c.note == note))
                .mappings()
                .first()
            )
            if draft is not None:
                return to_text(draft)
            base = head_of(connection, note)
            text = shown_text(connection, note)
        self._drafts.opened(note, base)
        return text

    def recovered_drafts(self) -> list[RecoveredDraft]:
        """Return text that is in the journal and not in a revision.

        Right after unlocking that is what the last run did not get to roll.
        """
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.draft_journal).order_by(schema.draft_journal.c.at_ms)
            ).mappings()
            return [
                RecoveredDraft(
                    row["note"],
                    row["consultation"],
                    row["at_ms"],
                    sum(len(row[name]) for name in SECTIONS),
                )
                for row in rows
            ]

    def photos_of(self, consultation: bytes) -> list[Photo]:
        """Return the photos of a consultation, oldest first."""
        c = schema.photo.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.photo)
                .where(c.consultation == consultation)
                .order_by(c.at_ms, c.entity)
            ).all()
        return [
            Photo(
                row.entity,
                row.consultation,
                row.at_ms,
                row.width,
                row.height,
                row.source,
                row.preview,
                self._attachments.has(row.entity),
                row.thumb,
            )
            for row in rows
        ]

    def call_traces_of(self, consultation: bytes) -> list[CallTrace]:
        """Return the figures of a consultation's calls, in order."""
        c = schema.call_box.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.call_box)
                .where(c.consultation == consultation)
                .order_by(c.began_ms, c.part, c.entity)
            ).mappings()
            return [to_call_trace(row) for row in rows]

    def link_by_jti_hash(self, jti_hash: bytes) -> OpenLink | None:
        """Return a link by what the server knows of it, also when it has expired."""
        c = schema.link.c
        with self._read() as connection:
            row = connection.execute(sa.select(schema.link).where(c.jti_hash == jti_hash)).first()
        return None if row is None else to_link(row)

    def links_open(self, now_ms: int | None = None) -> list[OpenLink]:
        """Return links that have not expired, of consultations that are not finished."""
        c = schema.link.c
        finished = [state.value for state in _FINISHED]
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.link)
                .join(schema.consult, schema.consult.c.entity == c.entity)
                .where(
                    c.expires_ms > (self._wall_ms() if now_ms is None else now_ms),
                    schema.consult.c.state.not_in(finished),
                )
                .order_by(c.expires_ms, c.jti)
            ).all()
        return [to_link(row) for row in rows]

    def setting(self, key: str) -> bytes | None:
        """Return a stored setting of this PC."""
        with self._read() as connection:
            return read_setting(connection, key)

    def unread_ops(self) -> int:
        """Return how many ops this version keeps but cannot read: from a newer one."""
        kinds = sorted(KINDS)
        with self._read() as connection:
            return connection.execute(
                sa.select(sa.func.count()).where(schema.op.c.kind.not_in(kinds))
            ).scalar_one()

    def _one(self, table: sa.Table, entity: bytes) -> Any:
        with self._read() as connection:
            return (
                connection.execute(sa.select(table).where(table.c.entity == entity))
                .mappings()
                .first()
            )

    def _with_patients(
        self, which: sa.ColumnElement[bool] | sa.TextClause, *order: sa.ColumnElement[Any]
    ) -> list[tuple[Consultation, Patient]]:
        with self._read() as connection:
            found = connection.execute(
                sa.select(schema.consult).where(which).order_by(*order)
            ).mappings()
            consultations = [to_consultation(row) for row in found]
            incomplete = unread(connection) > 0
            patients: dict[bytes, Patient] = {}
            wanted = sorted({c.patient for c in consultations})
            for start in range(0, len(wanted), 500):
                rows = connection.execute(
                    sa.select(schema.patient).where(
                        schema.patient.c.entity.in_(wanted[start : start + 500])
                    )
                ).mappings()
                patients |= {row["entity"]: to_patient(row, incomplete=incomplete) for row in rows}
        # A patient who has not arrived by sync yet must not hide the consultation.
        return [
            (
                c,
                patients.get(c.patient) or Patient(c.patient, "", "", "", 0, incomplete=incomplete),
            )
            for c in consultations
        ]
