"""The slot file: who can unlock this vault, and the master key wrapped once for each of them.

Layout in ``docs/formats.md``, "Slot file". Names and roles stand in it in clear on purpose: the
Unlock screen shows them before anybody has unlocked.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from telemed_desk.vault.atomic import copy_of, write_durably
from telemed_desk.vault.keys import MasterKey, derive
from telemed_desk.vault.passphrase import passphrase_bytes
from telemed_desk.vault.problems import (
    KeyringSecretGone,
    VaultDamaged,
    VaultFromNewerVersion,
    VaultMissing,
)
from telemed_protocol.errors import UNREADABLE

MAGIC: Final = b"TMVS"
SLOTS_NAME: Final = "slots"
SLOT_FILE_VERSION: Final = 1
COPIES: Final = 2
_HASH_BYTES: Final = 32
_HASH_CONTEXT: Final = b"telemed/slots/v1"
_KEK_CONTEXT: Final = b"telemed/kek/v1"
_SALT_BYTES: Final = 16
_NO_KEYRING: Final = bytes(32)
FACTOR_SECRET: Final = 1
"""Factor bit 0: the passphrase, or the recovery code. Always set."""
FACTOR_KEYRING: Final = 2
"""Factor bit 1: besides the passphrase a secret DS in the operating system's keyring."""
DS_BYTES: Final = 32
_DS_CHECK_CONTEXT: Final = b"telemed/ds-check/v1"
_DS_CHECK_BYTES: Final = 16
_FIELDS_WITHOUT_KEYRING: Final = 9

SlotKind = Literal["passphrase", "recovery"]


class Argon2Cost(msgspec.Struct, frozen=True, array_like=True):
    """How dear one guess is (RFC 9106). The default costs 0.2 to 0.3 s and 64 MiB."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 1


class KeyringMark(msgspec.Struct, frozen=True, array_like=True):
    """Where the second key DS of a slot lies, and how to know it again.

    Attributes:
        backend: Module and class of the keyring that holds it.
        check: 16 bytes out of DS, which tell another DS from a wrong passphrase. They help nobody to
            guess: DS is 256 random bits.
    """

    backend: str
    check: bytes


class SlotHeader(msgspec.Struct, frozen=True, array_like=True):
    """What is in clear; sealed in by the wrap, so it cannot be altered unseen.

    Attributes:
        kind: Which secret opens it.
        vault: 16 bytes; the vault it belongs to.
        clinician: 16 bytes.
        name: Shown on the Unlock screen.
        role: Shown on the Unlock screen.
        salt: 16 bytes, fresh for every wrap.
        argon2: Cost of the passphrase; zeros for a recovery slot, whose 160 bits need none.
        factors: Which secrets are mixed into the key.
        created_ms: When it was made.
        keyring: With factor bit 1; slots of before there was one end before it.
    """

    kind: SlotKind
    vault: bytes
    clinician: bytes
    name: str
    role: str
    salt: bytes
    argon2: Argon2Cost
    factors: int
    created_ms: int
    keyring: KeyringMark | None = None

    @property
    def needs_keyring(self) -> bool:
        """Whether the passphrase alone does not open it."""
        return bool(self.factors & FACTOR_KEYRING)


class SlotSecret(msgspec.Struct, frozen=True, array_like=True):
    """What a slot guards: the master key, and the clinician's own signing key (Ed25519 seed)."""

    version: int
    master: bytes
    signing_seed: bytes

    def __repr__(self) -> str:
        """Never show key bytes."""
        return "SlotSecret(…)"


class Slot(msgspec.Struct, frozen=True, array_like=True):
    """One way in: header as bytes, nonce, and the sealed secret."""

    header_bytes: bytes
    nonce: bytes
    sealed: bytes

    @property
    def header(self) -> SlotHeader:
        """The header, decoded."""
        return msgspec.msgpack.decode(self.header_bytes, type=SlotHeader)


