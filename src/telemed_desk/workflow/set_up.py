"""Setting up this PC: found a clinic, join one with another desk's code, or restore it by its sheet.

Core thread. The vault is made first, so that no key exists only in memory when the server has
already said yes; a vault that never got a clinic is moved away again.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

from telemed_desk.clinical.people import Clinician
from telemed_desk.sync.enrolment import (
    FoundingResult,
    found_clinic,
)
from telemed_desk.sync.joining import Granted, await_answer, await_grant, request_enrolment
from telemed_desk.sync.problems import WrongKindOfCode
from telemed_desk.sync.recovery_sheet import make_sheet, restore_clinic
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import OpDraft, Vault, VaultDirectory
from telemed_desk.workflow.clock import wall_ms
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
    """An open vault and the codes to print, or why not.

    ``sheet_code`` is the clinic's recovery sheet; empty when this PC joined one, or the link broke just
    then: it can be made later on the Sync screen.
    """

    vault: Vault | None = None
    recovery_code: str = field(default="", repr=False)
    sheet_code: str = field(default="", repr=False)
    problem: KnownError | None = None


async def set_up(
    directory: VaultDirectory, desk: NewDesk, progress: Callable[[str], None]
) -> SetUpResult:
    """Make the vault and enrol with the server.

    ``progress`` gets step keys on the core thread: ``wait:`` is followed by the six digits that the
    other desk shows too.
    """
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
    sheet = ""
    try:
        match code.kind:
            case "TMC":
                progress("found")
                sheet = await _found(vault, client, desk, identity)
            case "TMD":
                progress("ask")
                await _join(vault, client, desk.code, identity, progress)
            case "TMK":
                progress("restore")
                restored = await restore_clinic(client, desk.code, identity, wall_ms())
                await asyncio.to_thread(_keep, vault, restored)
    except KnownError as error:
        await asyncio.to_thread(vault.lock)
        # Nothing was recorded in it: no clinic, no patient, no note.
        await asyncio.to_thread(shutil.rmtree, directory.path)
        return SetUpResult(problem=error)
    finally:
        await client.aclose()
    progress("record")
    await asyncio.to_thread(_record, vault, desk, identity)
    return SetUpResult(vault, recovery, sheet)


async def _found(
    vault: Vault, client: ServerClient, desk: NewDesk, identity: DeviceIdentity
) -> str:
    """Found the clinic; return the code of its recovery sheet."""
    founded = await found_clinic(client, desk.code, identity, wall_ms())
    await asyncio.to_thread(_keep, vault, founded)
    try:
        code, chain = await make_sheet(
            client, identity, founded.chain, {0: founded.epoch_key}, wall_ms()
        )
    except KnownError:
        return ""
    await asyncio.to_thread(vault.keep_member_records, chain.records)
    return code.text


async def _join(
    vault: Vault,
    client: ServerClient,
    code_text: str,
    identity: DeviceIdentity,
    progress: Callable[[str], None],
) -> None:
    joining = await request_enrolment(client, code_text, identity)
    progress("answer")
    answered = await await_answer(client, joining, wait=asyncio.sleep)
    progress(f"wait:{answered.number}")
    granted = await await_grant(client, answered, identity, wait=asyncio.sleep)
    await asyncio.to_thread(_keep, vault, granted)


def _keep(vault: Vault, clinic: FoundingResult | Granted) -> None:
    vault.set_clinic(clinic.clinic).result()
    vault.keep_member_records(clinic.chain.records)
    keys = clinic.keys if isinstance(clinic, Granted) else {0: clinic.epoch_key}
    for epoch, key in keys.items():
        vault.keep_epoch_key(epoch, key)


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
