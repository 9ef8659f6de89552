"""What clinicians write about a patient, now and as earlier versions did."""

import msgspec

from telemed_desk.vault.rows import Row
from telemed_protocol.op import OpId
from tests.simulator.desk import SimDesk

Draft = tuple[str, bytes, tuple[OpId, ...], dict[str, object]]
PATIENTS = tuple(bytes([0x70, i]) * 8 for i in range(3))
LISTS = ("allergy", "medicine")
_op_ids = msgspec.msgpack.Decoder(tuple[OpId, ...])
_facts = msgspec.msgpack.Decoder(tuple[tuple[bytes, int], ...])
_open_values = msgspec.msgpack.Decoder(dict[str, tuple[OpId, ...]])


def row_of(desk: SimDesk, table: str, entity: bytes) -> Row | None:
    """The one row that a desk shows of something."""
    rows: list[Row] = desk.store.folded(entity).get(table, [])
    return rows[0] if rows else None


def _patient(desk: SimDesk) -> bytes:
    return desk.world.random.choice(PATIENTS[:1] if desk.world.plan.records else PATIENTS)


def change_field(desk: SimDesk) -> list[Draft]:
    """Write a field over what is shown; one desk in eight is of an earlier version and does not say."""
    rng = desk.world.random
    name, patient = rng.choice(("given_name", "phone", "remarks")), _patient(desk)
    row = row_of(desk, "patient", patient)
    seen = _open_values.decode(row["field_heads"]).get(name, ()) if row else ()
    payload: dict[str, object] = {name: desk.world.word()}
    if rng.random() < 0.125:
        return [("patient.set", patient, (), payload)]
    return [("patient.set", patient, seen, {**payload, "seen": True})]


def change_entry(desk: SimDesk) -> list[Draft]:
    """Add, change or take off an allergy or a medicine, of those that are shown."""
    rng = desk.world.random
    patient, kind = _patient(desk), rng.choice(LISTS)
    at_ms = desk.wall_ms()
    standing = [
        row for row in desk.store.folded(patient).get("entry", [])
        if row["kind"] == kind and row["gone_by"] is None
    ]  # fmt: skip
    what = rng.random()
    if what < 0.1 and kind == "allergy":
        return [_list_of_before(desk, patient)]
    if what < 0.5 or not standing:
        # Few words, so that two desks often add the same.
        word = rng.choice(("penicillin", "Penicillin", "latex", desk.world.word()))
        return [(f"{kind}.add", patient, (), {"what": word, "at_ms": at_ms})]
    row = rng.choice(standing)
    parents = tuple(OpId(*fact) for fact in _facts.decode(row["facts"]))
    if what < 0.75:
        payload = {"what": desk.world.word(), "at_ms": at_ms, "instead_of": row["what"]}
        return [(f"{kind}.add", patient, parents, payload)]
    return [(f"{kind}.drop", patient, parents, {"what": row["what"], "at_ms": at_ms})]


def _list_of_before(desk: SimDesk, patient: bytes) -> Draft:
    """The whole list, as an earlier version wrote it that knows of such lists only."""
    row = row_of(desk, "patient", patient)
    heads = _op_ids.decode(row["allergy_heads"]) if row else ()
    known: list[str] = []
    for op_id in heads:
        listed = msgspec.msgpack.decode(desk.store.ops[op_id].payload, type=dict[str, object])
        allergies = listed["allergies"]
        assert isinstance(allergies, list)
        known += [what for what in allergies if what not in known]
    if known and desk.world.random.random() < 0.3:
        known.pop(desk.world.random.randrange(len(known)))
    return ("patient.set", patient, heads, {"allergies": [*known, desk.world.word()]})
