"""The invariants, looked at when everything has had time to come to rest."""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable

from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.status import Phase
from telemed_desk.vault.fold_note import text_of
from telemed_desk.vault.payloads import NoteRevise, NoteSign, read_payload
from telemed_protocol.api import PulledSegment
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.op import Op, OpId
from telemed_protocol.segment import SealedSegment, open_segment, parse_segment, verify_segment
from tests.simulator.cast import PUBLICS
from tests.simulator.desk import SimDesk
from tests.simulator.liars import LIARS_KEY
from tests.simulator.people import NOTES
from tests.simulator.record_checks import check_addenda, check_claims, check_patients
from tests.simulator.world import Violated, World

DIGITS = set("0123456789")


def check(world: World, desks: list[SimDesk], *, lied_to: set[bytes] | None = None) -> None:
    """Look at the end of a history.

    Raises:
        Violated: An invariant does not hold.
    """
    live = [d for d in desks if d.alive and not d.removed and not d.excused]
    for desk in desks:
        if desk.alive:
            _nothing_made_up(world, desk)
            _own_work_is_there(desk)
            _clock_only_goes_on(desk)
    if lied_to is not None:
        _lies_are_noticed(desks, lied_to)
        return
    resting = [d for d in live if not d.alarmed]
    _server_has_what_it_receipted(world)
    _alarms_have_a_reason(world, live)
    for desk in resting:
        _at_rest(desk)
        _has_the_whole_log(world, desk)
    _all_the_same(resting)
    for desk in resting[:1]:
        check_patients(desk)
        check_addenda(desk)
        for note in NOTES:
            _words_are_visible(desk, note)
            _signed_text_stands(desk, note)
    _everything_arrived(world, resting, desks)
    if not world.plan.clone and not world.plan.server_rot:
        in_order = [op for entry in _log(world) for op in _opened(world, entry.wire)]
        for desk in resting:
            check_claims(desk, in_order)
    _membership_holds(world, desks)
    removed_stay_out(world, desks)


def _nothing_made_up(world: World, desk: SimDesk) -> None:
    for op_id, op in desk.store.ops.items():
        if op not in world.recorded.get(op_id, ()):
            raise Violated("I7", f"{desk.name} holds an op that nobody recorded")


def _own_work_is_there(desk: SimDesk) -> None:
    """I2: what was shown as saved is on this PC."""
    for op_id, op in desk.mine.items():
        if desk.store.ops.get(op_id) != op:
            raise Violated("I2", f"{desk.name} lost {op.kind} {op_id.number}")


def _clock_only_goes_on(desk: SimDesk) -> None:
    own = sorted(desk.mine.values(), key=lambda op: op.number)
    if any(a.stamp >= b.stamp for a, b in itertools.pairwise(own)):
        raise Violated("order", f"{desk.name} stamped a later entry as earlier")


def _server_has_what_it_receipted(world: World) -> None:
    if world.plan.server_rot:
        return
    in_log = {_hash(entry.wire) for entry in _log(world)}
    if not world.acknowledged <= in_log:
        raise Violated("I1", "the server does not have what it gave a receipt for")


def _hash(wire: bytes) -> bytes:
    return hashlib.sha256(wire).digest()


def _alarms_have_a_reason(world: World, live: list[SimDesk]) -> None:
    plan = world.plan
    if plan.restore or plan.clone or plan.server_rot:
        return
    for desk in live:
        if desk.alarmed:
            status = desk.core.status()
            raise Violated("rest", f"{desk.name} asks for help: {status.problem} {status.detail}")


def _at_rest(desk: SimDesk) -> None:
    status = desk.core.status()
    if status.waiting_ops or status.phase is not Phase.IDLE or desk.store.unacknowledged():
        raise Violated("rest", f"{desk.name} is not at rest: {status}")


def _log(world: World) -> list[PulledSegment]:
    founder = min(world.server.active)
    return world.server.pull(founder, 0, 10**6).segments


def _has_the_whole_log(world: World, desk: SimDesk) -> None:
    log = _log(world)
    if log and desk.store.cursor().log_hash != log[-1].log_hash:
        raise Violated("rest", f"{desk.name} stands elsewhere in the log")


def _all_the_same(resting: list[SimDesk]) -> None:
    """I3: the same segments give the same records, byte for byte."""
    shown = {hashlib.sha256(d.store.projection()).hexdigest() for d in resting}
    if len(shown) > 1:
        raise Violated("I3", "two desks show different records")
    kept = {b"".join(_hash(held.wire) for held in d.store.held_back()) for d in resting}
    if len(kept) > 1:
        raise Violated("quarantine", "two desks keep different things aside")


def _revisions(ops: Iterable[Op]) -> dict[OpId, tuple[Op, NoteRevise]]:
    found = {}
    for op in ops:
        payload = read_payload(op) if op.kind == "note.revise" else None
        if isinstance(payload, NoteRevise):
            found[op.op_id] = (op, payload)
    return found


def _words(revision: NoteRevise) -> set[str]:
    return set(f"{revision.S} {revision.O} {revision.A} {revision.P}".split())


