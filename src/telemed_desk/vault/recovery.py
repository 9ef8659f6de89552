"""The recovery code: printed once at set-up, kept in the clinic's safe, never stored.

160 random bits and a 20-bit check in Crockford's base32: ``TMR-`` and nine groups of four.
"""

import hashlib
import secrets
from typing import Final

from telemed_desk.vault.problems import RecoveryCodeTypo

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CONFUSED: Final = str.maketrans("ILO", "110")
SECRET_BYTES: Final = 20
_SECRET_CHARS: Final = 32
_CHECK_CHARS: Final = 4


def _to_base32(value: int, chars: int) -> str:
    digits = ""
    for _ in range(chars):
        value, rest = divmod(value, 32)
        digits = _ALPHABET[rest] + digits
    return digits


def _check(secret: bytes) -> str:
    digest = hashlib.sha256(b"telemed/recovery-check/v1" + secret).digest()
    return _to_base32(int.from_bytes(digest[:3], "big") >> 4, _CHECK_CHARS)


def new_secret() -> bytes:
    """Return 160 fresh bits."""
    return secrets.token_bytes(SECRET_BYTES)


def to_text(secret: bytes) -> str:
    """Return the form to print."""
    digits = _to_base32(int.from_bytes(secret, "big"), _SECRET_CHARS) + _check(secret)
    return "-".join(["TMR", *(digits[i : i + 4] for i in range(0, len(digits), 4))])


def from_text(text: str) -> bytes:
    """Read what a person typed: case, spaces and dashes do not matter.

    Raises:
        RecoveryCodeTypo: Wrong length, letter or check.
    """
    compact = "".join(text.upper().split()).replace("-", "")
    head, body = compact[:3], compact[3:].translate(_CONFUSED)
    if head != "TMR" or len(body) != _SECRET_CHARS + _CHECK_CHARS:
        raise RecoveryCodeTypo
    if any(c not in _ALPHABET for c in body):
        raise RecoveryCodeTypo
    value = 0
    for c in body[:_SECRET_CHARS]:
        value = value * 32 + _ALPHABET.index(c)
    secret = value.to_bytes(SECRET_BYTES, "big")
    if _check(secret) != body[_SECRET_CHARS:]:
        raise RecoveryCodeTypo
    return secret
