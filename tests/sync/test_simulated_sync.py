"""Thousands of histories from seeds; and planted bugs that the same check must find."""

import pytest

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import Queued, Sent
from telemed_desk.sync.ports import LaneHead
from telemed_protocol.api import PulledSegment, Receipt
from telemed_protocol.op import Op
from telemed_protocol.segment import SealedSegment
from tests.sync.clinic_of_two import CHAIN, EPOCH_KEY
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer
from tests.sync.simulation import Parts, Violated, play

SEEDS = 2_000
BLOCKS = 8


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_history_ends_with_everything_everywhere_once(block: int) -> None:
    for seed in range(block, SEEDS, BLOCKS):
        try:
            play(seed)
        except Violated as error:
            pytest.fail(f"seed {seed}: {error}")


def test_the_same_seed_gives_the_same_history() -> None:
    assert play(77).trace == play(77).trace
    assert play(77).trace != play(78).trace


def found(parts: Parts, seeds: int = 200) -> bool:
    """Return whether the check finds the planted bug within some seeds."""
    for seed in range(seeds):
        try:
            play(seed, parts)
        except Violated:
            return True
    return False


class ForgetfulServer(ReferenceServer):
    """Planted: a repeated push is stored again."""

    def repeated(self, entry: PulledSegment) -> Receipt:
        return self.append(entry.wire)


class ReceiptBeforeWriting(ReferenceServer):
    """Planted: every fifth segment gets a receipt and is not stored."""

    pushes = 0

    def append(self, wire: bytes) -> Receipt:
        self.pushes += 1
        receipt = super().append(wire)
        if self.pushes % 5 == 0:
            self.log.pop()
        return receipt


class NumberNotReserved(MemoryStore):
    """Planted: a number counts as taken only once the server has it, so it is used again."""

    def lane_head(self, lane: int) -> LaneHead:
        return self.log_head_of(self.device, lane)


class DropsOnReceipt(SyncCore):
    """Planted: a receipt for one segment is taken for all of its lane."""

    def _sent(self, event: Sent, now_ms: int) -> None:
        super()._sent(event, now_ms)
        self._lanes[event.lane].waiting.clear()


class ForgetsOutbox(SyncCore):
    """Planted: what was sealed before a restart is not sent again."""

    def __init__(self, queued: tuple[Queued, ...], cursor_sseq: int) -> None:
        super().__init__(queued[:0], cursor_sseq)


class LosesOps(MemoryStore):
    """Planted: sealing marks one op too many as sealed."""

    def keep_sealed(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        super().keep_sealed(segment, ops)
        self.own = [(lane, op, True) for lane, op, _ in self.own]


@pytest.mark.parametrize(
    "parts",
    [
        Parts(server=ForgetfulServer),
        Parts(server=ReceiptBeforeWriting),
        Parts(core=DropsOnReceipt),
        Parts(core=ForgetsOutbox),
        Parts(
            store=lambda who, commit: NumberNotReserved(
                who.device, commit, records=list(CHAIN.records), keys={0: EPOCH_KEY}
            )
        ),
        Parts(
            store=lambda who, commit: LosesOps(
                who.device, commit, records=list(CHAIN.records), keys={0: EPOCH_KEY}
            )
        ),
    ],
    ids=["no-dedup", "early-receipt", "lane-cleared", "no-resend", "n-reused", "ops-lost"],
)
def test_the_check_finds_planted_bugs(parts: Parts) -> None:
    assert found(parts)
