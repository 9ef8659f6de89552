"""Exporting a patient's record from the window: read, drawn and sealed off the GUI thread.

Public methods are called on the GUI thread and return at once; answers come back there.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from telemed_desk.vault import Vault, judge_passphrase
from telemed_desk.vault.age_file import AgeSecret, NoSuchRecipient, check_recipient
from telemed_desk.vault.problems import WeakPassphrase
from telemed_desk.vault.record_export import (
    Exported,
    Format,
    Paint,
    PastExport,
    export_record,
    exports_of,
)
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.core_thread import CoreThread
from telemed_protocol.errors import KnownError

__all__ = ["AgeSecret", "ExportResult", "Exporting", "Format", "LastExport", "why_not"]


class FileThere(KnownError):
    """A file of the chosen name exists; it is never written over."""

    code = "TD-EXP-003"
    sentence = "There is a file of that name already. It was not touched."
    next_step = "Choose another name."


@dataclass(frozen=True, slots=True)
class ExportResult:
    """How it went: what was written, or why nothing was."""

    done: Exported | None = None
    problem: KnownError | None = None


@dataclass(frozen=True, slots=True)
class LastExport:
    """The newest export of a record, and who made it."""

    at_ms: int
    by: str


def why_not(secret: AgeSecret) -> KnownError | None:
    """Return why a file shall not be sealed so; None when it may."""
    if secret.recipient:
        try:
            check_recipient(secret.recipient)
        except NoSuchRecipient as error:
            return error
        return None
    return None if judge_passphrase(secret.passphrase).ok else WeakPassphrase()


class Exporting:
    """Exports of one open vault.

    Args:
        core: The core thread.
        vault: Unlocked.
        paint: Draws a record as a PDF, in any thread.
    """

    def __init__(self, core: CoreThread, vault: Vault, paint: Paint) -> None:
        self._core = core
        self._vault = vault
        self._paint = paint

    def export(
        self,
        patient: bytes,
        out: Path,
        form: Format,
        secret: AgeSecret,
        done: Callable[[ExportResult], None],
    ) -> None:
        """Write the sealed file; seconds."""

        def write() -> Exported:
            return export_record(
                self._vault, patient, out, form, secret, at_ms=wall_ms(), paint=self._paint
            )

        async def run() -> ExportResult:
            try:
                return ExportResult(await asyncio.to_thread(write))
            except FileExistsError:
                return ExportResult(problem=FileThere())
            except KnownError as error:
                return ExportResult(problem=error)

        self._core.run(run(), done)

    def last(self, patient: bytes, done: Callable[[LastExport | None], None]) -> None:
        """Say who exported a record last; None = nobody did, as far as this PC knows."""

        def read() -> LastExport | None:
            past: list[PastExport] = exports_of(self._vault, patient)
            if not past:
                return None
            who = self._vault.clinician_of(past[0].by)
            return LastExport(past[0].at_ms, who.name if who is not None else "")

        async def run() -> LastExport | None:
            try:
                return await asyncio.to_thread(read)
            except KnownError:
                return None  # the record itself says what is wrong

        self._core.run(run(), done)
