"""What clinicians do: book, claim, write, sign, correct a phone number, take a photo."""

from typing import Any

import msgspec

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault.fold_note import signed_bytes, text_of
from telemed_desk.vault.payloads import NoteRevise, read_payload
from telemed_desk.vault.rows import Row
from telemed_protocol.op import OpId
from tests.simulator.cast import CLINICIAN_KEYS
from tests.simulator.desk import SimDesk

Draft = tuple[str, bytes, tuple[OpId, ...], dict[str, object]]
PATIENTS = tuple(bytes([0x70, i]) * 8 for i in range(3))
CONSULTATIONS = tuple(bytes([0x80, i]) * 8 for i in range(4))
NOTES = tuple(bytes([0x90, i]) * 8 for i in range(4))
_heads = msgspec.msgpack.Decoder(tuple[OpId, ...])


def act(desk: SimDesk) -> None:
    """Do one thing at one desk, drawn from the world's seed."""
    world = desk.world
    if not desk.alive:
        return
    weights = {"book": 1, "state": 3, "note": 6, "sign": 1, "patient": 2, "allergy": 2, "photo": 1}
    if world.plan.skew:
        weights["future"] = 1
    if world.plan.bulk:
        weights["many"] = 2
    what = world.random.choices(list(weights), list(weights.values()))[0]
    drafts = _DRAFTS[what](desk)
    if drafts:
        desk.record(*drafts)


def _row(desk: SimDesk, table: str, entity: bytes) -> Row | None:
    rows: list[Row] = desk.store.folded(entity).get(table, [])
    return rows[0] if rows else None


def _book(desk: SimDesk) -> list[Draft]:
    rng = desk.world.random
    i = rng.randrange(len(CONSULTATIONS))
    return [
        (
            "consult.book",
            CONSULTATIONS[i],
            (),
            {
                "patient": rng.choice(PATIENTS),
                "programme": "derm",
                "way": "video",
                "booked_ms": desk.wall_ms(),
                "minutes": 20,
                "clinician": desk.identity.device,
                "reason": desk.world.word(),
            },
        )
    ]


def _state(desk: SimDesk) -> list[Draft]:
    rng = desk.world.random
    state = rng.choice(("waiting", "in-call", "in-call", "writing", "cancelled"))
    payload = {"state": state, "at_ms": desk.wall_ms()}
    return [("consult.state", rng.choice(CONSULTATIONS), (), payload)]


def _revision(desk: SimDesk, note: bytes) -> Draft | None:
    """Edit one section of what this desk shows, or resolve a conflict by taking all of it over."""
    world = desk.world
    rows = desk.store.folded(note)
    row = _row(desk, "note", note)
    consultation = CONSULTATIONS[NOTES.index(note)]
    text = NoteText()
    parents: tuple[OpId, ...] = ()
    if row is not None:
        if row["signed_ms"] is not None:
            return None
        text = NoteText(row["subjective"], row["objective"], row["assessment"], row["plan"])
        leaves = tuple(
            sorted(OpId(r["device"], r["number"]) for r in rows["note_rev"] if r["leaf"])
        )
        head = OpId(row["head_device"], row["head_number"])
        parents = leaves if row["leaves"] == 1 else (head,)
        if len(leaves) > 1 and world.random.random() < 0.3:
            parents = leaves
            others = [_text(desk, leaf) for leaf in leaves if leaf != head]
            text = _joined([text, *others])
    sections = {
        "S": text.subjective,
        "O": text.objective,
        "A": text.assessment,
        "P": text.plan,
    }
    chosen = world.random.choice("SOAP")
    sections[chosen] = f"{sections[chosen]} {world.word()}".strip()
    payload: dict[str, Any] = {"consultation": consultation, "at_ms": desk.wall_ms(), **sections}
    return ("note.revise", note, parents, payload)


def _text(desk: SimDesk, op_id: OpId) -> NoteText:
    payload = read_payload(desk.store.ops[op_id])
    assert isinstance(payload, NoteRevise)
    return text_of(payload)


def _joined(texts: list[NoteText]) -> NoteText:
    def join(parts: list[str]) -> str:
        return " ".join(dict.fromkeys(word for part in parts for word in part.split()))

    return NoteText(
        join([t.subjective for t in texts]),
        join([t.objective for t in texts]),
        join([t.assessment for t in texts]),
        join([t.plan for t in texts]),
    )


def _note(desk: SimDesk) -> list[Draft]:
    draft = _revision(desk, desk.world.random.choice(NOTES))
    return [draft] if draft else []


def _many(desk: SimDesk) -> list[Draft]:
    notes = [desk.world.random.choice(NOTES) for _ in range(desk.world.random.randint(5, 25))]
    return [draft for note in dict.fromkeys(notes) if (draft := _revision(desk, note))] + [
        ("device.set", desk.identity.device, (), {"label": desk.world.word() * 60})
        for _ in range(len(notes))
    ]


def _sign(desk: SimDesk) -> list[Draft]:
    note = desk.world.random.choice(NOTES)
    row = _row(desk, "note", note)
    if row is None or row["signed_ms"] is not None or row["leaves"] > 1:
        return []
    text = NoteText(row["subjective"], row["objective"], row["assessment"], row["plan"])
    head = OpId(row["head_device"], row["head_number"])
    if _text(desk, head) != text:
        return []
    digest = text.sha256()
    key = CLINICIAN_KEYS[desk.index]
    payload = {
        "consultation": row["consultation"],
        "revision": (head.device, head.number),
        "sha256": digest,
        "at_ms": desk.wall_ms(),
        "signature": key.sign(signed_bytes(note, digest)),
        "key": key.public_key().public_bytes_raw(),
    }
    return [("note.sign", note, (head,), payload)]


def _patient(desk: SimDesk) -> list[Draft]:
    rng = desk.world.random
    field = rng.choice(("given_name", "phone", "remarks"))
    return [("patient.set", rng.choice(PATIENTS), (), {field: desk.world.word()})]


def _allergy(desk: SimDesk) -> list[Draft]:
    patient = desk.world.random.choice(PATIENTS)
    row = _row(desk, "patient", patient)
    known: list[str] = msgspec.msgpack.decode(row["allergies"]) if row else []
    heads = _heads.decode(row["allergy_heads"]) if row else ()
    payload = {"allergies": [*known, desk.world.word()]}
    return [("patient.set", patient, heads, payload)]


def _photo(desk: SimDesk) -> list[Draft]:
    world = desk.world
    payload = {
        "consultation": world.random.choice(CONSULTATIONS),
        "at_ms": desk.wall_ms(),
        "width": 640,
        "height": 480,
        "source": "camera",
        "sha256": world.random.randbytes(32),
        "key": world.random.randbytes(32),
        "preview": world.random.randbytes(world.random.choice((200, 2_000, 20_000))),
    }
    return [("photo.add", world.random.randbytes(16), (), payload)]


def _future(desk: SimDesk) -> list[Draft]:
    return [("future.thing", desk.world.random.choice(PATIENTS), (), {"x": desk.world.word()})]


_DRAFTS = {
    "book": _book,
    "state": _state,
    "note": _note,
    "many": _many,
    "sign": _sign,
    "patient": _patient,
    "allergy": _allergy,
    "photo": _photo,
    "future": _future,
}
