"""The invariants of claims, patients and addenda, each worked out again from the facts alone."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from telemed_desk.clinical.entries import compared
from telemed_desk.clinical.people import FIELDS
from telemed_desk.vault.payloads import (
    ConsultState,
    EntryAdd,
    EntryDrop,
    NoteAddendum,
    PatientSet,
    read_payload,
)
from telemed_protocol.op import Op, OpId
from tests.simulator.desk import SimDesk
from tests.simulator.patients import LISTS, PATIENTS
from tests.simulator.people import CONSULTATIONS, NOTES
from tests.simulator.world import Violated

_also = msgspec.msgpack.Decoder(list[tuple[str, object, bytes, int, bytes, int]])


def _in_order(ops: Iterable[Op]) -> list[Op]:
    return sorted(ops, key=lambda op: (op.stamp, op.device, op.number))


def check_claims(desk: SimDesk, in_order: list[Op]) -> None:
    """I8: the first claim by the server's number wins, on every desk."""
    for consultation in CONSULTATIONS:
        holder: Op | None = None
        lost: list[Op] = []
        held: set[bytes] = set()
        for op in in_order:
            if op.kind != "consult.claim" or op.entity != consultation:
                continue
            if op.op_id not in desk.store.ops:
                continue
            mine = holder is None or holder.op_id in op.parents or holder.actor == op.actor
            if mine:
                holder = op
                held.add(op.actor)
            else:
                lost.append(op)
        rows = desk.store.folded(consultation).get("claim", [])
        shown = [OpId(r["device"], r["number"]) for r in rows if r["outcome"] == "holds"]
        if shown != ([holder.op_id] if holder else []):
            raise Violated("I8", f"{desk.name} shows another claim than the first as holding")
        told = {OpId(r["device"], r["number"]) for r in rows if r["outcome"] == "lost"}
        if told != {op.op_id for op in lost}:
            raise Violated("I8", f"{desk.name} does not tell who lost")
        _losers_end_nothing(desk, consultation, [op for op in lost if op.actor not in held])


def _losers_end_nothing(desk: SimDesk, consultation: bytes, lost: list[Op]) -> None:
    rows = desk.store.folded(consultation).get("consult", [])
    if not rows or rows[0]["state"] != "signed":
        return
    first = {op.actor: op for op in reversed(_in_order(lost))}
    for op in desk.store.by_entity[consultation]:
        payload = read_payload(op) if op.kind == "consult.state" else None
        if not isinstance(payload, ConsultState) or payload.state.value != "signed":
            continue
        at = first.get(op.actor)
        if at is None or _in_order([op, at])[0] is op:
            return
    raise Violated("I8", f"{desk.name} lets one who lost a visit end it for who has it")


def check_patients(desk: SimDesk) -> None:
    """I4: what somebody wrote without knowing of it being replaced or taken off is shown."""
    for patient in PATIENTS:
        ops = _in_order(desk.store.by_entity.get(patient, ()))
        rows = desk.store.folded(patient)
        for kind in LISTS:
            entries = [row for row in rows.get("entry", ()) if row["kind"] == kind]
            shown = {compared(row["what"]) for row in entries if row["gone_by"] is None}
            _entries(kind, ops, shown, {compared(row["what"]) for row in entries})
        if "patient" in rows:
            _fields(ops, rows["patient"][0])


def _entries(kind: str, ops: list[Op], shown: set[str], told: set[str]) -> None:
    named: set[tuple[OpId, str]] = set()
    added: set[tuple[OpId, str]] = set()
    listed: dict[OpId, set[str]] = {}
    for op in ops:
        match read_payload(op):
            case EntryAdd() as add if op.kind == f"{kind}.add":
                added.add((op.op_id, compared(add.what)))
                named |= {(parent, compared(add.instead_of)) for parent in op.parents}
            case EntryDrop() as drop if op.kind == f"{kind}.drop":
                named |= {(parent, compared(drop.what)) for parent in op.parents}
            case PatientSet() as change if kind == "allergy" and change.allergies is not UNSET:
                listed[op.op_id] = {compared(what) for what in change.allergies}
    standing = {word for fact, word in added if (fact, word) not in named}
    if not standing <= shown:
        raise Violated("I4", f"{kind}: what was added and taken off by nobody is not shown")
    replaced = {parent for op in ops if op.op_id in listed for parent in op.parents}
    current = {word for op_id, words in listed.items() if op_id not in replaced for word in words}
    dropped = {word for _, word in named}
    if not current - dropped <= shown:
        raise Violated("I4", f"{kind}: an earlier version's entry is not shown")
    if not shown <= standing | current:
        raise Violated("I4", f"{kind}: what was taken off is shown")
    every = {word for _, word in added}.union(*listed.values())
    if every != told:
        raise Violated("I4", f"{kind}: an entry is gone without a trace")


def _fields(ops: list[Op], row: dict[str, object]) -> None:
    packed = row["also"]
    assert isinstance(packed, bytes)
    also = _also.decode(packed)
    for name in FIELDS:
        written = [
            (op, change, getattr(change, name))
            for op in ops
            if isinstance(change := read_payload(op), PatientSet)
            and getattr(change, name) is not UNSET
        ]
        visible = {value for field, value, *_ in also if field == name} | {row[name]}
        for place, (op, change, value) in enumerate(written):
            known_of = any(
                (later.seen and op.op_id in other.parents)
                or (other.device == op.device and other.number > op.number)
                or (not later.seen and not change.seen and at > place)
                for at, (other, later, _) in enumerate(written)
                if other is not op
            )
            if not known_of and value not in visible:
                raise Violated("I4", f"{name}: a value that nobody replaced is shown nowhere")


def check_addenda(desk: SimDesk) -> None:
    """I5: what was added below a signed note stands there, word for word."""
    for note in NOTES:
        written = {
            (op.op_id, payload.text)
            for op in desk.store.by_entity.get(note, ())
            if isinstance(payload := read_payload(op), NoteAddendum)
        }
        rows = desk.store.folded(note).get("addendum", [])
        if {(OpId(r["device"], r["number"]), r["words"]) for r in rows} != written:
            raise Violated("I5", "an addendum is not shown as it was written")
        if not all(row["fits"] for row in rows):
            raise Violated("I5", "an addendum that was signed counts as forged")
