"""Two desks as they are at work: one asks to join, is compared and added, and later removed."""

import asyncio
from pathlib import Path

from telemed_desk.practice import founding_code
from telemed_desk.sync.problems import DeskRemoved
from telemed_desk.vault import OpDraft, Vault, VaultDirectory
from telemed_desk.workflow.desks import DesksState, Member
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.set_up import NewDesk, SetUpResult, set_up
from telemed_protocol.membership import MemberChain
from tests.end_to_end.headless_desk import (
    HeadlessDesk,
    running_desk,
    running_server,
    until,
)
from tests.sync.real_desk import PASSPHRASE


async def set_up_with(
    folder: Path, url: str, code: str, told: list[str], clinic: str = ""
) -> SetUpResult:
    desk = NewDesk(
        *(url, code, "Nurse Mercy Jaribio", "Nurse", PASSPHRASE),
        clinic_name=clinic,
        pc_label="Room 5" if not clinic else "Room 4",
    )
    return await set_up(VaultDirectory(folder), desk, told.append)


def state_of(desk: HeadlessDesk) -> DesksState:
    return desk.session.desks.state.value


def sheets(desk: HeadlessDesk) -> list[Member]:
    return [member for member in state_of(desk).members if member.sheet]


def chain_epoch(vault: Vault) -> int:
    chain = MemberChain()
    for record in vault.member_records():
        chain.extend(record)
    return chain.epoch


def problem_of(desk: HeadlessDesk) -> str:
    sync = desk.session.status.value.sync
    return sync.problem if sync is not None else ""


async def test_a_pc_is_compared_added_removed_and_told_so(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        founding = await asyncio.to_thread(founding_code, server.data)
        made = await set_up_with(tmp_path / "a", server.origin, founding, [], "Mto Mawe")
        vault = made.vault
        assert vault is not None
        assert made.sheet_code not in repr(made)
        async with running_desk(vault, server.origin, media=False) as first:
            # The founding desk made the clinic's recovery sheet in the same go.
            await until(lambda: sheets(first), "the recovery sheet is listed")
            codes: list[CodeResult] = []
            first.session.add_desk(codes.append)
            await until(lambda: codes, "a code")
            assert codes[0].text not in repr(codes)
            told: list[str] = []
            joining = asyncio.create_task(
                set_up_with(tmp_path / "b", server.origin, codes[0].text, told)
            )
            await until(lambda: state_of(first).asking, "a PC asks")
            (asking,) = state_of(first).asking
            await until(lambda: f"wait:{asking.number}" in told, "the same number on both")
            assert not joining.done()
            first.session.desks.grant(asking.key)
            joined = (await joining).vault
            assert joined is not None
            assert not sheets_made(joined)
            async with running_desk(joined, server.origin, media=False) as second:
                await until(lambda: named(first, "Room 5"), "its name has arrived")
                await until(lambda: len(state_of(second).members) == 3, "it knows the others")
                await until(lambda: joined.outbox().count == 0, "all that it wrote is sent")
                first.session.desks.remove(joined.identity.device)
                await until(lambda: chain_epoch(vault) == 1, "it is removed")
                await until(lambda: not named(first, "Room 5"), "it is not listed any more")
                joined.commit(
                    OpDraft("device.set", joined.identity.device, {"label": "Room 5b"})
                ).result()
                second.session.sync_now()
                await until(lambda: problem_of(second) == DeskRemoved.code, "it is told so")
                assert joined.outbox().count == 1
                assert joined.epoch_key(1) is None
            await until(lambda: vault.outbox().count == 0, "the clinic goes on under the new key")
            vault_keys = [vault.epoch_key(0), vault.epoch_key(1)]
            assert state_of(first).problem is None
        # Every PC is lost; there is the paper in the safe.
        told = []
        back = (await set_up_with(tmp_path / "c", server.origin, made.sheet_code, told)).vault
        assert back is not None
        assert "restore" in told
        assert back.epoch_key(0) == vault_keys[0]
        assert back.epoch_key(1) == vault_keys[1] is not None
        async with running_desk(back, server.origin, media=False) as third:
            await until(back.clinic_profile, "the clinic's records are read")
            assert len(state_of(third).members) == 3


def sheets_made(vault: Vault) -> bool:
    return any(record.parse().by == vault.identity.device for record in vault.member_records())


def named(desk: HeadlessDesk, label: str) -> bool:
    return any(member.label == label and member.heard_ms for member in state_of(desk).members)
