"""Notes: a tree of revisions, and at most one signature that counts.

A revision names those it was built on. Revisions that nobody built on are the *leaves*; two leaves
are a conflict that a clinician resolves, unless they may become one text without asking
(:mod:`telemed_desk.clinical.merging`). A signature fixes one revision; what was written beside it
stays visible as further leaves and never alters it.
"""

import hashlib
from typing import Final

from telemed_desk.clinical.merging import merged
from telemed_desk.clinical.notes import NoteText, addendum_canonical
from telemed_desk.vault import payloads as p
from telemed_desk.vault.rows import Known, Row, Rows
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import verify
from telemed_protocol.op import OpId

SIGN_CONTEXT: Final = b"telemed/sign/v1"
ADDENDUM_CONTEXT: Final = b"telemed/addendum/v1"


def text_of(revision: p.NoteRevise) -> NoteText:
    """Return a revision's text."""
    return NoteText(revision.S, revision.O, revision.A, revision.P)


def signed_bytes(note: bytes, sha256: bytes) -> bytes:
    """What a clinician's signature covers."""
    return SIGN_CONTEXT + note + sha256


def addendum_bytes(note: bytes, of: bytes, at_ms: int, text: str) -> bytes:
    """What a clinician's signature below a signed note covers."""
    canonical = addendum_canonical(of, at_ms, text)
    return ADDENDUM_CONTEXT + note + hashlib.sha256(canonical).digest()


def signature_code(sha256: bytes) -> str:
    """Short code of the signed content, for paper: 40 bits as hex in groups of five."""
    digits = hashlib.sha256(b"telemed/sign-code/v1" + sha256).hexdigest()[:10].upper()
    return f"{digits[:5]}-{digits[5:]}"


def fold_note(entity: bytes, known: list[Known]) -> Rows:
    """Fold one note; ``known`` is in order."""
    revisions: dict[OpId, tuple[Known, p.NoteRevise]] = {}
    parents: dict[OpId, tuple[OpId, ...]] = {}
    for k in known:
        if isinstance(k.payload, p.NoteRevise):
            revisions[k.op.op_id] = (k, k.payload)
            parents[k.op.op_id] = k.op.parents
    addenda = _addenda(entity, known)
    if not revisions:
        return addenda
    built_on = {parent for op_id, found in parents.items() for parent in found if parent != op_id}
    leaves = {op_id for op_id in revisions if op_id not in built_on}
    signature, bad = _first_valid_signature(entity, known, revisions)
    if signature is not None:
        signed_id = OpId(*signature.payload.revision)  # type: ignore[union-attr]
        leaves -= _with_ancestors(signed_id, parents)
        leaves.add(signed_id)
        head_id = signed_id
    else:
        in_order = [op_id for op_id in revisions if op_id in leaves]
        head_id = in_order[-1] if in_order else next(reversed(revisions))
    head, revision = revisions[head_id]
    together = None
    if signature is None and len(leaves) > 1:
        texts = {op_id: text_of(found) for op_id, (_, found) in revisions.items()}
        together = combined([op_id for op_id in revisions if op_id in leaves], texts, parents)
    first = next(iter(revisions.values()))[0]
    row: Row = {
        "entity": entity,
        "consultation": next(iter(revisions.values()))[1].consultation,
        **section_columns(together or text_of(revision)),
        "revision": len(revisions),
        "author": head.op.actor,
        "changed_ms": revision.at_ms,
        "head_device": head_id.device,
        "head_number": head_id.number,
        "leaves": 1 if together else max(1, len(leaves)),
        "signed_ms": None,
        "signer": b"",
        "signature": b"",
        "signing_key": b"",
        "first_stamp": first.op.stamp,
        "bad_signatures": bad,
    }
    if signature is not None and isinstance(signature.payload, p.NoteSign):
        row |= {
            "signed_ms": signature.payload.at_ms,
            "signer": signature.op.actor,
            "signature": signature.payload.signature,
            "signing_key": signature.payload.key,
        }
    return {
        **addenda,
        "note": [row],
        "note_rev": [
            {
                "device": op_id.device,
                "number": op_id.number,
                "entity": entity,
                "author": k.op.actor,
                "at_ms": found.at_ms,
                "stamp": k.op.stamp,
                "leaf": int(op_id in leaves),
            }
            for op_id, (k, found) in revisions.items()
        ],
    }


def _addenda(entity: bytes, known: list[Known]) -> Rows:
    """What stands below the signed text; one whose signature does not fit is shown and marked."""
    signed = {k.payload.sha256 for k in known if isinstance(k.payload, p.NoteSign)}
    rows = [
        {
            "device": k.op.device,
            "number": k.op.number,
            "entity": entity,
            "consultation": k.payload.consultation,
            "author": k.op.actor,
            "at_ms": k.payload.at_ms,
            "place": place,
            "words": k.payload.text,
            "signing_key": k.payload.key,
            "fits": int(_fits(entity, k.payload) and k.payload.of in signed),
        }
        for place, k in enumerate(known)
        if isinstance(k.payload, p.NoteAddendum)
    ]
    return {"addendum": rows} if rows else {}


def _fits(entity: bytes, written: p.NoteAddendum) -> bool:
    try:
        said = addendum_bytes(entity, written.of, written.at_ms, written.text)
        verify(written.key, written.signature, said)
    except ForgeryError:
        return False
    return True


def combined(
    leaves: list[OpId], texts: dict[OpId, NoteText], parents: dict[OpId, tuple[OpId, ...]]
) -> NoteText | None:
    """Return the one text that versions side by side amount to, or None: a clinician decides.

    Every desk computes the same; the next revision names all of them as its parents.

    Args:
        leaves: The versions, in order.
        texts: The text of each revision.
        parents: What each revision was built on.
    """
    first, *others = leaves
    if all(texts[other] == texts[first] for other in others):
        return texts[first]
    shared = set.intersection(*(_with_ancestors(leaf, parents) for leaf in leaves))
    shared &= texts.keys()
    nearest = [one for one in shared if shared <= _with_ancestors(one, parents)]
    if len(nearest) != 1:
        return None
    base = texts[nearest[0]]
    result: NoteText | None = texts[first]
    for other in others:
        if result is None:
            return None
        result = merged(base, result, texts[other])
    return result


def section_columns(text: NoteText) -> Row:
    """A note's text as columns."""
    return {
        "subjective": text.subjective,
        "objective": text.objective,
        "assessment": text.assessment,
        "plan": text.plan,
    }


def _first_valid_signature(
    entity: bytes, known: list[Known], revisions: dict[OpId, tuple[Known, p.NoteRevise]]
) -> tuple[Known | None, int]:
    """Return the earliest signature that fits a revision, and how many do not verify.

    One whose revision has not arrived yet counts as neither.
    """
    found: Known | None = None
    bad = 0
    for k in known:
        sign = k.payload
        if not isinstance(sign, p.NoteSign):
            continue
        revision = revisions.get(OpId(*sign.revision))
        if revision is None:
            continue
        if text_of(revision[1]).sha256() != sign.sha256:
            bad += 1
            continue
        try:
            verify(sign.key, sign.signature, signed_bytes(entity, sign.sha256))
        except ForgeryError:
            bad += 1
            continue
        found = found or k
    return found, bad


def _with_ancestors(op_id: OpId, parents: dict[OpId, tuple[OpId, ...]]) -> set[OpId]:
    seen: set[OpId] = set()
    todo = [op_id]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(parents.get(current, ()))
    return seen
