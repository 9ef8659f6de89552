from collections.abc import Callable

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemed_desk.clinical.consultations import ConsultationState, Way
from telemed_desk.vault import Vault, schema
from telemed_desk.vault.fold import fold
from telemed_protocol.ids import new_id
from telemed_protocol.op import Op, OpId, pack_payload
from tests.vault.vault_kit import Place, booking, patient_set

ENTITY = b"e" * 16
DEVICES = [bytes([i]) * 16 for i in (1, 2, 3)]
STATES = [state.value for state in ConsultationState]


@st.composite
def histories(draw: st.DrawFn) -> list[Op]:
    """Ops of three desks about one entity, with parents among those before, some unreadable."""
    ops: list[Op] = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        kind, payload = draw(facts(ops))
        known = [op.op_id for op in ops]
        parents = draw(st.lists(st.sampled_from(known), max_size=2)) if known else []
        ops.append(
            Op(
                1,
                draw(st.sampled_from(DEVICES)),
                number,
                draw(st.integers(0, 4)),  # few values, so that stamps collide
                b"a" * 16,
                kind,
                draw(st.sampled_from([1, 1, 1, 2])),
                ENTITY,
                tuple(parents),
                payload,
            )
        )
    return ops


@st.composite
def facts(draw: st.DrawFn, before: list[Op]) -> tuple[str, bytes]:
    text = draw(st.text(max_size=4))
    at_ms = draw(st.integers(0, 9))
    choices: dict[str, dict[str, object]] = {
        "patient.set": {
            name: value
            for name, value in (
                ("given_name", text),
                ("year_of_birth", at_ms),
                ("allergies", [text]),
                ("seen", True),
            )
            if draw(st.booleans())
        },
        "allergy.add": {"what": text, "at_ms": at_ms, "instead_of": draw(st.text(max_size=1))},
        "allergy.drop": {"what": text, "at_ms": at_ms},
        "medicine.add": {"what": text, "at_ms": at_ms, "instead_of": draw(st.text(max_size=1))},
        "medicine.drop": {"what": text, "at_ms": at_ms, "reason": text},
        "consult.claim": {"at_ms": at_ms},
        "note.addendum": {
            "consultation": b"c" * 16,
            "of": b"h" * 32,
            "at_ms": at_ms,
            "text": text,
            "signature": b"s" * 64,
            "key": b"k" * 32,
        },
        "consult.book": booking(ENTITY, b"p" * 16, at_ms).payload,
        "consult.state": {"state": draw(st.sampled_from(STATES)), "at_ms": at_ms},
        "consult.consent": {"at_ms": at_ms, "photos": draw(st.booleans())},
        "consult.urgent": {"reason": text, "at_ms": at_ms},
        "link.make": {"jti": bytes([at_ms]) * 16, "secret": b"s" * 16, "expires_ms": at_ms},
        "note.revise": {"consultation": b"c" * 16, "S": text, "at_ms": at_ms},
        "device.set": {"label": text},
        "member.invite": {"secret": b"s", "expires_ms": at_ms},
        "clinic.set": {"name": text},
        "clinician.set": {"name": text, "signing": text.encode()},
        "future.kind": {"x": text},
    }
    kind = draw(st.sampled_from(sorted(choices)))
    payload = pack_payload(choices[kind])
    return kind, draw(st.sampled_from([payload, payload, payload, b"\xc1"]))


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_in_which_ops_arrive_makes_no_difference(
    ops: list[Op], random: "st.DataObject"
) -> None:
    shuffled = list(ops)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    numbers = {op.op_id: n for n, op in enumerate(ops[::2])}  # half of them have a receipt
    assert fold(ENTITY, shuffled, numbers) == fold(ENTITY, ops, numbers)


@given(st.lists(histories(), min_size=2, max_size=3))
@settings(
    max_examples=10,
    deadline=None,
    # Real files: few examples here, many of the pure fold above.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_two_desks_that_hold_the_same_ops_hold_the_same_tables(
    another_place: Callable[[], Place], parts: list[list[Op]]
) -> None:
    here, there = pair(another_place)
    unique: dict[OpId, Op] = {}
    fresh = new_id()
    for i, part in enumerate(parts):
        for op in part:
            moved = msgspec.structs.replace(
                op, number=op.number + 100 * i, entity=fresh, device=fresh[:15] + op.device[:1]
            )
            unique[moved.op_id] = moved
    ops = list(unique.values())
    here.apply_ops(ops).result()
    for op in reversed(ops):
        there.apply_ops([op, op]).result()
    assert tables(here, fresh) == tables(there, fresh)
    before = tables(here, fresh)
    here.rebuild().result()
    assert tables(here, fresh) == before


_pair: list[Vault] = []


