"""Devices prove who they are with their Ed25519 key, and get a token for a quarter of an hour.

No passwords. A nonce is a sealed note of whom it is for and until when, so handing one out keeps
nothing and any server process takes what another gave; it works once, which the database remembers in
the transaction that makes the token. Tokens are stored as hashes.
"""

import hashlib
import hmac
import secrets
import struct
import time
from typing import Final, NamedTuple

import sqlalchemy as sa

from telemed_protocol.api import Token, TokenRequest
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import auth_message, verify
from telemed_server.errors import RequestRefused
from telemed_server.schema import devices, server_keys, spent_nonces, tokens

NONCE_LIFE_S: Final = 60.0
NONCE_BYTES: Final = 32
_SPENT_KEPT_S: Final = 3600.0
"""Longer than a nonce lives, so that a clock that is set back brings none to life again."""
TOKEN_LIFE_S: Final = 15 * 60
_NONCE_KEY: Final = "nonces"
_HALF: Final = NONCE_BYTES // 2


class Member(NamedTuple):
    """Who asks."""

    device: bytes
    clinic: bytes


class Challenges:
    """Makes nonces and knows its own. Holds nothing but a key, the same in every process.

    Args:
        key: Of :func:`nonce_key`. Who steals it can make nonces, and still sign none.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, device: bytes) -> bytes:
        """Return a nonce for a device; the same for a known and an unknown one."""
        if len(device) != 16:
            raise RequestRefused(422, "format", "device")
        until = struct.pack(">I", int(time.time() + NONCE_LIFE_S))
        said = until + secrets.token_bytes(_HALF - len(until))
        return said + self._seal(device, said)

    def is_good(self, nonce: bytes, device: bytes) -> bool:
        """Tell whether a nonce was made for this device and its time is not over."""
        said, seal = nonce[:_HALF], nonce[_HALF:]
        if len(nonce) != NONCE_BYTES or not hmac.compare_digest(seal, self._seal(device, said)):
            return False
        return time.time() < int(struct.unpack(">I", said[:4])[0])

    def _seal(self, device: bytes, said: bytes) -> bytes:
        return hmac.digest(self._key, b"telemed/nonce/v1" + device + said, "sha256")[:_HALF]


def nonce_key(db: sa.Connection) -> bytes:
    """Return the key that all processes of this store share; the first one makes it."""
    named = server_keys.c.name == _NONCE_KEY
    known: bytes | None = db.execute(sa.select(server_keys.c.key).where(named)).scalar()
    if known is not None:
        return known
    made = secrets.token_bytes(32)
    db.execute(server_keys.insert().values(name=_NONCE_KEY, key=made))
    return made


def issue_token(db: sa.Connection, now: float, host: str, request: TokenRequest) -> Token:
    """Check the signature over a good nonce, spend the nonce, and hand out a token.

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
    spent = hashlib.sha256(b"telemed/nonce/v1" + request.nonce).digest()
    known = spent_nonces.c.nonce_hash == spent
    if db.execute(sa.select(spent_nonces.c.nonce_hash).where(known)).first() is not None:
        raise RequestRefused(401, "not_authorised")
    db.execute(spent_nonces.insert().values(nonce_hash=spent, expires_at=now + _SPENT_KEPT_S))
    if not row.active:
        raise RequestRefused(401, "revoked")
    token = secrets.token_urlsafe(32)
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


def sweep(db: sa.Connection, now: float) -> None:
    """Forget tokens and nonces past their time."""
    db.execute(tokens.delete().where(tokens.c.expires_at <= now))
    db.execute(spent_nonces.delete().where(spent_nonces.c.expires_at <= now))


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"telemed/token/v1" + token.encode("utf-8", "replace")).digest()