class SlotFile(msgspec.Struct, frozen=True, array_like=True):
    """All ways in, and the check value of the master key."""

    vault: bytes
    check_value: bytes
    slots: tuple[Slot, ...]

    def passphrase_slot(self, clinician: bytes) -> Slot | None:
        """Return a clinician's slot."""
        for slot in self.slots:
            header = slot.header
            if header.kind == "passphrase" and header.clinician == clinician:
                return slot
        return None

    def recovery_slots(self) -> list[Slot]:
        """Return the slots of printed codes."""
        return [slot for slot in self.slots if slot.header.kind == "recovery"]

    def with_slot(self, fresh: Slot) -> "SlotFile":
        """Return a copy with a slot added, in place of the same clinician's of the same kind."""
        header = fresh.header
        kept = [
            slot
            for slot in self.slots
            if (slot.header.kind, slot.header.clinician) != (header.kind, header.clinician)
        ]
        return msgspec.structs.replace(self, slots=(*kept, fresh))


@dataclass(frozen=True, slots=True)
class SlotOwner:
    """Whose slot is made."""

    clinician: bytes
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class SecondKey:
    """DS, 32 random bytes that lie in a keyring, and what a slot says of them. Never printed.

    Attributes:
        salt: Of the one slot that needs it; it is found in the keyring by this.
        backend: Module and class of the keyring.
        secret: DS.
    """

    salt: bytes
    backend: str
    secret: bytes = field(repr=False)

    @property
    def mark(self) -> KeyringMark:
        """What stands in the slot's header."""
        return KeyringMark(self.backend, ds_check(self.secret))


def ds_check(secret: bytes) -> bytes:
    """Return the 16 bytes by which a slot knows its DS again."""
    return derive(secret, _DS_CHECK_CONTEXT)[:_DS_CHECK_BYTES]


def encode_header(header: SlotHeader) -> bytes:
    """Encode; without the factor byte for byte what versions without it wrote."""
    if header.keyring is not None:
        return msgspec.msgpack.encode(header)
    fields = msgspec.structs.astuple(header)
    return msgspec.msgpack.encode(fields[:_FIELDS_WITHOUT_KEYRING])


def _slot_key(header: SlotHeader, secret: bytes, keyring_secret: bytes) -> bytes:
    if header.kind == "passphrase":
        cost = header.argon2
        stretched = Argon2id(
            salt=header.salt,
            length=32,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        ).derive(secret)
    else:
        stretched = derive(secret, b"telemed/recovery/v1", salt=header.salt)
    info = _KEK_CONTEXT + header.vault + header.clinician + bytes([header.factors])
    return derive(stretched + keyring_secret, info, salt=header.salt)


def seal_slot(
    header: SlotHeader,
    secret: bytes,
    content: SlotSecret,
    *,
    nonce: bytes,
    keyring_secret: bytes = _NO_KEYRING,
) -> Slot:
    """Wrap the keys for one secret. ``header.salt`` must be fresh, so the key is used once."""
    header_bytes = encode_header(header)
    plain = msgspec.msgpack.encode(content)
    key = _slot_key(header, secret, keyring_secret)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, plain, header_bytes)
    return Slot(header_bytes, nonce, sealed)


def new_passphrase_slot(
    vault: bytes,
    owner: SlotOwner,
    passphrase: str,
    content: SlotSecret,
    *,
    cost: Argon2Cost,
    now_ms: int,
    second: SecondKey | None = None,
) -> Slot:
    """Make a clinician's slot; with a second key, one that needs both."""
    header = SlotHeader(
        "passphrase",
        vault,
        owner.clinician,
        owner.name,
        owner.role,
        fresh_salt() if second is None else second.salt,
        cost,
        FACTOR_SECRET if second is None else FACTOR_SECRET | FACTOR_KEYRING,
        now_ms,
        None if second is None else second.mark,
    )
    return seal_slot(
        header,
        passphrase_bytes(passphrase),
        content,
        nonce=secrets.token_bytes(12),
        keyring_secret=_NO_KEYRING if second is None else second.secret,
    )


def fresh_salt() -> bytes:
    """Return a salt that no slot has."""
    return secrets.token_bytes(_SALT_BYTES)


def new_recovery_slot(
    vault: bytes, owner: SlotOwner, code: bytes, content: SlotSecret, *, now_ms: int
) -> Slot:
    """Make the slot of the printed code; 160 random bits need no stretching."""
    header = SlotHeader(
        "recovery",
        vault,
        owner.clinician,
        owner.name,
        owner.role,
        fresh_salt(),
        Argon2Cost(0, 0, 0),
        FACTOR_SECRET,
        now_ms,
    )
    return seal_slot(header, code, content, nonce=secrets.token_bytes(12))


