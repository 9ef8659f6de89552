"""A real desk that writes every planted word, then waits to be searched; run by the test.

``python -m tests.secrecy.canary_desk FOLDER ORIGIN PIPE``; the enrolment code comes in first. What
only it knows, its keys and tokens, goes to that file descriptor as JSON. Says ``open``, ``locked``
and ``typing``, and goes on after each when a line comes in.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from telemed_desk import core_dumps, logs
from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.vault import OpDraft, Vault, VaultDirectory
from telemed_desk.vault.export import export_vault
from telemed_desk.workflow.booking import make_link
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.place import PlaceMemory, remember
from telemed_desk.workflow.set_up import NewDesk, set_up
from telemed_protocol.errors import KnownError
from telemed_protocol.ids import new_id
from tests.end_to_end.headless_desk import running_desk, until
from tests.secrecy.canaries import Canaries, made


async def pause(word: str) -> None:
    """Say where we are and wait for a line."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)


def plant(vault: Vault, planted: Canaries) -> list[bytes]:
    """Put everything into the vault; return the consultations."""
    consultations = []
    for number, who in enumerate(planted.patients):
        patient, consultation = new_id(), new_id()
        consultations.append(consultation)
        fields = {
            "given_name": who.given, "family_name": who.family, "number": who.number,
            "phone": who.phone, "remarks": who.remarks, "allergies": [who.allergy],
        }  # fmt: skip
        booking = {
            "patient": patient, "programme": "derm", "way": "video",
            "booked_ms": wall_ms() + number, "minutes": 20,
            "clinician": vault.clinician.entity, "reason": who.reason,
        }  # fmt: skip
        vault.commit(
            OpDraft("patient.set", patient, fields), OpDraft("consult.book", consultation, booking)
        ).result()
    for number, sections in enumerate(planted.notes):
        note = new_id()
        vault.journal_draft(note, consultations[number], NoteText(*sections), wall_ms()).result()
        if number % 3:
            vault.sign_note(note, wall_ms()).result()
    for number, (photo, preview) in enumerate(zip(planted.photos, planted.previews, strict=True)):
        vault.put_photo(
            consultations[number], photo, preview, 40, 30, source="page", at_ms=wall_ms()
        ).result()
    vault.set_setting("care.remarks", planted.setting.encode()).result()
    return consultations


def use_the_door(directory: VaultDirectory, vault: Vault, planted: Canaries) -> None:
    """A wrong passphrase, a new one, a PIN, a search, a backup, an export."""
    for wrong in (planted.wrong_passphrase, planted.wrong_passphrase[:-1]):
        try:
            directory.reveal(vault.clinician.entity, wrong)
        except KnownError as error:
            logs.structlog.get_logger("canary").warning("unlock_failed", code=error.code)
    directory.change_passphrase(vault, planted.later_passphrase)
    directory.keep_pin(vault, planted.pin)
    vault.search(planted.search)
    vault.search(planted.patients[0].family)
    vault.back_up()
    out = vault.folder.parent / "export.tmx"
    export_vault(vault, out, planted.export_passphrase.encode(), "passphrase")


def keys_of(vault: Vault) -> dict[str, bytes]:
    """Return every key that the open vault holds."""
    epoch = vault.epoch_key(0)
    assert epoch is not None
    links = {f"link secret {n}": opened.link.secret for n, opened in enumerate(vault.links_open())}
    return {
        "device's signing seed": vault.identity.signing_seed,
        "device's receiving seed": vault.identity.receiving_seed,
        "clinician's signing seed": bytes(vault._signing_seed),
        "master key": vault._master.reveal(),
        "database key": vault._master.database_key(),
        "clinic key": epoch,
        **links,
    }


async def main() -> None:
    folder, origin = Path(sys.argv[1]), sys.argv[2]
    code = (await asyncio.to_thread(sys.stdin.readline)).strip()  # no argument: others see those
    planted = made()
    core_dumps.leave_none()
    logs.configure(folder / "logs")
    directory = VaultDirectory(folder / "vault", reserve_bytes=64 * 1024)
    desk = NewDesk(
        origin, code, "Dr Asha Mfano", "Clinical officer", planted.passphrase,
        clinic_name=planted.patients[1].remarks, clinic_phone=planted.patients[1].phone,
        pc_label=planted.patients[2].remarks,
    )  # fmt: skip
    result = await set_up(directory, desk, lambda _step: None)
    if result.vault is None:
        raise RuntimeError(result.problem)
    vault = result.vault
    remember(folder, PlaceMemory(origin))
    consultations = await asyncio.to_thread(plant, vault, planted)
    async with running_desk(vault, origin, media=False, folder=folder) as running:
        running.session.open_note(consultations[-1])
        await until(lambda: running.session.note.value, "the note opens")
        running.session.edit(Section.PLAN, planted.typed)
        booked = vault.consultation(consultations[0])
        assert booked is not None
        await asyncio.wrap_future(
            running.core.submit(make_link(vault, running.session.client, booked, wall_ms()))
        )
        await asyncio.to_thread(use_the_door, directory, vault, planted)
        await until(lambda: vault.outbox().count == 0, "everything has a receipt", 180)
        await until(lambda: not vault.originals_waiting(), "the photos, too", 180)
        token = await asyncio.wrap_future(running.core.submit(running.session.client.token()))
        secrets = keys_of(vault) | {
            "token": token.encode(),
            "recovery code": result.recovery_code.encode(),
            "enrolment code": code.encode(),
        }
        told = json.dumps({name: value.hex() for name, value in secrets.items()})
        os.write(int(sys.argv[3]), told.encode() + b"\n")
        await pause("open")
    await pause("locked")
    vault = directory.unlock_with_pin(vault.clinician.entity, planted.pin)
    vault.journal_draft(
        new_id(), consultations[-2], NoteText(planted.typed * 50), wall_ms()
    ).result()
    await pause("typing")


if __name__ == "__main__":
    asyncio.run(main())
