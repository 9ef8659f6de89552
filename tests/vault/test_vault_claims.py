"""Claims in a real vault: the server's numbers decide, whenever and in whatever order they come."""

from telemed_desk.clinical.claims import Outcome, holder_of
from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.sync.ports import Cursor
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.vault.verify import verify_log
from telemed_protocol.ids import new_id
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, pack_payload
from telemed_protocol.segment import SealedSegment, next_log_hash
from tests.simulator.cast import IDENTITIES
from tests.simulator.test_store_contract import sealed
from tests.vault.vault_kit import Place, booking

OTHER = IDENTITIES[1]
THEM = b"t" * 16


def claim(consultation: bytes, at_ms: int = 5) -> OpDraft:
    return OpDraft("consult.claim", consultation, {"at_ms": at_ms})


def their_op(kind: str, consultation: bytes, number: int, **payload: object) -> Op:
    return Op(
        OP_VERSION, OTHER.device, number, number << 16, THEM, kind, READER_VERSION, consultation,
        (), pack_payload(payload),
    )  # fmt: skip


def pull(vault: Vault, *ops: Op) -> int:
    head = vault.log_head_of(OTHER.device, 0)
    segment = sealed(vault, OTHER, 0, ops, n=head.n, prev=head.hash)
    return take(vault, segment, ops)


def take(vault: Vault, segment: SealedSegment, ops: tuple[Op, ...]) -> int:
    cursor = vault.cursor()
    then = Cursor(cursor.sseq + 1, next_log_hash(cursor.log_hash, segment.hash))
    vault.apply_pulled(segment, ops, then)
    return then.sseq


def seal_own(vault: Vault) -> list[SealedSegment]:
    made = []
    for batch in vault.pending_batches(40_000):
        segment = sealed(vault, vault.identity, batch.lane, batch.ops)
        vault.keep_sealed(segment, batch.ops)
        made.append(segment)
    return made


def test_an_offline_claim_is_tentative_until_its_number_tells(place: Place) -> None:
    vault, consultation = place.vault, new_id()
    vault.commit(booking(consultation, new_id()), claim(consultation)).result()
    (mine,) = vault.claims_of(consultation)
    assert (mine.outcome, mine.is_tentative) == (Outcome.HOLDS, True)
    seal_own(vault)
    (mine,) = vault.claims_of(consultation)
    assert mine.is_tentative, "sealed is not stored"
    queue = next(s for s in vault.unacknowledged() if s.header.lane == 0)
    vault.acknowledge(queue.hash, 3, 1)
    (mine,) = vault.claims_of(consultation)
    assert (mine.outcome, mine.number) == (Outcome.HOLDS, 3)


def test_who_came_first_at_the_server_holds_it_although_the_receipt_came_earlier_here(
    place: Place,
) -> None:
    vault, consultation, ms = place.vault, new_id(), place.clock.now_ms
    vault.commit(
        booking(consultation, new_id()),
        claim(consultation, ms),
        OpDraft("consult.state", consultation, {"state": "in-call", "at_ms": 1}),
    ).result()
    seal_own(vault)
    queue = next(s for s in vault.unacknowledged() if s.header.lane == 0)
    vault.acknowledge(queue.hash, 2, 1)
    first = their_op("consult.claim", consultation, 1, at_ms=ms + 90_000)
    step = their_op("consult.state", consultation, 2, state="in-call", at_ms=2)
    pull(vault, first, step)
    mine, theirs = sorted(vault.claims_of(consultation), key=lambda c: c.by == THEM)
    assert (theirs.number, theirs.outcome) == (1, Outcome.HOLDS)
    assert (mine.outcome, mine.lost_to) == (Outcome.LOST, theirs.claim)
    assert vault.lost_claims(place.clinician.entity, ms)[0][0] == consultation
    assert vault.lost_claims(place.clinician.entity, ms + 1) == []
    # What the loser's desk records of the visit from now on does not end the other's.
    vault.commit(
        OpDraft("consult.state", consultation, {"state": "writing", "at_ms": 3}),
        OpDraft("consult.state", consultation, {"state": "signed", "at_ms": 4}),
    ).result()
    found = vault.consultation(consultation)
    assert found is not None
    assert found.state is ConsultationState.IN_CALL
    assert found.started_ms == 2
    before = vault.claims_of(consultation)
    assert verify_log(vault, lambda _step: None).faults == []
    vault.rebuild().result()
    assert vault.claims_of(consultation) == before


def test_taking_over_what_one_has_seen_is_no_conflict(place: Place) -> None:
    vault, consultation = place.vault, new_id()
    theirs = their_op("consult.claim", consultation, 1, at_ms=2)
    pull(vault, theirs)
    over = OpDraft("consult.claim", consultation, {"at_ms": 9}, parents=(theirs.op_id,))
    vault.commit(booking(consultation, new_id()), over).result()
    held = holder_of(vault.claims_of(consultation))
    assert held is not None
    assert held.by == place.clinician.entity
    assert vault.lost_claims(place.clinician.entity, 0) == []


def test_own_segments_seen_in_the_log_count_as_receipts(place: Place) -> None:
    """The receipt was lost on the way; the log has the number."""
    vault, consultation = place.vault, new_id()
    vault.commit(claim(consultation)).result()
    seal_own(vault)
    queue = next(s for s in vault.unacknowledged() if s.header.lane == 0)
    at = take(vault, queue, ())
    assert [c.number for c in vault.claims_of(consultation)] == [at]
