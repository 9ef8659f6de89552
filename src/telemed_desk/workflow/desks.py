"""The PCs of this clinic: who they are, adding one, removing one, and the recovery sheet.

Public methods are called on the GUI thread and return at once, save where it says core thread.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from telemed_desk.sync.letting_in import Asking
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.recovery_sheet import make_sheet
from telemed_desk.sync.removal import remove_desk
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Change, OpDraft, Vault
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.enrolment import CodeResult, Granting, held_keys
from telemed_desk.workflow.watched import Watched
from telemed_protocol.errors import KnownError
from telemed_protocol.membership import RECOVERY, MemberChain

_log = structlog.get_logger("desks")
_TABLES = frozenset({"member_record", "epoch_key", "device"})


@dataclass(frozen=True, slots=True)
class Member:
    """A PC of the clinic, or its recovery sheet.

    Attributes:
        device: Its id.
        label: What the clinic calls it; empty = not known yet.
        since_ms: When it was added, by the clock of who added it; None = by an early version.
        heard_ms: When the newest entry that has come here was written there; None = none yet.
        this_pc: It is this one.
        sheet: It is no PC but the recovery sheet.
    """

    device: bytes
    label: str
    since_ms: int | None
    heard_ms: int | None
    this_pc: bool
    sheet: bool


@dataclass(frozen=True, slots=True)
class DesksState:
    """What the Sync screen shows of them.

    Attributes:
        members: In order of the chain.
        asking: PCs that ask to be added, for somebody to compare the numbers.
        removed: This PC is no member any more, by a member's record.
        working: The device that is being removed or added now.
        problem: Why the last thing asked for did not happen.
        asking_problem: What is wrong with those who ask.
    """

    members: tuple[Member, ...] = ()
    asking: tuple[Asking, ...] = ()
    removed: bool = False
    working: bytes = b""
    problem: KnownError | None = None
    asking_problem: KnownError | None = None

    @property
    def has_sheet(self) -> bool:
        """Whether the clinic can be restored when all its PCs are gone."""
        return any(member.sheet for member in self.members)


def read_members(vault: Vault) -> tuple[tuple[Member, ...], bool]:
    """Return the clinic's members as known here, and whether this PC was removed."""
    chain = verified_chain(vault.member_records())
    own, labels = vault.identity.device, vault.device_labels()
    times = {}
    for signed in chain.records:
        record = signed.parse()
        if record.action != "revoke":
            times[record.member.device] = record.at_ms or None
    members = tuple(
        Member(
            device,
            labels.get(device, ""),
            times[device],
            vault.newest_entry_ms(device),
            device == own,
            chain.role_of(device) == RECOVERY,
        )
        for device in times
        if device in chain.members
    )
    return members, chain.removed_at(own) is not None


