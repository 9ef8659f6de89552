"""A clinician at one desk removes another: two requests, each of which may be lost, late or refused."""

from dataclasses import dataclass

from telemed_desk.sync import removal
from telemed_desk.sync.events import MembersChanged
from telemed_desk.sync.membership import grown_chain, verified_chain
from telemed_desk.sync.problems import Refused
from telemed_protocol.errors import KnownError
from telemed_protocol.membership import MemberChain, SignedRecord
from tests.simulator.cast import fresh_key
from tests.simulator.desk import SimDesk

TRIES = 5


@dataclass
class Removing:
    """As ``sync/removal.py`` does it, with the product's own record, over the simulated network."""

    desk: SimDesk
    device: bytes
    tries: int = TRIES

    def begin(self) -> None:
        """Ask for the chain as it is."""
        self._later(self._ask)

    def _later(self, step: object) -> None:
        life, world = self.desk.life, self.desk.world

        def run() -> None:
            if self.desk.life == life:
                self.desk.guarded(step)  # type: ignore[arg-type]

        world.later(world.delay(), run)

    def _is_cut(self) -> bool:
        world = self.desk.world
        return not world.server_up or not self.desk.line_up or world.chance(world.plan.lost)

    def _ask(self) -> None:
        if self._is_cut():
            return
        try:
            records, _ = self.desk.world.server.members(self.desk.identity.device)
        except KnownError:
            return
        if not self._is_cut():
            self._later(lambda: self._decide(records))

    def _decide(self, records: list[SignedRecord]) -> None:
        desk, me = self.desk, self.desk.identity.device
        try:
            chain = grown_chain(verified_chain(desk.store.member_records()), records)
        except KnownError:
            return
        if me not in chain.members or self.device not in chain.members:
            return
        key = fresh_key(chain.epoch + 1, me, self.tries)
        change = removal.removal_of(chain, self.device, desk.identity, key, desk.wall_ms())
        kept = verified_chain([*chain.records, change.record])
        self._later(lambda: self._post(change, kept, key))
        if desk.world.random.random() < 0.4:
            desk.feed(MembersChanged())  # a hint of something else: its answer may come late

    def _post(self, change: removal.AddMember, kept: MemberChain, key: bytes) -> None:
        world, me = self.desk.world, self.desk.identity.device
        if self._is_cut():
            return
        try:
            world.server.add_member(me, change, key)
        except Refused:
            self.tries -= 1
            if self.tries:
                self._later(self._ask)
            return
        except KnownError:
            return
        world.note(self.desk.name, f"removed {self.device[:1]!r}, epoch {kept.epoch}")
        world.announce_members()
        if not self._is_cut():
            self._later(lambda: self._keep(kept, key))

    def _keep(self, kept: MemberChain, key: bytes) -> None:
        desk = self.desk
        try:
            desk.store.keep_epoch_key(kept.epoch, key)
            desk.store.keep_member_records(kept.records)
        except KnownError:
            return  # the disk is full: the next answer of the server brings both
        desk.feed(MembersChanged())
        # The first entry under the new key closes the log for the one who was removed.
        desk.record(("device.set", self.device, (), {"label": "removed"}))
