"""Codes that a person types: to found a clinic, or to add a desk to one.

``TMC-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`` founds a clinic (made by the server's keeper);
``TMD-…`` adds a desk (made by a desk that is already a member); ``TMK-…`` stands on the clinic's
recovery sheet. 120 random bits in Crockford's base32, so that I, L, O and U cannot be confused.
"""

import hashlib
import hmac
import secrets
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telemed_protocol.errors import KnownError

CodeKind = Literal["TMC", "TMD", "TMK"]
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CONFUSED: Final = str.maketrans("ILO", "110")
_BYTES: Final = 15
_CHARS: Final = 24


class CodeTypoError(KnownError):
    """A typed code has the wrong length or letters."""

    code = "TD-ENR-001"
    sentence = "That code is not complete or has a wrong character."
    next_step = "Compare it with the sheet. A code has six groups of four after TMC, TMD or TMK."


class EnrolCode:
    """A parsed code: its kind and its 120 bits."""

    def __init__(self, kind: CodeKind, secret: bytes) -> None:
        if len(secret) != _BYTES:
            raise ValueError("an enrolment secret has 15 bytes")
        self.kind: CodeKind = kind
        self._secret = secret

    def __repr__(self) -> str:
        """Never show the secret."""
        return f"EnrolCode({self.kind}-…)"

    @classmethod
    def generate(cls, kind: CodeKind) -> "EnrolCode":
        """Make a fresh code."""
        return cls(kind, secrets.token_bytes(_BYTES))

    @classmethod
    def parse(cls, text: str) -> "EnrolCode":
        """Read what a person typed: case, spaces and dashes do not matter.

        Raises:
            CodeTypoError: Not a code.
        """
        compact = "".join(text.upper().split()).replace("-", "")
        head, body = compact[:3], compact[3:].translate(_CONFUSED)
        if len(body) != _CHARS or any(c not in _ALPHABET for c in body):
            raise CodeTypoError
        value = 0
        for c in body:
            value = value * 32 + _ALPHABET.index(c)
        secret = value.to_bytes(_BYTES, "big")
        match head:
            case "TMC" | "TMD" | "TMK":
                return cls(head, secret)
        raise CodeTypoError

    @property
    def text(self) -> str:
        """The form to print: groups of four."""
        value = int.from_bytes(self._secret, "big")
        digits = ""
        for _ in range(_CHARS):
            value, rest = divmod(value, 32)
            digits = _ALPHABET[rest] + digits
        groups = [digits[i : i + 4] for i in range(0, _CHARS, 4)]
        return "-".join([self.kind, *groups])

    @property
    def lookup_id(self) -> bytes:
        """16 bytes the server may know; tells nothing about the key."""
        return self._derive(b"id")[:16]

    @property
    def lookup_hash(self) -> bytes:
        """What the server stores of a founding code."""
        return hashlib.sha256(b"telemed/code/v1" + self.lookup_id).digest()

    def mac(self, purpose: bytes, message: bytes) -> bytes:
        """HMAC-SHA256 with the code's key; only those who hold the code can make or check it."""
        return hmac.digest(self._derive(b"mac"), purpose + b"\0" + message, "sha256")

    def check_mac(self, purpose: bytes, message: bytes, tag: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.mac(purpose, message), tag)

    def comparison(self, message: bytes) -> str:
        """Six digits that two persons compare: both sides of an enrolment must show the same."""
        value = int.from_bytes(self.mac(b"compare", message)[:8], "big") % 1_000_000
        return f"{value:06d}"

    def secret(self, purpose: bytes) -> bytes:
        """Return 32 bytes for one purpose that only those who hold the code can make."""
        return self._derive(b"secret/" + purpose)

    def _derive(self, purpose: bytes) -> bytes:
        info = b"telemed/code/v1/" + self.kind.encode() + b"/" + purpose
        return HKDF(SHA256(), 32, salt=None, info=info).derive(self._secret)
