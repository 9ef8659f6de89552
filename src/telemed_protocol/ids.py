"""Identifiers and their text form."""

import base64
import binascii
import secrets
from typing import NewType

from telemed_protocol.errors import FormatError

ID_BYTES = 16

EntityId = NewType("EntityId", bytes)
"""128 random bits naming a patient, consultation, note, clinician, clinic or device."""


def new_id() -> EntityId:
    """Return a fresh random identifier."""
    return EntityId(secrets.token_bytes(ID_BYTES))


def to_base64url(data: bytes) -> str:
    """Encode without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Decode unpadded base64url, refusing any other alphabet.

    Raises:
        FormatError: The text is not canonical base64url.
    """
    try:
        raw = text.encode("ascii")
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise FormatError("base64url") from error
    if to_base64url(data) != text:
        raise FormatError("base64url is not canonical")
    return data
