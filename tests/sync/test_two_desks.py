"""Two desks with real vaults, the real server as its own process, and every byte between them."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.sync.desk_socket import DeskSocket
from telemed_desk.sync.driver import SyncDriver
from telemed_desk.sync.enrolment import found_clinic, make_invitation
from telemed_desk.sync.joining import request_enrolment
from telemed_desk.sync.letting_in import Attempts, asking_desks, grant_asking
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.problems import CodeRefused
from telemed_desk.sync.status import Phase
from telemed_desk.vault import OpDraft
from telemed_protocol.api import EnrolRequest
from telemed_protocol.ids import new_id
from tests.server.rig import WIDE, ServerProcess
from tests.support.waiting import until
from tests.sync.let_in import compare, let_in
from tests.sync.real_desk import RealDesk, at_rest, wall_ms
from tests.sync.wire_tap import WireTap

CANARIES = ("Kielelezo", "mkojo mweusi", "amoxicillin 125 mg", "Jaribio", "+254 700 000 123")


@pytest.fixture
def server(tmp_path: Path) -> "contextlib.AbstractContextManager[ServerProcess]":
    return ServerProcess(tmp_path / "server", *WIDE)


@contextlib.asynccontextmanager
async def clinic_of(
    server: ServerProcess, tmp_path: Path
) -> AsyncIterator[tuple[RealDesk, RealDesk, WireTap]]:
    """Desk A founds a clinic with a code, desk B is let in with another; both as people do it."""
    async with WireTap(server.port).running() as tap:
        a = RealDesk(tmp_path / "a", "Dr Amina Mfano", tap.url)
        b = RealDesk(tmp_path / "b", "Dr Brian Mfano", tap.url)
        await found(server, a)
        await join(a, b)
        try:
            yield a, b, tap
        finally:
            await a.close()
            await b.close()


async def found(server: ServerProcess, desk: RealDesk) -> None:
    founded = await found_clinic(desk.client, server.code().text, desk.identity)
    desk.vault.set_clinic(founded.clinic).result()
    await asyncio.to_thread(desk.vault.keep_member_records, founded.chain.records)
    await asyncio.to_thread(desk.vault.keep_epoch_key, 0, founded.epoch_key)


async def join(member: RealDesk, newcomer: RealDesk) -> None:
    code = await make_invitation(member.client, wall_ms() / 1000)
    key = member.vault.epoch_key(0)
    assert key is not None
    chain, granted = await let_in(
        (member.client, member.identity, verified_chain(member.vault.member_records())),
        (newcomer.client, newcomer.identity),
        code,
        {0: key},
    )
    await asyncio.to_thread(member.vault.keep_member_records, chain.records)
    newcomer.vault.set_clinic(granted.clinic).result()
    await asyncio.to_thread(newcomer.vault.keep_member_records, granted.chain.records)
    for epoch, epoch_key in granted.keys.items():
        await asyncio.to_thread(newcomer.vault.keep_epoch_key, epoch, epoch_key)


def write_note(desk: RealDesk, text: NoteText) -> bytes:
    """A patient, a consultation and a signed note, as the workflow records them."""
    patient, consultation, note = new_id(), new_id(), new_id()
    at_ms = wall_ms()
    desk.vault.commit(
        OpDraft(
            "patient.set",
            patient,
            {
                "given_name": "Zawadi",
                "family_name": "Jaribio",
                "phone": "+254 700 000 123",
                "year_of_birth": 1971,
            },
        ),
        OpDraft(
            "consult.book",
            consultation,
            {
                "patient": patient,
                "programme": "home",
                "way": "video",
                "booked_ms": at_ms,
                "minutes": 20,
                "clinician": desk.clinician.entity,
                "reason": "Kielelezo",
            },
        ),
        OpDraft("consult.state", consultation, {"state": "writing", "at_ms": at_ms}),
    ).result()
    desk.vault.journal_draft(note, consultation, text, at_ms).result()
    desk.vault.sign_note(note, at_ms).result()
    return note


NOTE = NoteText("Kielelezo: mkojo mweusi", "BP 140/90", "", "amoxicillin 125 mg x3")


def traces(server: ServerProcess, tap: WireTap) -> bytes:
    """Everything that the server wrote or that went over the wire."""
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert files
    return b"".join(
        [*(path.read_bytes() for path in files), server.log.read_bytes(), bytes(tap.bytes_seen)]
    )


async def test_a_note_signed_on_one_desk_is_read_on_the_other_and_by_nobody_between(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with (
            clinic_of(server, tmp_path) as (a, b, tap),
            a.syncing() as drive_a,
            b.syncing() as drive_b,
        ):
            note = write_note(a, NOTE)
            drive_a.poke()
            await at_rest(drive_a, a)
            drive_b.head_announced(1_000)
            await until(lambda: _is_signed(b, note), "the note on desk B")
            assert b.vault.note_text(note) == NOTE
            await until(
                lambda: {op.kind for op in b.applied} >= {"patient.set", "note.sign"},
                "word of what was applied",
            )
            assert drive_b.status.last_contact_ms is not None
            seen = traces(server, tap)
            assert b"/v1/segments" in seen
            for word in CANARIES:
                assert word.encode() not in seen
                assert word.encode("utf-16-le") not in seen
                assert zlib.compress(word.encode())[2:-4] not in seen
            # The same search does find what the server may know.
            assert a.identity.device in seen


def is_offline(driver: SyncDriver) -> bool:
    return driver.status.phase is Phase.OFFLINE and driver.status.problem == "TD-NET-001"


def _is_signed(desk: RealDesk, note: bytes) -> bool:
    found = desk.vault.note(note)
    return found is not None and found.is_signed


async def test_without_a_network_work_goes_on_and_is_sent_when_it_returns(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, b, tap), a.syncing() as drive_a:
            await at_rest(drive_a, a)
            tap.cut()
            note = write_note(a, NOTE)
            drive_a.poke()
            await until(lambda: is_offline(drive_a), "offline")
            status = drive_a.status
            assert status.waiting_ops == 5
            assert status.next_try_ms is not None
            tap.mend()
            drive_a.link_changed(up=True)
            await at_rest(drive_a, a)
            async with b.syncing():
                await until(lambda: _is_signed(b, note), "the note on desk B")


async def test_a_killed_server_loses_and_doubles_nothing(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, b, _), a.syncing() as drive_a:
            notes = []
            for turn in range(12):
                notes.append(write_note(a, NOTE.with_section(Section.OBJECTIVE, f"turn {turn}")))
                drive_a.poke()
                if turn % 4 == 2:
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                    drive_a.try_now()
                await asyncio.sleep(0)
            drive_a.try_now()
            await at_rest(drive_a, a)
            async with b.syncing() as drive_b:
                await until(lambda: all(_is_signed(b, n) for n in notes), "all notes on B")
                await at_rest(drive_b, b)
                drive_a.head_announced(b.vault.cursor().sseq)
                await until(lambda: b.vault.cursor() == a.vault.cursor(), "the same log")
                # Numbers of ops have no gaps, so one more or less would show here.
                numbers = sorted(op.number for op in b.applied)
                assert numbers == list(range(1, len(numbers) + 1))
                assert sum(op.kind == "note.sign" for op in b.applied) == 12


async def test_a_desk_that_stops_in_the_middle_goes_on_where_it_was(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, b, tap):
            async with a.syncing() as drive_a:
                await at_rest(drive_a, a)
                tap.cut()
                note = write_note(a, NOTE)
                drive_a.poke()
                await until(lambda: is_offline(drive_a), "offline")
            sealed = [s.hash for s in a.vault.unacknowledged()]
            tap.mend()
            async with a.syncing() as drive_a:
                await at_rest(drive_a, a)
            async with b.syncing():
                await until(lambda: _is_signed(b, note), "the note on desk B")
            assert sealed


async def test_the_socket_announces_what_the_other_desk_wrote(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with (
            clinic_of(server, tmp_path) as (a, b, _),
            a.syncing() as drive_a,
            b.syncing() as drive_b,
        ):
            await at_rest(drive_b, b)
            heads: list[int] = []

            def head(sseq: int) -> None:
                heads.append(sseq)
                drive_b.head_announced(sseq)

            socket = DeskSocket(
                b.client,
                on_room=lambda _room: None,
                on_box=lambda _seat, _box, _n: None,
                on_head=head,
                on_enrol=lambda: None,
                on_link=lambda state, _rtt: drive_b.link_changed(up=state == "up"),
            )
            line = asyncio.create_task(socket.run())
            note = write_note(a, NOTE)
            drive_a.poke()
            await until(lambda: _is_signed(b, note), "the note on desk B")
            assert heads
            line.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await line


async def test_a_code_works_once(tmp_path: Path, server: ServerProcess) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, _, tap):
            c = RealDesk(tmp_path / "c", "Dr Chebet Mfano", tap.url)
            code = await make_invitation(a.client, wall_ms() / 1000)
            key = a.vault.epoch_key(0)
            assert key is not None
            chain = verified_chain(a.vault.member_records())
            member = (a.client, a.identity, chain)
            _, asking = await compare(member, (c.client, c.identity), code)
            chain, added = await grant_asking(*member, asking, {0: key})
            assert added
            chain, added = await grant_asking(*member, asking, {0: key})
            assert not added
            assert not (await asking_desks(*member, [code], Attempts())).asking
            late = RealDesk(tmp_path / "d", "Dr Deng Mfano", tap.url)
            with pytest.raises(CodeRefused):
                await request_enrolment(late.client, code.text, late.identity)
            for desk in (c, late):
                await desk.close()


async def test_founding_again_after_a_lost_answer_finds_the_same_clinic(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        desk = RealDesk(tmp_path / "a", "Dr Amina Mfano", server.url)
        code = server.code().text
        first = await found_clinic(desk.client, code, desk.identity)
        again = await found_clinic(desk.client, code, desk.identity)
        assert again.clinic == first.clinic
        stranger = RealDesk(tmp_path / "b", "Dr Brian Mfano", server.url)
        with pytest.raises(CodeRefused):
            await found_clinic(stranger.client, code, stranger.identity)
        for closing in (desk, stranger):
            await closing.close()


async def test_a_request_without_the_code_is_not_granted(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, _, tap):
            code = await make_invitation(a.client, wall_ms() / 1000)
            intruder = RealDesk(tmp_path / "c", "Nobody", tap.url)
            # Knows what the server knows, the lookup id, but not the code's key.
            forged = EnrolRequest(code.lookup_id, intruder.identity.public, bytes(32), bytes(32))
            await intruder.client.ask_to_enrol(forged)
            attempts = Attempts()
            chain = verified_chain(a.vault.member_records())
            for _ in range(2):
                asked = await asking_desks(a.client, a.identity, chain, [code], attempts)
                assert not asked.asking
            (pending,) = await a.client.pending_desks()
            assert not pending.answer
            assert not attempts.seen  # who has not the code spends nobody's tries
            await intruder.close()
