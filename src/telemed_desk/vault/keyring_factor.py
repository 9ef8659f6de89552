"""The optional second key of a passphrase slot, kept in the operating system's keyring.

A factor, never the only way in: the slot of the recovery code does without. Whoever copied the disk
cannot even begin to guess the passphrase; whoever has this account of the PC has the second key too.
"""

import base64
import binascii
import contextlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, TypeVar

from telemed_desk.vault.problems import KeyringForgot, KeyringSecretGone, KeyringSilent
from telemed_desk.vault.slots import DS_BYTES, KeyringMark, SecondKey, ds_check, fresh_salt
from telemed_protocol.errors import KnownError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from telemed_desk.vault.keyring_backends import Kinds

LIMIT_S: Final = 30.0
"""A desktop may ask its person something first; longer than this nobody looks at a still window."""
_USER: Final = "telemed-desk"
T = TypeVar("T")


def entry_of(salt: bytes) -> tuple[str, str]:
    """Return service and user under which a slot's second key lies.

    The service is another for each slot: Windows keeps one entry for a service, and moves older ones.
    """
    return f"TeleMed Desk key {salt.hex()}", _USER


class KeyringFactor:
    """Puts second keys into the keyring and gets them out. Thread-safe; methods block up to the limit.

    Each call runs in a thread of its own, for a keyring may wait for a person without end. While one
    hangs, the next waits for it: questions of the desktop do not pile up.

    Args:
        kinds: Which classes may be used; None = :data:`keyring_backends.ALLOWED`.
        offered: Says which keyring this account has; None = what the ``keyring`` library chooses.
        limit_s: Seconds after which a call is given up.
    """

    def __init__(
        self,
        *,
        kinds: "Kinds | None" = None,
        offered: "Callable[[], KeyringBackend] | None" = None,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._kinds = kinds
        self._offered = offered
        self._limit_s = limit_s
        self._busy = threading.Lock()

    def backend(self) -> str:
        """Return the name of the keyring that would be used here.

        Raises:
            KeyringNotAllowed: There is none that may be.
            KeyringSilent: It is not known: no answer in time.
        """
        return self._ask(lambda: _named(self._choose()))

    def make(self) -> SecondKey:
        """Make a second key for a slot to come; it is in the keyring and was read back.

        When the slot is not written after all, what is left there opens nothing.

        Raises:
            KeyringForgot: It did not come back the same; it was taken out again.
            KeyringNotAllowed, KeyringSilent: As in :meth:`backend`.
        """
        salt, secret = fresh_salt(), secrets.token_bytes(DS_BYTES)
        text = base64.b64encode(secret).decode("ascii")

        def job() -> SecondKey:
            backend = self._choose()
            kept = False
            try:
                backend.set_password(*entry_of(salt), text)
                kept = backend.get_password(*entry_of(salt)) == text
            finally:
                if not kept:
                    _delete(backend, salt)
            if not kept:
                raise KeyringForgot
            return SecondKey(salt, _named(backend), secret)

        return self._ask(job)

    def fetch(self, mark: KeyringMark, salt: bytes) -> bytes:
        """Return the second key of a slot.

        Raises:
            KeyringSecretGone: There is none for this slot, or another.
            KeyringElsewhere: It lies in a keyring that does not run here.
            KeyringNotAllowed: It is said to lie in one that is never used.
            KeyringSilent: Locked, or no answer in time.
        """
        text = self._ask(lambda: self._find(mark.backend).get_password(*entry_of(salt)))
        if text is None:
            raise KeyringSecretGone("none")
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise KeyringSecretGone("unreadable") from None
        if len(secret) != DS_BYTES or not hmac.compare_digest(ds_check(secret), mark.check):
            raise KeyringSecretGone("another")
        return secret

    def drop(self, backend: str, salt: bytes) -> bool:
        """Take a slot's second key out; False = could not, and what is left opens nothing."""
        try:
            self._ask(lambda: _delete(self._find(backend), salt))
        except KnownError:
            return False
        return True

    def _choose(self) -> "KeyringBackend":
        from telemed_desk.vault import keyring_backends as known  # noqa: PLC0415 - 0.3 s, see there

        return known.choose(self._offer(), self._kinds or known.ALLOWED)

    def _find(self, name: str) -> "KeyringBackend":
        from telemed_desk.vault import keyring_backends as known  # noqa: PLC0415 - 0.3 s, see there

        return known.find(name, self._offer(), self._kinds or known.ALLOWED)

    def _offer(self) -> "KeyringBackend":
        from telemed_desk.vault import keyring_backends as known  # noqa: PLC0415 - 0.3 s, see there

        return (self._offered or known.system_keyring)()

    def _ask(self, job: Callable[[], T]) -> T:
        until_s = time.monotonic() + self._limit_s
        if not self._busy.acquire(timeout=self._limit_s):
            raise KeyringSilent("an earlier question is still open")
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(job())
            except BaseException as error:  # noqa: BLE001 - task sink: every keyring raises types of its own
                # Of a stranger's error the type alone: its words may hold what was to be kept.
                known = error if isinstance(error, KnownError) else KeyringSilent(_kind(error))
                answer.set_exception(known.with_traceback(None))
            finally:
                self._busy.release()

        threading.Thread(target=run, name="keyring", daemon=True).start()
        try:
            return answer.result(max(0.0, until_s - time.monotonic()))
        except TimeoutError:
            raise KeyringSilent("no answer in time") from None


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _named(backend: "KeyringBackend") -> str:
    kind = type(backend)
    return f"{kind.__module__}.{kind.__qualname__}"


def _delete(backend: "KeyringBackend", salt: bytes) -> None:
    from keyring.errors import PasswordDeleteError  # noqa: PLC0415 - 0.3 s, see keyring_backends

    with contextlib.suppress(PasswordDeleteError):  # there is none, which is what is wanted
        backend.delete_password(*entry_of(salt))
