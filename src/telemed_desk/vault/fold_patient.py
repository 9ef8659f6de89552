"""A patient: fields with every value that is still open, allergies and medicines as add-wins sets."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from telemed_desk.clinical.entries import Added, Entry, EntryKind, Tag, TakenOff, compared, entries
from telemed_desk.clinical.fields import Written, differing, heads
from telemed_desk.clinical.people import FIELDS, Sex
from telemed_desk.vault import payloads as p
from telemed_desk.vault.rows import Known, Row, Rows, id_of
from telemed_protocol.clock import wall_ms_of
from telemed_protocol.op import OpId

_pack = msgspec.msgpack.encode
_NOTHING: Final[dict[str, Any]] = {"year_of_birth": 0, "sex": "U", "languages": ()}


def fold_patient(entity: bytes, known: list[Known]) -> Rows:
    """Fold one patient; ``known`` is in order."""
    rows: Rows = {}
    sets = [(k, k.payload) for k in known if isinstance(k.payload, p.PatientSet)]
    lists = {k.op.op_id: (k, change) for k, change in sets if change.allergies is not UNSET}
    replaced = {parent for k, _ in lists.values() for parent in k.op.parents if parent in lists}
    listed = [op_id for op_id in lists if op_id not in replaced]
    found = {
        EntryKind.ALLERGY: entries(
            [*_listed(lists, listed), *_added(known, "allergy.add")],
            [*_left_out(lists, set(listed)), *_taken_off(known, "allergy.drop")],
        ),
        EntryKind.MEDICINE: entries(
            _added(known, "medicine.add"), _taken_off(known, "medicine.drop")
        ),
    }
    lines = [
        _entry_row(entity, kind, place, entry)
        for kind, group in found.items()
        for place, entry in enumerate(group)
    ]
    if lines:
        rows["entry"] = lines
    if sets:
        row = _fields(entity, sets)
        standing = [e.what for e in found[EntryKind.ALLERGY] if e.gone is None]
        row["allergies"] = _pack(standing)
        row["allergy_heads"] = _pack(listed)
        rows["patient"] = [row]
    return rows


def _fields(entity: bytes, sets: list[tuple[Known, p.PatientSet]]) -> Row:
    row: Row = {"entity": entity}
    open_values: dict[str, list[tuple[bytes, int]]] = {}
    also: list[tuple[str, Any, bytes, int, bytes, int]] = []
    for name in FIELDS:
        written = [
            Written(
                id_of(k.op.op_id),
                _plain(getattr(change, name)),
                k.op.actor,
                wall_ms_of(k.op.stamp),
                frozenset(map(id_of, k.op.parents)) if change.seen else None,
            )
            for k, change in sets
            if getattr(change, name) is not UNSET
        ]
        standing = heads(written)
        value = standing[-1].value if standing else _NOTHING.get(name, "")
        row[name] = _pack(value) if name == "languages" else value
        if standing:
            open_values[name] = [w.fact for w in standing]
        if len(values := differing(standing)) > 1:
            also += [(name, w.value, *w.fact, w.by, w.at_ms) for w in values]
    row["field_heads"] = _pack(open_values)
    row["also"] = _pack(also)
    return row


def _plain(value: Any) -> Any:
    """A value as it is compared and stored: a sex as its letter."""
    return value.value if isinstance(value, Sex) else value


def _added(known: Iterable[Known], kind: str) -> list[Added]:
    return [
        Added(
            id_of(k.op.op_id),
            k.payload.what,
            k.op.actor,
            k.payload.at_ms,
            _tags(k, k.payload.instead_of) if k.payload.instead_of else frozenset(),
        )
        for k in known
        if k.op.kind == kind and isinstance(k.payload, p.EntryAdd) and k.payload.what.strip()
    ]


def _taken_off(known: Iterable[Known], kind: str) -> list[TakenOff]:
    return [
        TakenOff(_tags(k, k.payload.what), k.op.actor, k.payload.at_ms, k.payload.reason)
        for k in known
        if k.op.kind == kind and isinstance(k.payload, p.EntryDrop)
    ]


def _tags(k: Known, what: str) -> frozenset[Tag]:
    word = compared(what)
    return frozenset((id_of(parent), word) for parent in k.op.parents)


_Lists = dict[OpId, tuple[Known, p.PatientSet]]


def _words(lists: _Lists, op_id: OpId) -> dict[str, str]:
    """The entries of an earlier version's list, by their words as compared."""
    found = lists[op_id][1].allergies
    return {} if found is UNSET else {compared(w): w for w in found if w.strip()}


def _listed(lists: _Lists, standing: list[OpId]) -> list[Added]:
    """Each entry of an earlier version's lists, as added by the list that had it first.

    A list repeats what its author saw; that is no new addition, so taking the first one off counts
    for all that only repeat it.
    """
    current = {
        (origin, word) for op_id in standing for word in _words(lists, op_id)
        for origin in _origins(lists, op_id, word)
    }  # fmt: skip
    found = []
    for op_id, (k, _) in lists.items():
        for word, what in _words(lists, op_id).items():
            if op_id in _origins(lists, op_id, word):
                fact = id_of(op_id)
                found.append(Added(fact, what, k.op.actor, wall_ms_of(k.op.stamp)))
    known = {(OpId(*add.fact), add.tag[1]) for add in found}
    # Lists that name each other cannot be; should somebody forge them, what they list still shows.
    for origin, word in sorted(current - known):
        k = lists[origin][0]
        what = _words(lists, origin)[word]
        found.append(Added(id_of(origin), what, k.op.actor, wall_ms_of(k.op.stamp)))
    return found


def _origins(lists: _Lists, op_id: OpId, word: str) -> set[OpId]:
    """Return the lists by which an entry came in: those of its line that had nobody to repeat."""
    seen: set[OpId] = set()
    origins: set[OpId] = set()
    todo = [op_id]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        before = [
            parent
            for parent in lists[at][0].op.parents
            if parent != at and parent in lists and word in _words(lists, parent)
        ]
        todo += before
        if not before:
            origins.add(at)
    return origins or seen


def _left_out(lists: _Lists, standing: set[OpId]) -> list[TakenOff]:
    """Entries that an earlier version's list left out although its author saw them."""
    still = {
        (origin, word) for op_id in standing for word in _words(lists, op_id)
        for origin in _origins(lists, op_id, word)
    }  # fmt: skip
    found = []
    for op_id, (k, _) in lists.items():
        mine = _words(lists, op_id)
        gone = {
            (id_of(origin), word)
            for parent in k.op.parents
            if parent in lists and parent != op_id
            for word in _words(lists, parent).keys() - mine.keys()
            for origin in _origins(lists, parent, word)
            if (origin, word) not in still
        }
        if gone:
            found.append(TakenOff(frozenset(gone), k.op.actor, wall_ms_of(k.op.stamp)))
    return found


def _entry_row(entity: bytes, kind: EntryKind, place: int, entry: Entry) -> Row:
    gone = entry.gone
    return {
        "entity": entity,
        "kind": kind.value,
        "place": place,
        "what": entry.what,
        "facts": _pack(entry.facts),
        "actor": entry.by,
        "at_ms": entry.at_ms,
        "beside": int(entry.beside),
        "gone_by": None if gone is None else gone.by,
        "gone_ms": None if gone is None else gone.at_ms,
        "gone_reason": "" if gone is None else gone.reason,
    }
