"""Files in the age format (https://age-encryption.org/v1), sealed without touching the disk in clear.

pyrage holds the interpreter for the second or more that deriving a key from a passphrase takes, so
sealing runs in a process of its own: the window and the core thread go on. What crosses to it goes
through a pipe. The child reads one message on standard input and writes the sealed file to standard
output; it has no key of the vault, and it is told nothing on its command line.
"""

import contextlib
import re
import subprocess
import sys
from typing import Final

import msgspec
import pyrage

from telemed_desk.vault.problems import ExportUnreadable
from telemed_protocol.errors import KnownError

AGE_START: Final = b"age-encryption.org/v1\n"
BY_PASSPHRASE: Final = "passphrase"  # noqa: S105 - the word, not one
"""Said in the audit in the place of a recipient."""
_WITHIN_S: Final = 600.0
_SCRYPT: Final = re.compile(rb"age-encryption\.org/v1\n-> scrypt [A-Za-z0-9+/]+ ([0-9]{1,2})\n")
_TOO_MUCH: Final = "Excessive work"
_TRIES: Final = 4
_ENOUGH_WORK: Final = 17
"""128 MiB and about a second: what an idle PC of the last ten years takes without being asked."""
_MOST_WORK: Final = 22


class NoSuchRecipient(KnownError):
    """A typed age recipient that is none."""

    code = "TD-EXP-001"
    sentence = "That is not an age recipient, or a character of it is wrong."
    next_step = "Copy it again, whole: it begins with age1."


class SealingFailed(KnownError):
    """The process that seals ended without a result."""

    code = "TD-EXP-002"
    sentence = "The record could not be sealed, so no file was written."
    next_step = "Try again. If it stays, restart this PC and tell your IT contact."


class AgeSecret(msgspec.Struct, frozen=True):
    """Whom a file is sealed for: a passphrase, or a recipient (``age1...``)."""

    passphrase: str = ""
    recipient: str = ""

    @property
    def sealed_for(self) -> str:
        """What may be written down of it."""
        return self.recipient or BY_PASSPHRASE

    def __repr__(self) -> str:
        """Never show the passphrase."""
        return f"AgeSecret({self.sealed_for})"


class _Job(msgspec.Struct, frozen=True):
    secret: AgeSecret
    plain: bytes


def check_recipient(recipient: str) -> str:
    """Return a typed recipient as it is written.

    Raises:
        NoSuchRecipient: It is none, or has a typing error: its last letters are a checksum.
    """
    typed = recipient.strip()
    try:
        pyrage.x25519.Recipient.from_str(typed.lower())
    except pyrage.RecipientError as error:
        raise NoSuchRecipient from error
    return typed.lower()


def seal_age(plain: bytes, secret: AgeSecret) -> bytes:
    """Seal; blocks for a second or more.

    Raises:
        SealingFailed: The process that seals ended without a result.
    """
    job = msgspec.msgpack.encode(_Job(secret, plain))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "telemed_desk.vault.age_file"],
            input=job,
            capture_output=True,
            check=False,
            timeout=_WITHIN_S,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows' consoles
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        # From nothing: the exception would carry the plain text on its way to a log.
        raise SealingFailed(type(error).__name__) from None
    if done.returncode or not done.stdout.startswith(AGE_START):
        raise SealingFailed(f"exit {done.returncode}")
    return done.stdout


def open_age(sealed: bytes, passphrase: str) -> bytes:
    """Open what was sealed for a passphrase.

    Raises:
        ExportUnreadable: Another passphrase, sealed for a recipient, or damaged.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            plain: bytes = pyrage.passphrase.decrypt(sealed, passphrase)
        except pyrage.DecryptError as error:
            # It times this PC first, and a busy moment makes honest work look like an attack.
            if tries_left and _TOO_MUCH in str(error) and work_factor(sealed) <= _MOST_WORK:
                continue
            raise ExportUnreadable("age") from error
        return plain
    raise ExportUnreadable("age")


def work_factor(sealed: bytes) -> int:
    """Return the base-2 logarithm of scrypt's N that a file was sealed with; 0 for a recipient's."""
    found = _SCRYPT.match(sealed)
    return int(found[1]) if found else 0


def _seal(job: _Job) -> bytes:
    if job.secret.recipient:
        who = pyrage.x25519.Recipient.from_str(job.secret.recipient)
        sealed: bytes = pyrage.encrypt(job.plain, [who])
        return sealed
    # The library chooses the work by timing 4 ms: when the PC is busy just then, far too little.
    best = b""
    for _ in range(_TRIES):
        sealed = pyrage.passphrase.encrypt(job.plain, job.secret.passphrase)
        if work_factor(sealed) > work_factor(best):
            best = sealed
        if work_factor(best) >= _ENOUGH_WORK:
            break
    return best


def main() -> None:
    """Run as the child."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Job)
    sys.stdout.buffer.write(_seal(job))


if __name__ == "__main__":
    main()
