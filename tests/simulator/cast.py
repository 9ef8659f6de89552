"""Who takes part: desks with fixed keys, their clinicians, and the clinic they belong to."""

import functools
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import (
    KeyCheck,
    MemberChain,
    MemberRecord,
    SignedRecord,
    key_digest,
    sign_record,
)

MOST_DESKS = 8
CLINIC = bytes.fromhex("c0" * 16)


def _seed(what: str) -> bytes:
    return hashlib.sha256(what.encode()).digest()


def epoch_key(epoch: int) -> bytes:
    return _seed(f"epoch {epoch}")


def fresh_key(epoch: int, device: bytes, turn: int) -> bytes:
    """What a desk draws when it removes another: never the same for two of them."""
    return _seed(f"epoch {epoch} by {device.hex()} {turn}")


IDENTITIES = tuple(
    DeviceIdentity(bytes([0x41 + i]) * 16, _seed(f"sign {i}"), _seed(f"receive {i}"))
    for i in range(MOST_DESKS)
)
STRANGER = DeviceIdentity(b"!" * 16, _seed("stranger"), _seed("stranger receives"))
PUBLICS = {who.device: who.public for who in (*IDENTITIES, STRANGER)}
CLINICIAN_KEYS = tuple(
    Ed25519PrivateKey.from_private_bytes(_seed(f"clinician {i}")) for i in range(MOST_DESKS)
)


@functools.cache
def founding(count: int) -> tuple[SignedRecord, ...]:
    """The first desk founds the clinic and adds the others."""
    chain = MemberChain()
    founder = IDENTITIES[0]
    for n, who in enumerate(IDENTITIES[:count], 1):
        action = "found" if n == 1 else "add"
        checks = (KeyCheck(0, key_digest(CLINIC, 0, epoch_key(0))),) if n == 1 else ()
        record = MemberRecord(
            1, CLINIC, n, chain.head, action, PUBLICS[who.device], 0, founder.device, checks
        )
        chain.extend(sign_record(record, founder))
    return tuple(chain.records)
