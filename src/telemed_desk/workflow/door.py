"""Unlocking this PC, and leaving it locked.

Public methods are called on the GUI thread and return at once; answers come back there.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from telemed_desk.sync.problems import WrongKindOfCode
from telemed_desk.vault import SlotInfo, Vault, VaultDirectory, judge_passphrase
from telemed_desk.vault.keyring_switch import KeyringState, KeyringSwitch
from telemed_desk.vault.pin import DIGITS, LASTS_S
from telemed_desk.vault.problems import (
    PinGone,
    RecoveryCodeTypo,
    TooManyTries,
    WeakPassphrase,
    WrongPassphrase,
    WrongPin,
    WrongRecoveryCode,
)
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.set_up import NewDesk, SetUpResult, set_up
from telemed_protocol.codes import CodeKind, CodeTypoError, EnrolCode
from telemed_protocol.errors import KnownError

__all__ = [
    "PIN_DIGITS",
    "PIN_HOURS",
    "Door",
    "KeyringState",
    "RecoveryResult",
    "UnlockResult",
    "code_problem",
    "passphrase_problem",
]

PIN_DIGITS = DIGITS
PIN_HOURS = int(LASTS_S // 3600)


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
    def is_wrong_pin(self) -> bool:
        """The PIN did not fit, and may be tried again."""
        return isinstance(self.problem, WrongPin)

    @property
    def pin_is_gone(self) -> bool:
        """No PIN opens any more: used up, over, or dropped."""
        return isinstance(self.problem, PinGone)

    @property
    def wait_s(self) -> float:
        """Seconds until the next try is taken."""
        return self.problem.wait_s if isinstance(self.problem, TooManyTries) else 0.0


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    """A vault opened with the printed code, or why not.

    ``keyring_ended``: the old passphrase also needed a keyring, and the new one does not.
    """

    vault: Vault | None = None
    keyring_ended: bool = False
    problem: KnownError | None = None

    @property
    def is_wrong_code(self) -> bool:
        """The code is mistyped, or of other records."""
        return isinstance(self.problem, RecoveryCodeTypo | WrongRecoveryCode)

    @property
    def is_weak(self) -> bool:
        """The new passphrase will not do."""
        return isinstance(self.problem, WeakPassphrase)


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
        self._core.run(self._tried(lambda: self._directory.unlock(clinician, passphrase)), done)

    def unlock_with_pin(
        self, clinician: bytes, pin: str, done: Callable[[UnlockResult], None]
    ) -> None:
        """Open the vault again, with the PIN that was set since it was last opened in full."""
        self._core.run(self._tried(lambda: self._directory.unlock_with_pin(clinician, pin)), done)

    def unlock_with_recovery(
        self, code: str, passphrase: str, done: Callable[[RecoveryResult], None]
    ) -> None:
        """Open with the printed code, and give its clinician a new passphrase."""

        async def run() -> RecoveryResult:
            async with self._turn:
                try:
                    vault, ended = await asyncio.to_thread(
                        self._directory.renew_with_recovery, code, passphrase
                    )
                except KnownError as error:
                    return RecoveryResult(problem=error)
                return RecoveryResult(vault, ended)

        self._core.run(run(), done)

    async def _tried(self, attempt: Callable[[], Vault]) -> UnlockResult:
        async with self._turn:
            try:
                return UnlockResult(await asyncio.to_thread(attempt))
            except KnownError as error:
                return UnlockResult(problem=error)

    def pin_tries_left(self, clinician: bytes) -> int:
        """Return how often a PIN may still be tried; 0 = only the passphrase opens."""
        return self._directory.pin_tries_left(clinician)

    def keep_pin(self, vault: Vault, pin: str, done: Callable[[KnownError | None], None]) -> None:
        """Let six digits open this vault again for a while; ``done`` gets why not, or None."""

        async def run() -> KnownError | None:
            try:
                await asyncio.to_thread(self._directory.keep_pin, vault, pin)
            except KnownError as error:
                return error
            return None

        self._core.run(run(), done)

    def drop_pin(self, clinician: bytes) -> None:
        """End a clinician's PIN at once."""
        self._directory.drop_pin(clinician)

    def keyring(self, clinician: bytes, done: Callable[[KeyringState | None], None]) -> None:
        """Ask whether a passphrase also needs the keyring; ``done`` gets None if it cannot be said."""

        async def run() -> KeyringState | None:
            try:
                return await asyncio.to_thread(KeyringSwitch(self._directory).state, clinician)
            except KnownError:
                return None

        self._core.run(run(), done)

    def switch_keyring(
        self,
        clinician: bytes,
        passphrase: str,
        done: Callable[[KnownError | None], None],
        *,
        on: bool,
    ) -> None:
        """Let a passphrase open with a key of the keyring only, or alone; ``done`` gets why not."""
        switch = KeyringSwitch(self._directory)

        async def run() -> KnownError | None:
            try:
                await asyncio.to_thread(switch.on if on else switch.off, clinician, passphrase)
            except KnownError as error:
                return error
            return None

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
