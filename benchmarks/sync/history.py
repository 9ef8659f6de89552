"""What a made-up clinic recorded: notes to upload, and years of visits for a new PC to fetch.

Everything is drawn from a seed; sentences are those that the dictionary has never seen.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from benchmarks.notes_text import HELD_OUT, note
from telemed_desk.vault import OpDraft
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import OP_VERSION, READER_VERSION, Lane, Op, OpId, pack_payload
from telemed_protocol.segment import (
    COMPRESSION_DICTIONARY,
    GENESIS_HASH,
    SegmentHeader,
    seal_segment,
)

DAY_MS: Final = 86_400_000
VISITS_A_DAY: Final = 20
NEW_PATIENT: Final = 0.25
"""One visit in four is somebody's first."""
NEWEST_DAYS: Final = 30


def note_drafts(rng: random.Random, count: int, at_ms: int) -> Iterator[OpDraft]:
    """Notes as the vault records them: one revision each, of consultations as random as real ids."""
    for n in range(count):
        text = note(rng, HELD_OUT)
        payload = {"consultation": rng.randbytes(16), **text, "at_ms": at_ms + n}
        yield OpDraft("note.revise", rng.randbytes(16), payload)


@dataclass
class ClinicHistory:
    """One desk's sealed years: each fact sealed when it was recorded, as on a line that is up.

    Args:
        identity: The desk.
        clinic: Its clinic.
        key: Of epoch 0.
        clinician: Who wrote.
        seed: Of everything random.
    """

    identity: DeviceIdentity
    clinic: bytes
    key: bytes
    clinician: bytes
    seed: int = 5
    patients: list[bytes] = field(default_factory=list)
    _number: int = 0
    _heads: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def wires(self, visits: int, end_ms: int) -> Iterator[bytes]:
        """Yield sealed segments in the order of the log, the last visit just before ``end_ms``."""
        rng = random.Random(self.seed)
        days = visits / VISITS_A_DAY
        for n in range(visits):
            at_ms = end_ms - int((days - n / VISITS_A_DAY) * DAY_MS)
            yield from self._visit(rng, at_ms)

    def _visit(self, rng: random.Random, at_ms: int) -> Iterator[bytes]:
        consultation, entity = rng.randbytes(16), rng.randbytes(16)
        booked: list[Op] = []
        if not self.patients or rng.random() < NEW_PATIENT:
            self.patients.append(rng.randbytes(16))
            booked.append(self._op("patient.set", self.patients[-1], at_ms, _person(rng)))
            patient = self.patients[-1]
        else:
            patient = rng.choice(self.patients)
        booking: dict[str, object] = {
            "patient": patient,
            "programme": rng.choice(("home", "pall", "derm", "onco", "mind", "rout", "spec")),
            "way": "video",
            "booked_ms": at_ms,
            "minutes": 20,
            "clinician": self.clinician,
            "reason": "",
        }
        booked.append(self._op("consult.book", consultation, at_ms, booking))
        yield self._seal(Lane.PATIENTS, booked)
        link = {"jti": rng.randbytes(16), "secret": rng.randbytes(16), "expires_ms": at_ms + DAY_MS}
        yield self._alone(Lane.QUEUE, "link.make", consultation, at_ms, link)
        for minute, state in ((2, "waiting"), (4, "in-call")):
            yield self._state(consultation, at_ms + minute * 60_000, state)
        consent = {"at_ms": at_ms, "photos": True, "by": "patient", "language": "sw"}
        seen = {"at_ms": at_ms, "ok": True, "said_by": "clinician"}
        yield self._seal(
            Lane.PATIENTS,
            [
                self._op("consult.consent", consultation, at_ms, consent),
                self._op("consult.identity", consultation, at_ms, seen),
            ],
        )
        parents: tuple[OpId, ...] = ()
        for _ in range(2):
            text: dict[str, object] = {
                "consultation": consultation,
                **note(rng, HELD_OUT),
                "at_ms": at_ms,
            }
            op = self._op("note.revise", entity, at_ms, text, parents)
            parents = (op.op_id,)
            yield self._seal(Lane.NOTES, [op])
        for minute, state in ((20, "writing"), (25, "signed")):
            yield self._state(consultation, at_ms + minute * 60_000, state)

    def _state(self, consultation: bytes, at_ms: int, state: str) -> bytes:
        payload: dict[str, object] = {"state": state, "at_ms": at_ms}
        return self._alone(Lane.QUEUE, "consult.state", consultation, at_ms, payload)

    def _alone(
        self, lane: int, kind: str, entity: bytes, at_ms: int, payload: dict[str, object]
    ) -> bytes:
        return self._seal(lane, [self._op(kind, entity, at_ms, payload)])

    def _op(
        self,
        kind: str,
        entity: bytes,
        at_ms: int,
        payload: dict[str, object],
        parents: tuple[OpId, ...] = (),
    ) -> Op:
        self._number += 1
        return Op(
            *(OP_VERSION, self.identity.device, self._number, at_ms << 16, self.clinician),
            *(kind, READER_VERSION, entity, parents, pack_payload(payload)),
        )

    def _seal(self, lane: int, ops: list[Op]) -> bytes:
        n, prev_hash = self._heads.get(lane, (0, GENESIS_HASH))
        header = SegmentHeader(
            *(self.clinic, self.identity.device, lane, n + 1, prev_hash, 0),
            *(COMPRESSION_DICTIONARY, len(ops), 0, 0, GENESIS_HASH),
        )
        segment = seal_segment(header, tuple(ops), self.key, self.identity)
        self._heads[lane] = n + 1, segment.hash
        return segment.wire


def _person(rng: random.Random) -> dict[str, object]:
    return {
        "given_name": rng.choice(("Amina", "Juma", "Neema", "Baraka", "Grace", "Hassan")),
        "family_name": rng.choice(("Mfano", "Kielelezo", "Jaribio")),
        "number": f"TD-{rng.randint(0, 999_999):06}",
        "year_of_birth": rng.randint(1940, 2025),
        "sex": rng.choice("FMOU"),
        "phone": f"+254 700 000 {rng.randint(0, 999):03}",
        "languages": ["sw", "en"],
    }
