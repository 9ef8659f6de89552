"""Two desks without a link write about the same patient; then the real server numbers it all."""

import asyncio
from pathlib import Path

import pytest

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.clinical.notes import NoteText
from telemed_desk.sync.driver import SyncDriver
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.workflow.claiming import claim_drafts, holders, lost_visits
from telemed_desk.workflow.finding import read_record
from telemed_protocol.ids import new_id
from tests.server.rig import WIDE, ServerProcess
from tests.support.waiting import until
from tests.sync.real_desk import RealDesk, at_rest, wall_ms
from tests.sync.test_two_desks import clinic_of

ALLERGY, MEDICINE = EntryKind.ALLERGY, EntryKind.MEDICINE


@pytest.fixture
def server(tmp_path: Path) -> ServerProcess:
    return ServerProcess(tmp_path / "server", *WIDE)


async def level(*pairs: tuple[RealDesk, SyncDriver]) -> None:
    """Until everything that one has is on the other."""
    for desk, driver in pairs:
        driver.poke()
        await at_rest(driver, desk)
    for _, driver in pairs:
        driver.try_now()
    vaults = [desk.vault for desk, _ in pairs]
    newest = max(vault.receipts_after(0)[-1][0] for vault in vaults if vault.receipts_after(0))
    await until(
        lambda: all(vault.cursor().sseq >= newest for vault in vaults),
        "both have read the whole log",
        timeout_s=60,
    )


def standing(vault: Vault, patient: bytes, kind: EntryKind) -> set[str]:
    return {e.what for e in vault.entries_of(patient, kind) if e.gone is None}


async def known_to_both(a: RealDesk, b: RealDesk) -> tuple[bytes, bytes]:
    """A patient with a booking, an allergy and a medicine, read by both desks."""
    patient, visit, now = new_id(), new_id(), wall_ms()
    for desk in (a, b):
        who = desk.clinician
        desk.vault.commit(OpDraft("clinician.set", who.entity, {"name": who.name})).result(30)
    names = {"given_name": "Zawadi", "family_name": "Jaribio", "phone": "+254 700 000 001"}
    booked = {
        "patient": patient, "programme": "home", "way": "video", "booked_ms": now, "minutes": 20,
        "clinician": a.clinician.entity,
    }  # fmt: skip
    a.vault.commit(
        OpDraft("patient.set", patient, names), OpDraft("consult.book", visit, booked)
    ).result(30)
    a.vault.add_entry(patient, ALLERGY, "penicillin (rash)", now).result(30)
    a.vault.add_entry(patient, MEDICINE, "morphine 5 mg", now).result(30)
    async with a.syncing() as drive_a, b.syncing() as drive_b:
        await level((a, drive_a), (b, drive_b))
    return patient, visit


def write_apart(desk: RealDesk, patient: bytes, visit: bytes, phone: str, dose: str) -> bytes:
    """What one clinician does without a link; return their note."""
    vault, now, note = desk.vault, wall_ms(), new_id()
    vault.commit(*claim_drafts(visit, now, None)).result(30)
    vault.journal_draft(note, visit, NoteText(plan=f"{dose} by {desk.clinician.name}"), now)
    vault.roll_draft(note).result(30)
    vault.change_patient(patient, {"phone": phone}, vault.open_values_of(patient)).result(30)
    old = next(e for e in vault.entries_of(patient, MEDICINE) if e.gone is None)
    vault.add_entry(patient, MEDICINE, dose, now, instead_of=old).result(30)
    return note


async def test_two_desks_that_worked_apart_keep_everything_and_agree_who_was_first(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, b, _tap):
            patient, visit = await known_to_both(a, b)
            # Without a link: A's clock says earlier, B will be first at the server.
            write_apart(a, patient, visit, "+254 700 000 002", "morphine 10 mg")
            gone = next(e for e in a.vault.entries_of(patient, ALLERGY))
            a.vault.take_off_entry(patient, ALLERGY, gone, wall_ms(), "tested").result(30)
            write_apart(b, patient, visit, "+254 700 000 003", "morphine 2.5 mg")
            b.vault.add_entry(patient, ALLERGY, "Penicillin (rash)", wall_ms()).result(30)
            for desk in (a, b):
                held = holders(desk.vault, [visit])[visit]
                assert (held.mine, held.tentative) == (True, True)
            async with b.syncing() as drive_b:
                drive_b.poke()
                await at_rest(drive_b, b)
                async with a.syncing() as drive_a:
                    await level((a, drive_a), (b, drive_b))
            for desk in (a, b):
                held = holders(desk.vault, [visit])[visit]
                assert (held.name, held.tentative) == ("Dr Brian Mfano", False)
                assert standing(desk.vault, patient, ALLERGY) == {"Penicillin (rash)"}
                assert standing(desk.vault, patient, MEDICINE) == {
                    "morphine 10 mg",
                    "morphine 2.5 mg",
                }
                values = {v.value for v in desk.vault.other_values_of(patient)}
                assert values == {"+254 700 000 002", "+254 700 000 003"}
                record = await asyncio.to_thread(read_record, desk.vault, patient)
                plans = {text.text.plan for text in record.visits[0].texts}
                assert plans == {
                    "morphine 10 mg by Dr Amina Mfano",
                    "morphine 2.5 mg by Dr Brian Mfano",
                }
            (lost,) = lost_visits(a.vault, wall_ms())
            assert (lost.consultation, lost.holder.name) == (visit, "Dr Brian Mfano")
            assert lost_visits(b.vault, wall_ms()) == ()


async def test_what_one_chooses_and_adds_below_is_what_both_have(
    tmp_path: Path, server: ServerProcess
) -> None:
    with server:
        async with clinic_of(server, tmp_path) as (a, b, _tap):
            patient, visit = await known_to_both(a, b)
            note = write_apart(a, patient, visit, "+254 700 000 002", "morphine 10 mg")
            a.vault.sign_note(note, wall_ms()).result(30)
            other = write_apart(b, patient, visit, "+254 700 000 003", "morphine 2.5 mg")
            async with a.syncing() as drive_a, b.syncing() as drive_b:
                await level((a, drive_a), (b, drive_b))
                b.vault.add_addendum(note, "Seen too: " + b.vault.note_text(other).plan, wall_ms())
                wrong = next(
                    e for e in b.vault.entries_of(patient, MEDICINE) if e.what == "morphine 10 mg"
                )
                b.vault.take_off_entry(patient, MEDICINE, wrong, wall_ms()).result(30)
                b.vault.change_patient(
                    patient, {"phone": "+254 700 000 002"}, b.vault.open_values_of(patient)
                ).result(30)
                await level((b, drive_b), (a, drive_a))
            for desk in (a, b):
                signed = desk.vault.note(note)
                assert signed is not None
                assert signed.text.plan == "morphine 10 mg by Dr Amina Mfano"
                (below,) = desk.vault.addenda_of(note)
                assert (below.author, below.fits) == (b.clinician.entity, True)
                assert below.text == "Seen too: morphine 2.5 mg by Dr Brian Mfano"
                assert standing(desk.vault, patient, MEDICINE) == {"morphine 2.5 mg"}
                assert desk.vault.other_values_of(patient) == []
                found = desk.vault.patient(patient)
                assert found is not None
                assert found.phone == "+254 700 000 002"
