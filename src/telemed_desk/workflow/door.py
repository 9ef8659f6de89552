"""Unlocking this PC, and leaving it locked.

Public methods are called on the GUI thread and return at once; answers come back there.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telemed_desk.vault import SlotInfo, Vault, VaultDirectory
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.set_up import NewDesk, SetUpResult, set_up
from telemed_protocol.errors import KnownError


@dataclass(frozen=True, slots=True)
class UnlockResult:
    """An open vault, or why not."""

    vault: Vault | None = None
    problem: KnownError | None = None


class Door:
    """Knows the vault's place; opens it or sets it up."""

    def __init__(self, core: CoreThread, directory: VaultDirectory) -> None:
        self._core = core
        self._directory = directory

    @property
    def is_set_up(self) -> bool:
        """Whether this PC has a vault, whatever its state."""
        return self._directory.exists()

    def clinicians(self) -> Sequence[SlotInfo]:
        """Who may unlock this PC, last user first.

        Raises:
            KnownError: The slot file is damaged or of a newer version.
        """
        return self._directory.clinicians()

    def unlock(
        self, clinician: bytes, passphrase: str, done: Callable[[UnlockResult], None]
    ) -> None:
        """Open the vault; about half a second of key derivation, off both loops."""

        async def run() -> UnlockResult:
            try:
                vault = await asyncio.to_thread(self._directory.unlock, clinician, passphrase)
            except KnownError as error:
                return UnlockResult(problem=error)
            return UnlockResult(vault)

        self._core.run(run(), done)

    def set_up(
        self,
        desk: NewDesk,
        progress: Callable[[str], None],
        done: Callable[[SetUpResult], None],
    ) -> None:
        """Set this PC up; ``progress`` gets step keys on the GUI thread."""

        def tell(step: str) -> None:
            self._core.post(lambda: progress(step))

        self._core.run(set_up(self._directory, desk, tell), done)
