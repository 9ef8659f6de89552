"""One history from a seed: act, misfortune, heal, come to rest, check."""

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

from tests.simulator.checks import check
from tests.simulator.desk import SimDesk
from tests.simulator.disk import Disk
from tests.simulator.liars import Liar
from tests.simulator.people import act
from tests.simulator.removing import Removing
from tests.simulator.server import RealLog
from tests.simulator.world import (
    DAY_MS,
    HOUR_MS,
    YEAR_MS,
    Outcome,
    Parts,
    Plan,
    Violated,
    World,
    drawn,
)

REST_MS = HOUR_MS // 2
REST_ALONE_MS = 2 * HOUR_MS + HOUR_MS // 2
"""More than two of the longest waits between tries."""


class History:
    """A world, its desks, and what strikes them."""

    def __init__(self, seed: int, plan: Plan, parts: Parts) -> None:
        self.world = World(seed, plan, parts)
        self.liar: Liar | None = None
        if plan.real_log:
            records, active = self.world.server.records, self.world.server.active
            self.world.server = RealLog(records, active)
        if plan.liar:
            self.liar = Liar(self.world.server, plan.liar, self.world.random)
            self.world.server = self.liar  # type: ignore[assignment]
            self.world.receipt_taken = self.liar.taken
            self.world.page_taken = self.liar.page_taken
            self.world.members_taken = self.liar.members_taken
            self.liar.has_key = self._has_key
        self.world.announce = self._announce
        self.world.announce_members = self._announce_members
        self.desks = [SimDesk(self.world, i) for i in range(plan.desks)]
        self.backups: dict[str, Disk] = {}

    def _announce(self, sseq: int) -> None:
        for desk in self.desks:
            if self.world.random.random() < 0.7:
                self.world.later(self.world.delay(), lambda d=desk: d.hear_of(sseq))  # type: ignore[misc]

    def _announce_members(self) -> None:
        for desk in self.desks:
            if self.world.random.random() < 0.7:
                self.world.later(self.world.delay(), desk.hear_of_members)

    def _has_key(self, device: bytes, epoch: int) -> bool:
        return any(
            d.identity.device == device and d.alive and d.store.epoch_key(epoch) is not None
            for d in self.desks
        )

    def live(self) -> None:
        """Live through it and check the end.

        Raises:
            Violated: An invariant does not hold.
        """
        world, plan = self.world, self.world.plan
        for _ in range(plan.actions):
            if world.random.random() < 0.65:
                act(world.random.choice(self.desks))
            else:
                self._misfortune()
            pauses = [5, 500, 5_000, 60_000]
            if plan.partitions:
                pauses.append(2 * HOUR_MS)
            world.run_until(world.now_ms + world.random.choice(pauses))
        self._heal()
        world.run_until(world.now_ms + (REST_ALONE_MS if plan.unattended else REST_MS))
        lied_to = None
        if self.liar is not None:
            lied_to = self.liar.lied_to if self.liar.lying else set()
        check(world, self.desks, lied_to=lied_to)

    def _misfortune(self) -> None:
        world, plan = self.world, self.world.plan
        desk = world.random.choice(self.desks)
        kinds = ["link", "server", "power"]
        kinds += ["partition"] * 2 * plan.partitions + ["clock"] * 2 * plan.clocks
        kinds += ["full"] * 2 * plan.disk_full + ["damage"] * plan.disk_damage
        kinds += ["rot"] * plan.server_rot + ["backup", "restore", "restore"] * plan.restore
        kinds += ["clone"] * 2 * plan.clone + ["remove"] * 6 * plan.removal
        kinds += ["lie"] * 4 * bool(plan.liar)
        kind = world.random.choice(kinds)
        world.note(desk.name, kind)
        getattr(self, "_do_" + kind)(desk)

    def _do_link(self, desk: SimDesk) -> None:
        desk.link(up=self.world.random.random() < 0.5)

    def _do_server(self, _desk: SimDesk) -> None:
        self.world.server_up = not self.world.server_up

    def _do_power(self, desk: SimDesk) -> None:
        if desk.alive and self.world.plan.crash:
            desk.crash()

    def _do_partition(self, desk: SimDesk) -> None:
        """A line is gone for up to days."""
        desk.line_up = False
        away_ms = self.world.random.choice((HOUR_MS, DAY_MS, 3 * DAY_MS))

        def back() -> None:
            desk.line_up = True
            desk.link(up=True)

        self.world.later(away_ms, back)

    def _do_clock(self, desk: SimDesk) -> None:
        desk.clock_offset_ms = self.world.random.choice(
            (0, -YEAR_MS, YEAR_MS, -DAY_MS, HOUR_MS, 7 * 60_000)
        )

    def _do_full(self, desk: SimDesk) -> None:
        desk.disk.full = not desk.disk.full

    def _do_damage(self, desk: SimDesk) -> None:
        if desk.alive and desk.index:
            desk.disk.damaged = True
            desk.crash()

    def _do_rot(self, _desk: SimDesk) -> None:
        """A bit flips in what the server stores."""
        log = self.world.server.log
        if not log or self.world.plan.real_log:
            return
        at = self.world.random.randrange(len(log))
        wire = bytearray(log[at].wire)
        wire[self.world.random.randrange(len(wire))] ^= 1
        log[at] = type(log[at])(log[at].sseq, log[at].log_hash, bytes(wire))

    def _do_backup(self, desk: SimDesk) -> None:
        if desk.alive:
            self.backups[desk.name] = desk.disk.copy()

    def _do_restore(self, desk: SimDesk) -> None:
        older = self.backups.get(desk.name)
        if older is not None and desk.alive:
            desk.restored(older)

    def _do_clone(self, desk: SimDesk) -> None:
        if len(self.desks) > self.world.plan.desks or not desk.alive:
            return
        twin = SimDesk(self.world, desk.index, desk.disk.copy(), f"{desk.name}'")
        twin.mine = {k: v for k, v in desk.mine.items() if k in twin.store.ops}
        self.desks.append(twin)

    def _do_remove(self, desk: SimDesk) -> None:
        """Somebody at another desk removes this one; at times it removes that one just then, too."""
        others = [d for d in self.desks if d.alive and d.index != desk.index and not d.removed]
        if desk.removed or not others or len(self.world.server.active) < 3:
            return
        remover = self.world.random.choice(others)
        Removing(remover, desk.identity.device).begin()
        if self.world.random.random() < 0.3:
            second = self.world.random.choice([*others, desk])
            victim = desk if second is not desk else remover
            if second is not victim:
                Removing(second, victim.identity.device).begin()

    def _do_lie(self, _desk: SimDesk) -> None:
        assert self.liar is not None
        # Those who have read least: there is most to lie to them about.
        behind = sorted(self.desks, key=lambda d: (d.store.cursor().sseq, d.index))
        side = {d.identity.device for d in behind[: max(1, len(behind) // 2)]}
        self.liar.begin(side, behind[0].store.cursor().sseq)

    def _heal(self) -> None:
        """Everything is repaired, and a person presses "try now" where that is asked for."""
        world = self.world
        world.healed = True
        world.server_up = True
        for desk in self.desks:
            desk.line_up = True
            desk.disk.full = False
            if not desk.alive and not desk.excused:
                desk.boot()
        world.run_until(world.now_ms + HOUR_MS // 4)
        if world.plan.unattended:
            return
        for desk in self.desks:
            desk.link(up=True)
            if self.liar is None:
                desk.help()


@contextlib.contextmanager
def planted(parts: Parts) -> Iterator[None]:
    """Put the broken functions of a planted bug in place."""
    with contextlib.ExitStack() as stack:
        for module, name, replacement in parts.patches:
            stack.enter_context(patch.object(module, name, replacement))
        yield


def play(seed: int, plan: Plan | None = None, parts: Parts | None = None) -> Outcome:
    """Live through one history; a violation is in the outcome."""
    parts = parts or Parts()
    with planted(parts):
        history = History(seed, plan or drawn(seed), parts)
        world = history.world
        try:
            history.live()
        except Violated as error:
            return world.outcome(str(error), error.rule)
        except Exception as error:  # noqa: BLE001 - whatever fails, the seed must be told
            return world.outcome(f"bug: {error!r}", "bug")
        finally:
            server = history.liar.honest if history.liar else world.server
            if isinstance(server, RealLog):
                server.close()
    return world.outcome()