def pair(another_place: Callable[[], Place]) -> tuple[Vault, Vault]:
    """Two vaults for all examples of one test: making them is slow."""
    if not _pair or _pair[0].is_locked:
        _pair[:] = [another_place().vault, another_place().vault]
    return _pair[0], _pair[1]


def tables(vault: Vault, entity: bytes) -> dict[str, list[tuple[object, ...]]]:
    with vault._read() as connection:
        return {
            name: sorted(
                (tuple(row) for row in connection.execute(table.select()) if entity in row),
                key=repr,
            )
            for name, table in schema.PROJECTIONS.items()
        }


def test_allergies_that_two_desks_add_at_once_are_both_kept(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there, patient = place.vault, another_place().vault, new_id()
    first = here.commit(patient_set(patient, given_name="Jua", allergies=["latex"])).result()
    there.apply_ops(first).result()
    ours = here.commit(patient_set(patient, allergies=["latex", "penicillin"])).result()
    theirs = there.commit(patient_set(patient, allergies=["latex", "aspirin"])).result()
    here.apply_ops(theirs).result()
    there.apply_ops(ours).result()
    for vault in (here, there):
        found = vault.patient(patient)
        assert found is not None
        assert set(found.allergies) == {"latex", "penicillin", "aspirin"}
    removed = here.commit(patient_set(patient, allergies=["penicillin"])).result()
    there.apply_ops(removed).result()
    for vault in (here, there):
        found = vault.patient(patient)
        assert found is not None
        assert found.allergies == ("penicillin",)


def test_states_follow_each_other_and_odd_ones_are_counted(place: Place) -> None:
    from telemed_desk.vault import OpDraft  # noqa: PLC0415 - read beside its use

    consultation, vault = new_id(), place.vault

    def state(value: str, at_ms: int, **more: object) -> None:
        payload = {"state": value, "at_ms": at_ms, **more}
        vault.commit(OpDraft("consult.state", consultation, payload)).result()

    state("waiting", 1)
    assert vault.consultation(consultation) is None, "nothing is known of it yet"
    vault.commit(booking(consultation, new_id())).result()
    state("in-call", 10, way="voice")
    state("writing", 20)
    state("in-call", 30)
    state("writing", 40)
    found = vault.consultation(consultation)
    assert found is not None
    assert (found.state, found.way) == (ConsultationState.WRITING, Way.VOICE)
    assert (found.started_ms, found.ended_ms) == (10, 40)
    assert len(vault.open_consultations()) == 1
    state("signed", 50)
    state("waiting", 60)
    found = vault.consultation(consultation)
    assert found is not None
    assert found.state is ConsultationState.SIGNED
    assert vault._one(schema.consult, consultation)["odd_steps"] == 1
    assert vault.open_consultations() == []


def test_an_unknown_kind_and_a_newer_op_are_kept_word_for_word(place: Place) -> None:
    ops = [
        Op(9, DEVICES[0], 1, 5, b"a" * 16, "future.kind", 2, ENTITY, (), b"\x81\xa1x\x01"),
        Op(1, DEVICES[0], 2, 6, b"a" * 16, "patient.set", 2, ENTITY, (), b"\x80"),
        Op(1, DEVICES[0], 3, 2**64 - 1, b"a" * 16, "patient.set", 1, ENTITY, (), b"\x80"),
    ]
    vault = place.vault
    vault.apply_ops(ops).result()
    vault.apply_ops(ops).result()
    assert [vault.op(op.op_id) for op in ops[:2]] == ops[:2]
    assert vault.patient(ENTITY) is None
    assert vault.unread_ops() == 1
    assert vault.quarantined() == 2, "a stamp that cannot be stored is kept aside, each time"
    clash = msgspec.structs.replace(ops[0], payload=b"\x80")
    vault.apply_ops([clash]).result()
    assert vault.op(ops[0].op_id) == ops[0]
    assert vault.quarantined() == 3


def test_a_clock_that_was_ahead_elsewhere_is_followed_only_a_little(place: Place) -> None:
    vault, now = place.vault, place.clock.now_ms
    near = Op(1, DEVICES[0], 1, (now + 60_000) << 16, b"a" * 16, "x.y", 1, ENTITY, (), b"\x80")
    far = Op(1, DEVICES[0], 2, (now + 10**9) << 16, b"a" * 16, "x.y", 1, ENTITY, (), b"\x80")
    vault.apply_ops([near, far]).result()
    mine = vault.commit(patient_set(new_id(), remarks="x")).result()[0]
    assert near.stamp < mine.stamp < far.stamp
    vault.lock()
    again = place.unlock().commit(patient_set(new_id(), remarks="x")).result()[0]
    assert mine.stamp < again.stamp < far.stamp
