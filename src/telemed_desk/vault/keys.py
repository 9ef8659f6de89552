"""The keys of one vault, all derived from one random master key that only exists in memory.

``docs/formats.md``, "Keys inside the vault". Python cannot promise to wipe memory; what we hold in
bytearrays is overwritten, and key material never enters an exception, a log or a repr.
"""

import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
KCV_BYTES: Final = 16


def derive(secret: bytes, info: bytes, *, salt: bytes | None = None, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), length, salt=salt, info=info).derive(secret)


class MasterKey:
    """The database master key (DMK): 32 random bytes that open everything on this PC."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError("a master key has 32 bytes")
        self._secret = bytearray(secret)

    def __repr__(self) -> str:
        """Never show the key."""
        return "MasterKey(…)"

    @classmethod
    def generate(cls) -> "MasterKey":
        """Make a fresh one."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @property
    def is_wiped(self) -> bool:
        """Whether it can no longer be used."""
        return not any(self._secret)

    def reveal(self) -> bytes:
        """Return the bytes, to be wrapped into a slot and for nothing else."""
        return bytes(self._secret)

    def database_key(self) -> bytes:
        """SQLCipher's raw key."""
        return self._derive(b"telemed/db/v1")

    def journal_key(self) -> bytes:
        """Key of the second copy of ops that are not yet on the server."""
        return self._derive(b"telemed/jrn/v1")

    def check_value(self) -> bytes:
        """16 bytes, stored in clear beside the slots: tells a wrong key from a damaged file."""
        return self._derive(b"telemed/kcv/v1")[:KCV_BYTES]

    def wipe(self) -> None:
        """Overwrite the key."""
        for i in range(len(self._secret)):
            self._secret[i] = 0

    def _derive(self, info: bytes) -> bytes:
        if self.is_wiped:
            raise ValueError("the master key was wiped")
        return derive(bytes(self._secret), info)
