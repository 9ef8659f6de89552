from collections.abc import Callable

import pytest

from telemed_desk.vault import OpDraft
from telemed_protocol.ids import new_id
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.op import Op, pack_payload
from tests.vault.vault_kit import Place, booking, patient_set

DAY_MS = 86_400_000


def many(consultations: int) -> list[Op]:
    """A clinic's history: a patient and a booking each, 20 a day."""
    ops = []
    for i in range(consultations):
        patient, consultation = i.to_bytes(16, "big"), (10**9 + i).to_bytes(16, "big")
        booked_ms = (i // 20) * DAY_MS + (i % 20) * 1000
        for draft in (
            patient_set(patient, given_name="Jua", family_name="Mfano", number=str(i)),
            booking(consultation, patient, booked_ms),
        ):
            ops.append(
                Op(
                    1,
                    b"d" * 16,
                    len(ops) + 1,
                    (i + 1) << 16,
                    b"a" * 16,
                    draft.kind,
                    1,
                    draft.entity,
                    (),
                    pack_payload(draft.payload),
                )
            )
    return ops


def test_a_long_history_is_taken_in_at_once_and_the_day_is_found(place: Place) -> None:
    vault = place.vault
    assert vault.apply_ops(many(2_000)).result(timeout=100) == 4_000
    day = vault.today(7 * DAY_MS, 8 * DAY_MS)
    assert [p.number for _, p in day] == [str(n) for n in range(140, 160)]
    assert vault.today(500 * DAY_MS, 600 * DAY_MS) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM consult WHERE booked_ms >= 1 AND booked_ms < 9", "consult_booked"),
        (
            "SELECT * FROM consult WHERE state IN ('waiting', 'in-call', 'writing')",
            "consult_open",
        ),
        ("SELECT * FROM note WHERE consultation = x'00' ORDER BY first_stamp", "note_consultation"),
        ("SELECT * FROM op WHERE own = 1 AND segment_n IS NULL AND lane = 1", "op_unsealed"),
        ("SELECT * FROM op WHERE entity = x'00'", "op_entity"),
        ("SELECT max(stamp) FROM op WHERE stamp < 9", "op_stamp"),
        ("SELECT * FROM link WHERE jti_hash = x'00'", "link_hash"),
        ("SELECT * FROM segment WHERE own = 1 AND stored_ms IS NULL", "segment_waiting"),
    ],
)
def test_what_screens_and_sync_ask_often_is_answered_by_an_index(
    place: Place, query: str, index: str
) -> None:
    with place.vault._read() as connection:
        plan = " ".join(
            str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        )
    assert index in plan


def test_links_are_found_by_what_the_server_knows_while_they_are_open(place: Place) -> None:
    vault, consultation = place.vault, new_id()
    link, old = JoinLink.generate(), JoinLink.generate()

    def make(each: JoinLink, expires_ms: int, **more: object) -> OpDraft:
        payload = {"jti": each.jti, "secret": each.secret, "expires_ms": expires_ms}
        return OpDraft("link.make", consultation, payload | more)

    vault.commit(booking(consultation, new_id()), make(link, 100), make(old, 10)).result()
    found = vault.link_by_jti_hash(link.jti_hash)
    assert found is not None
    assert (found.link.secret, found.consultation, found.role) == (
        link.secret,
        consultation,
        "patient",
    )
    assert vault.link_by_jti_hash(bytes(32)) is None
    assert [o.link.jti for o in vault.links_open(50)] == [link.jti]
    assert len(vault.links_open(5)) == 2
    assert vault.links_open() == []
    third = JoinLink.generate()
    vault.commit(make(third, 100, role="interpreter")).result()
    guest = vault.link_by_jti_hash(third.jti_hash)
    assert guest is not None
    assert guest.role == "interpreter"
    cancel = OpDraft("consult.state", consultation, {"state": "cancelled", "at_ms": 1})
    vault.commit(cancel).result()
    assert vault.links_open(5) == []


def test_a_consultation_is_shown_even_before_its_patient_has_arrived(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there = place.vault, another_place().vault
    patient, consultation = new_id(), new_id()
    ops = there.commit(
        booking(consultation, patient), patient_set(patient, given_name="Jua")
    ).result()
    here.apply_ops(ops[:1]).result()
    ((_, unknown),) = here.today(0, 2_000)
    assert (unknown.entity, unknown.name) == (patient, "")
    here.apply_ops(ops[1:]).result()
    ((_, known),) = here.today(0, 2_000)
    assert known.name == "Jua"


def test_flags_identity_consent_and_invitations_are_read_back(place: Place) -> None:
    vault, consultation, device = place.vault, new_id(), new_id()
    urgent = OpDraft("consult.urgent", consultation, {"reason": "short of breath", "at_ms": 1})
    vault.commit(
        booking(consultation, new_id()),
        urgent,
        OpDraft("member.invite", device, {"secret": b"x" * 15, "expires_ms": 50}),
    ).result()
    assert vault.urgent_reasons() == {consultation: "short of breath"}
    assert vault.identity_of(consultation) is None
    assert [i.secret for i in vault.invitations(10)] == [b"x" * 15]
    assert vault.invitations(50) == []
    vault.commit(
        OpDraft("consult.urgent", consultation, {"reason": "", "at_ms": 2}),
        OpDraft("consult.identity", consultation, {"at_ms": 2, "ok": False}),
        OpDraft("consult.consent", consultation, {"at_ms": 3, "photos": True}),
    ).result()
    assert vault.urgent_reasons() == {}
    assert vault.identity_of(consultation) is False
    found = vault.consultation(consultation)
    assert found is not None
    assert (found.consent_ms, found.consent_photos) == (3, True)
    assert [c.entity for c in vault.consultations_of(found.patient)] == [consultation]
    assert vault.clinician_of(place.clinician.entity) == place.clinician