def check_factors(header: SlotHeader) -> None:
    """See that a slot says in one way what it needs.

    Raises:
        VaultFromNewerVersion: It needs a factor that this version does not know.
        VaultDamaged: Its factors and its keyring contradict each other.
    """
    known = FACTOR_SECRET | (FACTOR_KEYRING if header.kind == "passphrase" else 0)
    if header.factors & ~known or not header.factors & FACTOR_SECRET:
        raise VaultFromNewerVersion("slot factors")
    if header.needs_keyring != (header.keyring is not None):
        raise VaultDamaged("slot factors")


def open_slot(
    slot: Slot, secret: bytes, file: SlotFile, keyring_secret: bytes | None = None
) -> SlotSecret | None:
    """Return what a slot guards, or None when the secret is not the right one.

    Args:
        slot: The way in.
        secret: Passphrase as UTF-8, or the 20 bytes of the code.
        file: The file it stands in.
        keyring_secret: DS, for a slot that needs it.

    Raises:
        VaultFromNewerVersion: It needs a factor or layout that this version does not know.
        VaultDamaged: The secret is right, but the master key is of another vault; or the slot
            contradicts itself.
        KeyringSecretGone: It needs another DS than the one given, whatever the passphrase.
    """
    header = slot.header
    check_factors(header)
    second = _NO_KEYRING
    if header.keyring is not None:
        if keyring_secret is None or not hmac.compare_digest(
            ds_check(keyring_secret), header.keyring.check
        ):
            raise KeyringSecretGone("none given" if keyring_secret is None else "another")
        second = keyring_secret
    try:
        plain = ChaCha20Poly1305(_slot_key(header, secret, second)).decrypt(
            slot.nonce, slot.sealed, slot.header_bytes
        )
    except InvalidTag:
        return None
    try:
        content = msgspec.msgpack.decode(plain, type=SlotSecret)
    except UNREADABLE as error:
        raise VaultFromNewerVersion("slot content") from error
    if content.version != 1:
        raise VaultFromNewerVersion("slot content")
    if MasterKey(content.master).check_value() != file.check_value:
        raise VaultDamaged("check value")
    return content


def encode_slot_file(file: SlotFile) -> bytes:
    """Encode: magic, version byte, msgpack, SHA-256 over all of it."""
    body = MAGIC + bytes([SLOT_FILE_VERSION]) + msgspec.msgpack.encode(file)
    return body + hashlib.sha256(_HASH_CONTEXT + body).digest()


def decode_slot_file(data: bytes) -> SlotFile:
    """Decode.

    Raises:
        VaultDamaged: Not a slot file, or one with a flipped bit.
        VaultFromNewerVersion: Intact, of a version we do not know.
    """
    body, digest = data[:-_HASH_BYTES], data[-_HASH_BYTES:]
    if not body.startswith(MAGIC) or hashlib.sha256(_HASH_CONTEXT + body).digest() != digest:
        raise VaultDamaged("slot file")
    if body[4] != SLOT_FILE_VERSION:
        raise VaultFromNewerVersion("slot file")
    try:
        file = msgspec.msgpack.decode(body[5:], type=SlotFile)
        for slot in file.slots:
            _ = slot.header
    except UNREADABLE as error:
        raise VaultFromNewerVersion("slot file layout") from error
    return file


def read_slot_file(path: Path) -> SlotFile:
    """Read the slot file, or its newest copy that is intact.

    Raises:
        VaultMissing: There is none, nor a copy.
        VaultDamaged: None of them is intact.
        VaultFromNewerVersion: Written by a newer version.
    """
    found = False
    for candidate in (path, *(copy_of(path, n) for n in range(1, COPIES + 1))):
        if not candidate.exists():
            continue
        found = True
        try:
            return decode_slot_file(candidate.read_bytes())
        except VaultDamaged:
            continue
    raise VaultDamaged("slot file") if found else VaultMissing("slot file")


def write_slot_file(path: Path, file: SlotFile) -> None:
    """Replace the slot file durably, keeping the two versions before it."""
    write_durably(path, encode_slot_file(file), copies=COPIES)
