"""The checker blames nobody for what it made up itself, and still finds what is wrong."""

from collections.abc import Callable

import msgspec
import pytest

from telemed_protocol.errors import FormatError
from telemed_protocol.segment import SegmentHeader, parse_segment, seal_segment
from tests.simulator.cast import epoch_key
from tests.simulator.checks import removed_stay_out
from tests.simulator.history import History
from tests.simulator.people import plain_note
from tests.simulator.world import HOUR_MS, Parts, Plan, Violated


def two_notes_and_a_removal() -> History:
    """The first desk writes, then the second; both notes are everywhere, then the second is removed."""
    history = History(1, Plan(desks=3, server_rot=True, removal=True), Parts())
    for desk in history.desks[:2]:
        desk.record(plain_note(f"by {desk.name}"))
        history.world.run_until(history.world.now_ms + HOUR_MS)
    assert len(history.world.server.log) == 2
    history.world.server.out(history.desks[1].identity.device)
    history.world.server.removed[history.desks[1].identity.device] = 1
    return history


def rot(history: History, number: int, wanted: Callable[[SegmentHeader | None], bool]) -> None:
    """Flip the first bit of a stored segment that leaves the wanted header, None = no header."""
    log = history.world.server.log
    entry = log[number - 1]
    for bit in range(8 * len(entry.wire)):
        wire = bytearray(entry.wire)
        wire[bit // 8] ^= 1 << bit % 8
        try:
            header = parse_segment(bytes(wire)).header
        except FormatError:
            header = None
        if wanted(header):
            log[number - 1] = msgspec.structs.replace(entry, wire=bytes(wire))
            return
    raise AssertionError("no bit does that")


@pytest.mark.parametrize("number", [1, 2])
def test_a_rotted_segment_that_is_none_any_more_is_nobodys(number: int) -> None:
    history = two_notes_and_a_removal()
    rot(history, number, lambda header: header is None)
    removed_stay_out(history.world, history.desks)


def test_a_rotted_header_says_nothing_of_when_the_log_was_closed_for_a_removed_desk() -> None:
    history = two_notes_and_a_removal()
    rot(history, 1, lambda header: header is not None and header.epoch == 1)
    removed_stay_out(history.world, history.desks)


def test_what_a_removed_desk_wrote_behind_its_removal_is_found_in_a_rotting_log_too() -> None:
    history = two_notes_and_a_removal()
    server, founder = history.world.server, history.desks[0]
    behind = server.log.pop()
    first = parse_segment(server.log[0].wire)
    header = msgspec.structs.replace(first.header, n=2, prev_hash=first.hash, epoch=1)
    server.append(seal_segment(header, (), epoch_key(1), founder.identity).wire)
    server.append(behind.wire)
    rot(history, 1, lambda header: header is None)
    with pytest.raises(Violated, match="taken over"):
        removed_stay_out(history.world, history.desks)