def _words_are_visible(desk: SimDesk, note: bytes) -> None:
    """I4: every word of every newest version can be seen without opening the history."""
    revisions = _revisions(desk.store.by_entity.get(note, ()))
    if not revisions:
        return
    rows = desk.store.folded(note)
    (row,) = rows["note"]
    shown = set(
        " ".join(row[name] for name in ("subjective", "objective", "assessment", "plan")).split()
    )
    leaves = [
        _words(revisions[OpId(rev["device"], rev["number"])][1])
        for rev in rows["note_rev"]
        if rev["leaf"]
    ]
    if row["leaves"] > 1:
        shown = shown.union(*leaves)
    elif any(set(word) & DIGITS for leaf in leaves for word in leaf ^ set.intersection(*leaves)):
        raise Violated("I4", "a dose that only one of two wrote was merged without asking")
    built_on = {parent for op, _ in revisions.values() for parent in op.parents}
    for op_id, (_, revision) in revisions.items():
        if op_id not in built_on and not _words(revision) <= shown:
            raise Violated("I4", "a newest version's words are shown nowhere")


def _signed_text_stands(desk: SimDesk, note: bytes) -> None:
    """I5: a signed note shows exactly what was signed."""
    ops = desk.store.by_entity.get(note, ())
    revisions = _revisions(ops)
    signed = set()
    for op in ops:
        payload = read_payload(op) if op.kind == "note.sign" else None
        if isinstance(payload, NoteSign):
            revision = revisions.get(OpId(*payload.revision))
            if revision and text_of(revision[1]).sha256() == payload.sha256:
                signed.add(text_of(revision[1]))
    if not signed:
        return
    (row,) = desk.store.folded(note)["note"]
    shown = tuple(row[name] for name in ("subjective", "objective", "assessment", "plan"))
    texts = {(t.subjective, t.objective, t.assessment, t.plan) for t in signed}
    if row["signed_ms"] is None or shown not in texts:
        raise Violated("I5", "a signed note shows something else than was signed")


def _everything_arrived(world: World, resting: list[SimDesk], desks: list[SimDesk]) -> None:
    """I1: what a live desk recorded is on every live desk, or its desk asks for help and keeps it."""
    for desk in resting:
        for other in resting:
            for op_id, op in desk.mine.items():
                if other.store.ops.get(op_id) != op:
                    raise Violated("I1", f"{op.kind} of {desk.name} never reached {other.name}")
    in_log: dict[OpId, int] = {}
    for entry in _log(world):
        for op in _opened(world, entry.wire):
            in_log[op.op_id] = in_log.get(op.op_id, 0) + 1
    if not world.plan.clone and any(count > 1 for count in in_log.values()):
        raise Violated("double", "an op stands twice in the log")


def _opened(world: World, wire: bytes) -> tuple[Op, ...]:
    try:
        segment = parse_segment(wire)
        return open_segment(segment, world.server.keys[segment.header.epoch])
    except (FormatError, ForgeryError, KeyError):
        return ()


def _written(world: World) -> list[SealedSegment]:
    """What in the log its writer signed; a segment that rotted belongs to nobody."""
    found = []
    for entry in _log(world):
        with contextlib.suppress(FormatError, ForgeryError, KeyError):
            segment = parse_segment(entry.wire)
            verify_segment(segment, PUBLICS[segment.header.device].signing)
            found.append(segment)
    return found


def removed_stay_out(world: World, desks: list[SimDesk]) -> None:
    """I9: no later key reaches a removed desk, and nothing of it stands behind its removal.

    Raises:
        Violated: One of these does not hold.
    """
    log = _written(world)
    members = [d for d in desks if d.alive and not d.removed]
    for desk in desks:
        if not desk.removed:
            continue
        if desk.alive and any(desk.store.epoch_key(e) for e in desk.later_epochs):
            raise Violated("I9", "a removed desk holds a later key")
        for segment in log:
            if desk.identity.device in world.kept_from.get(segment.hash, ()):
                _kept_from(desk, segment)
        closed = False
        for segment in log:
            header = segment.header
            closed = closed or header.epoch in desk.later_epochs
            if not closed or header.device != desk.identity.device:
                continue
            ops = _opened(world, segment.wire)
            if any(op.op_id in member.store.ops for member in members for op in ops):
                raise Violated("I9", "a removed desk's later work was taken over")


def _kept_from(desk: SimDesk, segment: SealedSegment) -> None:
    """What was sealed when its removal was known, a removed desk opens with no key that it has."""
    for epoch in range(desk.later_epochs.stop if desk.alive else 0):
        key = desk.store.epoch_key(epoch)
        try:
            open_segment(segment, key or bytes(32))
        except (FormatError, ForgeryError):
            continue
        raise Violated("I9", "a removed desk can read what was sealed after its removal")


def _membership_holds(world: World, desks: list[SimDesk]) -> None:
    """One chain, with somebody left in it, and no key sealed for whom it removed."""
    chain = verified_chain(world.server.records)
    if not chain.members:
        raise Violated("I9", "nobody is left in the clinic")
    for desk in desks:
        wraps = world.server.wraps.get(desk.identity.device, ())
        if any(wrap.epoch in desk.later_epochs for wrap in wraps):
            raise Violated("I9", "a key was sealed for a removed desk")


def _lies_are_noticed(desks: list[SimDesk], lied_to: set[bytes]) -> None:
    """I7: who was shown an impossible log says so, or keeps aside and counts what it cannot read."""
    for desk in desks:
        victim = desk.identity.device in lied_to and desk.alive and not desk.removed
        if desk.alive and LIARS_KEY in desk.held_keys:
            raise Violated("I9", f"{desk.name} seals with a key that the server made")
        if victim and not desk.noticed and not desk.store.held_back():
            raise Violated("I7", f"{desk.name} was lied to and did not notice")
