"""What clinicians do: book, claim, write, sign, add below, correct a phone number, take a photo.

Allergies and medicines are in ``patients.py``.
"""

from typing import Any

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault.fold_note import addendum_bytes, signed_bytes, text_of
from telemed_desk.vault.payloads import NoteRevise, read_payload
from telemed_protocol.op import OpId
from tests.simulator.cast import CLINICIAN_KEYS
from tests.simulator.desk import SimDesk
from tests.simulator.patients import PATIENTS, Draft, change_entry, change_field, row_of

CONSULTATIONS = tuple(bytes([0x80, i]) * 8 for i in range(4))
NOTES = tuple(bytes([0x90, i]) * 8 for i in range(4))


def act(desk: SimDesk) -> None:
    """Do one thing at one desk, drawn from the world's seed."""
    world = desk.world
    if not desk.alive:
        return
    weights = {
        "book": 1, "state": 2, "claim": 2, "note": 6, "sign": 1, "below": 1, "field": 2, "entry": 4,
        "photo": 1,
    }  # fmt: skip
    if world.plan.records:
        weights |= {"field": 8, "entry": 24}
    if world.plan.skew:
        weights["future"] = 1
    if world.plan.bulk:
        weights["many"] = 2
    what = world.random.choices(list(weights), list(weights.values()))[0]
    drafts = _DRAFTS[what](desk)
    if drafts:
        desk.record(*drafts)


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
    row = row_of(desk, "note", note)
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


def plain_note(words: str) -> Draft:
    """What a test has somebody write."""
    sections = {"S": words, "O": "", "A": "", "P": ""}
    return ("note.revise", NOTES[0], (), {"consultation": CONSULTATIONS[0], "at_ms": 1, **sections})


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
    row = row_of(desk, "note", note)
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


def _claim(desk: SimDesk) -> list[Draft]:
    """Take a consultation; half of the time somebody who is seen to have it is taken over from."""
    rng = desk.world.random
    consultation = rng.choice(CONSULTATIONS)
    rows = desk.store.folded(consultation).get("claim", [])
    held = [OpId(r["device"], r["number"]) for r in rows if r["outcome"] == "holds"]
    parents = tuple(held) if rng.random() < 0.5 else ()
    at_ms = desk.wall_ms()
    claim: Draft = ("consult.claim", consultation, parents, {"at_ms": at_ms})
    then = ("in-call", "writing", "signed")[: rng.randrange(4)]
    return [
        claim,
        *(("consult.state", consultation, (), {"state": s, "at_ms": at_ms}) for s in then),
    ]


def _below(desk: SimDesk) -> list[Draft]:
    shown = [(note, row_of(desk, "note", note)) for note in NOTES]
    signed = [(note, row) for note, row in shown if row is not None and row["signed_ms"]]
    if not signed:
        return []
    note, row = desk.world.random.choice(signed)
    text = NoteText(row["subjective"], row["objective"], row["assessment"], row["plan"])
    words, at_ms, key = desk.world.word(), desk.wall_ms(), CLINICIAN_KEYS[desk.index]
    payload: dict[str, object] = {
        "consultation": row["consultation"],
        "of": text.sha256(),
        "at_ms": at_ms,
        "text": words,
        "signature": key.sign(addendum_bytes(note, text.sha256(), at_ms, words)),
        "key": key.public_key().public_bytes_raw(),
    }
    return [("note.addendum", note, (), payload)]


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
    "claim": _claim,
    "below": _below,
    "field": change_field,
    "entry": change_entry,
    "photo": _photo,
    "future": _future,
}
