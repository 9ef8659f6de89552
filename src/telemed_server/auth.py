"""Devices prove who they are with their Ed25519 key, and get a token for a quarter of an hour.

No passwords. A nonce lives in memory, works once, and only for the device that asked: it does not
outlast a restart, which costs a desk one more request. Tokens are stored as hashes.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from typing import Final, NamedTuple

import sqlalchemy as sa

from telemed_protocol.api import Token, TokenRequest
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import auth_message, verify
from telemed_server.errors import RequestRefused
from telemed_server.schema import devices, tokens

NONCE_LIFE_S: Final = 60.0
TOKEN_LIFE_S: Final = 15 * 60
MAX_NONCES: Final = 10_000


class Member(NamedTuple):
    """Who asks."""

    device: bytes
    clinic: bytes


class Challenges:
    """Nonces that were handed out. Event loop only."""

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    def issue(self, device: bytes) -> bytes:
        """Return a nonce for a device; the same for a known and an unknown one."""
        if len(device) != 16:
            raise RequestRefused(422, "format", "device")
        nonce = secrets.token_bytes(32)
        self._open[nonce] = (device, time.monotonic() + NONCE_LIFE_S)
        if len(self._open) > MAX_NONCES:
            self._open.popitem(last=False)
        return nonce

    def spend(self, nonce: bytes, device: bytes) -> bool:
        """Take a nonce; True the first time, in time, and for its own device."""
        owner, until = self._open.pop(nonce, (b"", 0.0))
        return owner == device and time.monotonic() < until


def issue_token(db: sa.Connection, now: float, host: str, request: TokenRequest) -> Token:
    """Check the signature over a nonce that was just spent, and hand out a token.

    Raises:
        RequestRefused: 401; with code ``revoked`` only to the holder of a revoked device's key.
    """
    row = db.execute(sa.select(devices).where(devices.c.device == request.device)).first()
    if row is None:
        raise RequestRefused(401, "not_authorised")
    try:
        verify(row.signing, request.signature, auth_message(host, request.device, request.nonce))
    except ForgeryError as error:
        raise RequestRefused(401, "not_authorised") from error
    if not row.active:
        raise RequestRefused(401, "revoked")
    token = secrets.token_urlsafe(32)
    db.execute(tokens.delete().where(tokens.c.expires_at <= now))
    db.execute(
        tokens.insert().values(
            token_hash=_hash(token), device=request.device, expires_at=now + TOKEN_LIFE_S
        )
    )
    return Token(token, TOKEN_LIFE_S)


def member_of(db: sa.Connection, now: float, token: str) -> Member:
    """Return whose token this is.

    Raises:
        RequestRefused: 401.
    """
    row = db.execute(
        sa.select(devices.c.device, devices.c.clinic)
        .join(tokens, tokens.c.device == devices.c.device)
        .where(
            tokens.c.token_hash == _hash(token),
            tokens.c.expires_at > now,
            devices.c.active.is_(True),
        )
    ).first()
    if row is None:
        raise RequestRefused(401, "not_authorised")
    return Member(row.device, row.clinic)


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"telemed/token/v1" + token.encode("utf-8", "replace")).digest()
