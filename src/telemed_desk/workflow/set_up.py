"""Setting up this PC: found a clinic with the keeper's code, or join one with another desk's code.

Core thread. The vault is made first, so that no key exists only in memory when the server has
already said yes; a vault that never got a clinic is moved away again.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from telemed_desk.clinical.people import Clinician
from telemed_desk.sync.enrolment import await_grant, found_clinic, request_enrolment
from telemed_desk.sync.problems import WrongKindOfCode
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import OpDraft, Vault, VaultDirectory
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

SERVER_SETTING = "server_url"
GENESIS_SETTING = "genesis"


@dataclass(frozen=True, slots=True)
class NewDesk:
    """What a person typed to set this PC up."""

    server_url: str
    code: str
    clinician_name: str
    role: str
    passphrase: str
    clinic_name: str = ""
    clinic_phone: str = ""
    pc_label: str = ""


@dataclass(frozen=True, slots=True)
class SetUpResult:
    """An open vault and the code to print, or why not."""

    vault: Vault | None = None
    recovery_code: str = ""
    problem: KnownError | None = None


async def set_up(
    directory: VaultDirectory, desk: NewDesk, progress: Callable[[str], None]
) -> SetUpResult:
    """Make the vault and enrol with the server. ``progress`` gets step keys, on the core thread."""
    try:
        code = EnrolCode.parse(desk.code)
        if code.kind == "TMC" and not desk.clinic_name:
            raise WrongKindOfCode("clinic name missing")
    except KnownError as error:
        return SetUpResult(problem=error)
    identity = DeviceIdentity.generate(new_id())
    clinician = Clinician(new_id(), desk.clinician_name, desk.role)
    client = ServerClient(desk.server_url, identity)
    try:
        progress("keys")
        vault, recovery = await asyncio.to_thread(
            lambda: directory.create(
                clinician=clinician, passphrase=desk.passphrase, device=identity
            )
        )
    except KnownError as error:
        await client.aclose()
        return SetUpResult(problem=error)
    try:
        if code.kind == "TMC":
            progress("found")
            await _found(vault, client, desk, identity)
        else:
            progress("ask")
            await _join(vault, client, desk.code, identity, progress)
    except KnownError as error:
        await asyncio.to_thread(vault.lock)
        # Nothing was recorded in it: no clinic, no patient, no note.
        await asyncio.to_thread(shutil.rmtree, directory.path)
        return SetUpResult(problem=error)
    finally:
        await client.aclose()
    progress("record")
    await asyncio.to_thread(_record, vault, desk, identity)
    return SetUpResult(vault, recovery)


async def _found(
    vault: Vault, client: ServerClient, desk: NewDesk, identity: DeviceIdentity
) -> None:
    founded = await found_clinic(client, desk.code, identity)

    def keep() -> None:
        vault.set_clinic(founded.clinic).result()
        vault.keep_member_records(founded.chain.records)
        vault.keep_epoch_key(0, founded.epoch_key)

    await asyncio.to_thread(keep)


async def _join(
    vault: Vault,
    client: ServerClient,
    code_text: str,
    identity: DeviceIdentity,
    progress: Callable[[str], None],
) -> None:
    code = await request_enrolment(client, code_text, identity)
    progress("wait")
    granted = await await_grant(client, code, identity, wait=asyncio.sleep)

    def keep() -> None:
        vault.set_clinic(granted.clinic).result()
        vault.keep_member_records(granted.chain.records)
        for epoch, key in granted.keys.items():
            vault.keep_epoch_key(epoch, key)

    await asyncio.to_thread(keep)


def _record(vault: Vault, desk: NewDesk, identity: DeviceIdentity) -> None:
    vault.set_setting(SERVER_SETTING, desk.server_url.encode()).result()
    drafts = [
        OpDraft("device.set", identity.device, {"label": desk.pc_label or "Desk"}),
    ]
    if desk.clinic_name and vault.clinic:
        drafts.append(
            OpDraft(
                "clinic.set", vault.clinic, {"name": desk.clinic_name, "phone": desk.clinic_phone}
            )
        )
    vault.commit(*drafts).result()