class Desks:
    """Keeps the list, and does what is asked for.

    Args:
        core: The core thread.
        vault: Unlocked.
        client: The clinic's server.
        now_ms: Wall clock.
        members_changed: Tells sync to look at chain and keys. Any thread.
    """

    def __init__(
        self,
        core: CoreThread,
        vault: Vault,
        client: ServerClient,
        now_ms: Callable[[], int],
        members_changed: Callable[[], None],
    ) -> None:
        self._core = core
        self._vault = vault
        self._client = client
        self._now_ms = now_ms
        self._members_changed = members_changed
        self._refused: set[bytes] = set()
        self.granting = Granting(vault, client, now_ms)
        self.state: Watched[DesksState] = Watched(core.post, DesksState())

    def start(self) -> Callable[[], None]:
        """Begin to follow the vault; return what ends it. Core thread."""
        self._core.spawn(self._read())
        return self._vault.on_change(self._vault_changed)

    def news(self) -> None:
        """The server says that somebody asks, or was removed. Core thread."""
        self._members_changed()
        self.look_who_asks()

    def look_who_asks(self) -> None:
        """Ask the server who wants to be added. Core thread."""
        self._core.spawn(self._look())

    # ---- intentions ----------------------------------------------------------------------------

    def add(self, done: Callable[[CodeResult], None]) -> None:
        """Make a code by which one more PC may ask to be added."""
        self._core.run(self.granting.invite_result(), done)

    def grant(self, key: bytes) -> None:
        """Add a PC that asks (:attr:`Asking.key`): somebody saw the same number on its screen."""
        # What was on the screen counts; the server may tell something else by now.
        for asking in self.state.value.asking:
            if asking.key == key:
                device = asking.public.device
                self._core.run(self._doing(device, partial(self._grant, asking)))

    def refuse(self, key: bytes) -> None:
        """Leave a PC out that shows another number."""
        self._core.run(self._refuse(key))

    def remove(self, device: bytes) -> None:
        """Remove a PC, or withdraw the recovery sheet, and change the clinic's key."""
        self._core.run(self._doing(device, lambda: self._remove(device)))

    def make_sheet(self, done: Callable[[CodeResult], None]) -> None:
        """Make the clinic's recovery sheet; its code is shown once and kept nowhere."""
        self._core.run(self._make_sheet(), done)

    # ---- core thread ---------------------------------------------------------------------------

    def _vault_changed(self, changes: frozenset[Change]) -> None:
        if any(change.table in _TABLES for change in changes):
            self._core.loop.call_soon_threadsafe(lambda: self._core.spawn(self._read()))

    async def _read(self) -> None:
        try:
            members, removed = await asyncio.to_thread(read_members, self._vault)
        except KnownError as error:
            _log.info("members_not_read", code=error.code)
            return
        known = {member.device for member in members}
        asking = tuple(a for a in self.state.value.asking if a.public.device not in known)
        self._set(members=members, removed=removed, asking=asking)

    async def _look(self) -> None:
        try:
            asked = await self.granting.asking()
        except KnownError as error:
            _log.info("asking_not_read", code=error.code)
            return
        asking = tuple(a for a in asked.asking if a.key not in self._refused)
        self._set(asking=asking, asking_problem=asked.problem)

    async def _doing(self, device: bytes, action: Callable[[], Awaitable[None]]) -> None:
        self._set(working=device, problem=None)
        try:
            await action()
        except KnownError as error:
            _log.warning("membership_failed", code=error.code)
            self._set(problem=error)
        finally:
            self._set(working=b"")
        await self._read()

    async def _grant(self, asking: Asking) -> None:
        await self.granting.grant(asking)
        await self._look()
        self._members_changed()

    async def _refuse(self, key: bytes) -> None:
        self._refused.add(key)
        self._set(asking=tuple(a for a in self.state.value.asking if a.key != key))

    async def _remove(self, device: bytes) -> None:
        vault = self._vault
        chain = await asyncio.to_thread(self._chain)
        done = await remove_desk(self._client, vault.identity, chain, device, self._now_ms())

        def keep() -> None:
            # The key first: with the record alone this PC would have nothing to seal with.
            if done.key is not None:
                vault.keep_epoch_key(done.chain.epoch, done.key)
            vault.keep_member_records(done.chain.records)

        await asyncio.to_thread(keep)
        if done.key is not None and done.chain.role_of(device) != RECOVERY:
            # The first entry under the new key is where the log ends for who was removed, so one is
            # made at once.
            label = vault.device_labels().get(device, "")
            vault.commit(OpDraft("device.set", device, {"label": label}))
        self._members_changed()

    async def _make_sheet(self) -> CodeResult:
        vault = self._vault
        try:
            chain = await asyncio.to_thread(self._chain)
            keys = await asyncio.to_thread(held_keys, vault, chain)
            code, chain = await make_sheet(
                self._client, vault.identity, chain, keys, self._now_ms()
            )
            await asyncio.to_thread(vault.keep_member_records, chain.records)
        except KnownError as error:
            return CodeResult(problem=error)
        return CodeResult(code.text)

    def _chain(self) -> MemberChain:
        return verified_chain(self._vault.member_records())

    def _set(self, **changes: object) -> None:
        self.state.set(replace(self.state.value, **changes))  # type: ignore[arg-type]  # by name
