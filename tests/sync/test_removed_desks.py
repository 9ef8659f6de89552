"""Desks with real vaults remove one another at a real server; a clinic comes back from its sheet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.sync.driver import SyncDriver
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.problems import CodeRefused, DeskRemoved, NotAuthorised
from telemed_desk.sync.recovery_sheet import make_sheet, restore_clinic
from telemed_desk.sync.removal import Rotation, remove_desk
from telemed_desk.sync.status import Phase
from telemed_desk.vault import OpDraft
from telemed_desk.workflow.enrolment import held_keys
from telemed_protocol.codes import EnrolCode
from telemed_protocol.membership import MemberChain
from telemed_protocol.segment import open_segment, parse_segment
from tests.server.rig import WIDE, ServerProcess
from tests.support.waiting import until
from tests.sync.real_desk import RealDesk, at_rest, wall_ms
from tests.sync.test_two_desks import found, join, write_note

NOTE = NoteText("Kielelezo: mkojo mweusi", "BP 140/90", "", "amoxicillin 125 mg x3")


@contextlib.asynccontextmanager
async def clinic(tmp_path: Path, names: str) -> AsyncIterator[tuple[ServerProcess, list[RealDesk]]]:
    """The first desk founds a clinic and lets the others in."""
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        desks = [RealDesk(tmp_path / name, f"Dr {name} Mfano", server.url) for name in names]
        try:
            await found(server, desks[0])
            for desk in desks[1:]:
                await join(desks[0], desk)
            yield server, desks
        finally:
            for desk in desks:
                await desk.close()


def chain_of(desk: RealDesk) -> MemberChain:
    return verified_chain(desk.vault.member_records())


async def remove(desk: RealDesk, other: RealDesk) -> Rotation:
    device = other.identity.device
    done = await remove_desk(desk.client, desk.identity, chain_of(desk), device, wall_ms())

    def keep() -> None:
        if done.key is not None:
            desk.vault.keep_epoch_key(done.chain.epoch, done.key)
        desk.vault.keep_member_records(done.chain.records)

    await asyncio.to_thread(keep)
    return done


def is_signed(desk: RealDesk, note: bytes) -> bool:
    known = desk.vault.note(note)
    return known is not None and known.is_signed


def is_out(driver: SyncDriver) -> bool:
    return driver.status.problem == DeskRemoved.code and driver.status.phase is Phase.REFUSED


async def test_a_removed_desk_gets_nothing_new_and_keeps_what_it_never_sent(
    tmp_path: Path,
) -> None:
    async with clinic(tmp_path, "abcd") as (_, (a, b, c, d)):
        a.vault.commit(OpDraft("device.set", a.identity.device, {"label": "Room 4"})).result()
        async with a.syncing() as drive_a, b.syncing() as drive_b:
            before = write_note(a, NOTE)
            drive_a.poke()
            await at_rest(drive_a, a)
            drive_b.head_announced(100)
            await until(lambda: is_signed(b, before), "what was written before, on B")
            await remove(a, b)
            drive_a.members_changed()
            after = write_note(a, NOTE)
            drive_a.poke()
            await at_rest(drive_a, a)
            unsent = write_note(b, NOTE)
            drive_b.poke()
            drive_b.try_now()
            await until(
                lambda: is_out(drive_b) and b.vault.unacknowledged(),
                "B is told that it was removed",
            )
            assert drive_b.status.waiting_ops == 5
        assert b.vault.note_text(unsent) == NOTE
        assert b.vault.note(after) is None
        with pytest.raises(DeskRemoved):
            await b.client.pull(0, 100)
        (refused, *_) = b.vault.unacknowledged()
        with pytest.raises(DeskRemoved):
            await b.client.push(refused)
        # Were the server to hand it the log all the same, it could open nothing of it.
        later = [
            parse_segment(entry.wire)
            for entry in (await a.client.pull(0, 100)).segments
            if parse_segment(entry.wire).header.epoch == 1
        ]
        assert later
        keys = [key for epoch in range(3) if (key := b.vault.epoch_key(epoch)) is not None]
        assert len(keys) == 1
        for segment in later:
            for key in keys:
                with pytest.raises(Exception, match="segment seal"):
                    open_segment(segment, key)
        # A second removal while C sleeps; then C wakes, and reads and writes as everybody.
        await remove(a, d)
        async with a.syncing() as drive_a, c.syncing() as drive_c:
            third = write_note(a, NOTE)
            drive_a.poke()
            await at_rest(drive_a, a)
            drive_c.head_announced(100)  # there is no socket here, and the next look is in a minute
            await until(lambda: all(is_signed(c, n) for n in (before, after, third)), "all on C")
            assert chain_of(c).epoch == 2
            own = write_note(c, NOTE)
            drive_c.poke()
            await at_rest(drive_c, c)
            drive_a.head_announced(100)
            await until(lambda: is_signed(a, own), "C's note on A")
            assert a.vault.quarantined() == c.vault.quarantined() == 0


async def test_desks_that_remove_at_once_come_to_one_chain_and_one_key(tmp_path: Path) -> None:
    async with clinic(tmp_path, "abcd") as (_, (a, b, c, d)):
        first, second = await asyncio.gather(remove(a, b), remove(c, b))
        assert (first.key is None) != (second.key is None)
        assert first.chain.head == second.chain.head
        await asyncio.gather(remove(a, d), remove(c, d))
        async with a.syncing() as drive_a, c.syncing() as drive_c:
            notes = [write_note(desk, NOTE) for desk in (a, c)]
            for drive in (drive_a, drive_c):
                drive.try_now()
            await at_rest(drive_a, a)
            await at_rest(drive_c, c)
            for drive in (drive_a, drive_c):
                drive.head_announced(100)
            await until(
                lambda: all(is_signed(desk, note) for desk in (a, c) for note in notes),
                "both notes on both",
            )
        assert chain_of(a).head == chain_of(c).head
        assert chain_of(a).epoch == 2
        for epoch in range(3):
            assert a.vault.epoch_key(epoch) == c.vault.epoch_key(epoch) is not None


async def test_of_two_that_remove_each_other_one_stays_and_the_other_is_told(
    tmp_path: Path,
) -> None:
    async with clinic(tmp_path, "ab") as (_, (a, b)):
        await asyncio.gather(a.client.token(), b.client.token())
        outcome = await asyncio.gather(remove(a, b), remove(b, a), return_exceptions=True)
        stayed = [who for who, said in zip((a, b), outcome, strict=True) if said_yes(said)]
        refused = [said for said in outcome if isinstance(said, NotAuthorised)]
        assert len(stayed) == len(refused) == 1
        assert set(chain_of(stayed[0]).members) == {stayed[0].identity.device}


def said_yes(said: object) -> bool:
    return isinstance(said, Rotation) and said.key is not None


async def test_a_clinic_whose_only_desk_died_comes_back_with_its_recovery_sheet(
    tmp_path: Path,
) -> None:
    async with clinic(tmp_path, "ab") as (server, (a, b)):
        code, chain = await make_sheet(
            a.client, a.identity, chain_of(a), held_keys(a.vault, chain_of(a)), wall_ms()
        )
        await asyncio.to_thread(a.vault.keep_member_records, chain.records)
        async with a.syncing() as drive_a:
            notes = [write_note(a, NOTE)]
            drive_a.poke()
            await at_rest(drive_a, a)
            await remove(a, b)
            drive_a.members_changed()
            notes.append(write_note(a, NOTE))
            drive_a.poke()
            await at_rest(drive_a, a)
        fresh = RealDesk(tmp_path / "c", "Dr Chebet Mfano", server.url)
        try:
            wrong = EnrolCode.generate("TMK")
            with pytest.raises(CodeRefused):
                await restore_clinic(fresh.client, wrong.text, fresh.identity, wall_ms())
            restored = await restore_clinic(fresh.client, code.text, fresh.identity, wall_ms())
            assert restored.clinic == a.vault.clinic

            def keep() -> None:
                fresh.vault.set_clinic(restored.clinic).result()
                fresh.vault.keep_member_records(restored.chain.records)
                for epoch, key in restored.keys.items():
                    fresh.vault.keep_epoch_key(epoch, key)

            await asyncio.to_thread(keep)
            async with fresh.syncing():
                await until(lambda: all(is_signed(fresh, n) for n in notes), "both notes are back")
            # The lost PC is removed by the new one, and the sheet can be withdrawn as a PC can.
            await remove(fresh, a)
            sheet = next(m for m in chain_of(fresh).members if m != fresh.identity.device)
            gone = await remove_desk(
                fresh.client, fresh.identity, chain_of(fresh), sheet, wall_ms()
            )
            assert set(gone.chain.members) == {fresh.identity.device}
            late = RealDesk(tmp_path / "d", "Dr Deng Mfano", server.url)
            try:
                with pytest.raises(CodeRefused, match="withdrawn"):
                    await restore_clinic(late.client, code.text, late.identity, wall_ms())
            finally:
                await late.close()
        finally:
            await fresh.close()
