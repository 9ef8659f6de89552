"""Unlocking this PC, and leaving it locked.

Public methods are called on the GUI thread and return at once; answers come back there.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from telemed_desk.sync.problems import WrongKindOfCode
from telemed_desk.vault import SlotInfo, Vault, VaultDirectory, judge_passphrase
from telemed_desk.vault.problems import TooManyTries, WeakPassphrase, WrongPassphrase
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.set_up import NewDesk, SetUpResult, set_up
from telemed_protocol.codes import CodeKind, CodeTypoError, EnrolCode
from telemed_protocol.errors import KnownError


@dataclass(frozen=True, slots=True)
class UnlockResult:
    """An open vault, or why not."""

    vault: Vault | None = None
    problem: KnownError | None = None

    @property
    def is_wrong(self) -> bool:
        """The passphrase did not fit, or was not even tried yet."""
        return isinstance(self.problem, WrongPassphrase | TooManyTries)

    @property
    def wait_s(self) -> float:
        """Seconds until the next try is taken."""
        return self.problem.wait_s if isinstance(self.problem, TooManyTries) else 0.0


def passphrase_problem(passphrase: str, known_words: tuple[str, ...] = ()) -> KnownError | None:
    """Return why a new passphrase is too weak, or None; about 10 ms."""
    return None if judge_passphrase(passphrase, known_words).ok else WeakPassphrase()


def code_problem(text: str, kind: CodeKind) -> KnownError | None:
    """Return what is wrong with a typed code of one kind, or None."""
    try:
        code = EnrolCode.parse(text)
    except CodeTypoError as error:
        return error
    return None if code.kind == kind else WrongKindOfCode()


class Door:
    """Knows the vault's place; opens it or sets it up."""

    def __init__(self, core: CoreThread, directory: VaultDirectory) -> None:
        self._core = core
        self._directory = directory
        self._turn = asyncio.Lock()

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

    async def while_closing(self, closing: Coroutine[Any, Any, None]) -> None:
        """Let a session close its vault; whoever unlocks meanwhile waits. Core thread."""
        async with self._turn:
            await closing

    def unlock(
        self, clinician: bytes, passphrase: str, done: Callable[[UnlockResult], None]
    ) -> None:
        """Open the vault; about half a second of key derivation, off both loops."""

        async def run() -> UnlockResult:
            async with self._turn:
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
