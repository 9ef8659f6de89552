"""Steps of a visit that several tests take, and what they wait for."""

import asyncio
from collections.abc import Callable

from telemed_desk.clinical.queue import Waiting
from telemed_desk.vault import Vault
from telemed_desk.workflow.visit import VisitState
from tests.end_to_end.headless_desk import HeadlessDesk, until
from tests.end_to_end.patient import Patient


async def arrived(desk: HeadlessDesk, patient: Patient) -> Waiting:
    await patient.join(1959)
    await until(lambda: desk.session.room.value.waiting, "the patient arrives")
    await until(lambda: desk.session.room.value.waiting[0].identity_ok, "the year of birth fits")
    return desk.session.room.value.waiting[0]


async def in_call(desk: HeadlessDesk, patient: Patient, waiting: Waiting) -> None:
    desk.session.start_visit(waiting.seat)
    await patient.sees_the_doctor()
    await until(shown(desk), "a picture of the patient")


async def sign(desk: HeadlessDesk) -> None:
    loop = asyncio.get_running_loop()
    signed: asyncio.Future[object] = loop.create_future()
    desk.session.sign(
        lambda problem: loop.call_soon_threadsafe(signed.set_result, problem) and None
    )
    assert await signed is None


def visit(desk: HeadlessDesk) -> VisitState:
    state = desk.session.visit.value
    assert state is not None
    return state


def shown(desk: HeadlessDesk) -> Callable[[], bool]:
    def check() -> bool:
        stats = visit(desk).stats
        return stats is not None and stats.shown_width > 0

    return check


def saved(desk: HeadlessDesk) -> Callable[[], bool]:
    def check() -> bool:
        note = desk.session.note.value
        return note is not None and note.saved_ms is not None and not note.unsaved

    return check


def signed_text(vault: Vault, consultation: bytes) -> str | None:
    note = vault.note_of(consultation)
    return note.text.subjective if note is not None and note.is_signed else None
