"""Taking a visit with a real vault: by telephone without a link, lost, told once, taken over."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telemed_desk.clinical.claims import Outcome, holder_of
from telemed_desk.clinical.consultations import ConsultationState, Way
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Waiting
from telemed_desk.vault import OpDraft
from telemed_desk.workflow.claiming import TOLD_FOR_MS, Claiming, holders, lost_visits
from telemed_desk.workflow.day import read_records
from telemed_desk.workflow.visit import Visit
from telemed_protocol.ids import new_id
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, pack_payload
from tests.vault.test_vault_claims import pull, seal_own
from tests.vault.vault_kit import Place, booking, make_place, patient_set
from tests.workflow.test_need_path import Around

THEM, THEIR_PC = b"t" * 16, b"B" * 16


@dataclass
class Room:
    """A vault with a booked visit, and the doctor before it."""

    place: Place
    visit: bytes = field(default_factory=new_id)
    patient: bytes = field(default_factory=new_id)
    opened: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        vault, now = self.place.vault, self.place.clock
        vault.commit(
            patient_set(self.patient, given_name="Jua", family_name="Mfano"),
            booking(self.visit, self.patient, now.now_ms),
            OpDraft("clinician.set", THEM, {"name": "Dr Brian Mfano"}),
            OpDraft("device.set", THEIR_PC, {"label": "Tablet 2"}),
        ).result(30)
        self.claiming = Claiming(
            vault, lambda: read_records(vault, now()).holders, now, self.opened.append
        )

    def theirs(self, number: int = 1) -> Op:
        at_ms = self.place.clock.now_ms + 60_000
        op = Op(
            OP_VERSION, THEIR_PC, number, number << 16, THEM, "consult.claim", READER_VERSION,
            self.visit, (), pack_payload({"at_ms": at_ms}),
        )  # fmt: skip
        pull(self.place.vault, op)
        return op


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    place = make_place(tmp_path / "vault")
    yield Room(place)
    place.close()


def test_a_visit_by_telephone_is_taken_and_its_note_opens_without_a_link(room: Room) -> None:
    room.claiming.take_by_phone(room.visit)
    vault, now = room.place.vault, room.place.clock()
    vault.commit(patient_set(room.patient, remarks="x")).result(30)  # the queue is in order
    assert room.opened == [room.visit]
    found = vault.consultation(room.visit)
    assert found is not None
    assert (found.state, found.way) == (ConsultationState.WRITING, Way.PHONE)
    held = holders(vault, [room.visit])[room.visit]
    assert (held.mine, held.tentative) == (True, True)
    assert room.claiming.drafts(room.visit) == [], "what one has is not taken again"
    assert read_records(vault, now).lost == ()


def test_a_lost_visit_is_told_until_it_was_read(room: Room) -> None:
    vault = room.place.vault
    room.claiming.take_by_phone(room.visit)
    vault.commit(patient_set(room.patient, remarks="x")).result(30)
    seal_own(vault)
    room.theirs()
    (lost,) = read_records(vault, room.place.clock()).lost
    assert lost.patient is not None
    assert (lost.patient.name, lost.holder.name, lost.holder.mine) == (
        "Jua Mfano", "Dr Brian Mfano", False,
    )  # fmt: skip
    assert lost.holder.tentative is False
    room.claiming.was_read(lost)
    vault.commit(patient_set(room.patient, remarks="y")).result(30)
    assert lost_visits(vault, room.place.clock()) == ()


def test_a_lost_visit_that_nobody_read_is_not_told_for_ever(room: Room) -> None:
    vault = room.place.vault
    room.claiming.take_by_phone(room.visit)
    vault.commit(patient_set(room.patient, remarks="x")).result(30)
    room.theirs()
    now = room.place.clock()
    assert len(lost_visits(vault, now + TOLD_FOR_MS)) == 1
    assert lost_visits(vault, now + TOLD_FOR_MS + 1) == ()


def test_taking_over_names_who_is_seen_to_have_it(room: Room) -> None:
    vault = room.place.vault
    room.claiming.take_by_phone(room.visit)
    vault.commit(patient_set(room.patient, remarks="x")).result(30)
    room.theirs()
    (lost,) = lost_visits(vault, room.place.clock())
    room.claiming.take_over(lost)
    vault.commit(patient_set(room.patient, remarks="y")).result(30)
    claims = vault.claims_of(room.visit)
    held = holder_of(claims)
    assert held is not None
    assert held.by == room.place.clinician.entity
    assert [c.outcome for c in claims if c.by == THEM] == [Outcome.PASSED_ON]
    assert lost_visits(vault, room.place.clock()) == ()


def test_starting_a_call_takes_the_visit(room: Room) -> None:
    vault = room.place.vault
    booked, patient = vault.consultation(room.visit), vault.patient(room.patient)
    assert booked is not None
    assert patient is not None
    waiting = Waiting("seat", booked, patient, 0, present=True)
    drafts = room.claiming.drafts(room.visit)
    ports = Around().ports
    visit = Visit(waiting, vault, ports, lambda _: None, start_rung=Rung.VIDEO, claim=drafts)
    visit.start()
    vault.commit(patient_set(room.patient, remarks="x")).result(30)
    (claim,) = vault.claims_of(room.visit)
    assert (claim.by, claim.outcome) == (room.place.clinician.entity, Outcome.HOLDS)
    found = vault.consultation(room.visit)
    assert found is not None
    assert found.state is ConsultationState.IN_CALL
