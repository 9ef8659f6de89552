"""Who belongs to a clinic: a signed chain that the server keeps and cannot edit.

The first record founds the clinic and is signed by the founding device; each later one is signed by
a device that is a member at that point and carries the hash of the one before. A removal begins a new
epoch of the clinic's key. Records also vouch for keys (:class:`KeyCheck`): a key sealed for a desk
says nothing about who sealed it, and the server could put one of its own in its place.
"""

import hashlib
import hmac
from typing import Final, Literal

import msgspec

from telemed_protocol.errors import UNREADABLE, ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity, DevicePublic, verify

RECORD_VERSION: Final = 1
RECOVERY: Final = "recovery"
"""The role of the clinic's recovery sheet: a member that is no PC, but a printed code."""
MemberAction = Literal["found", "add", "revoke"]
_DIGEST_BYTES: Final = 32
_MAX_CHECKS: Final = 64
_KEY_CONTEXT: Final = b"telemed/key-check/v1"
_SIGN_CONTEXT: Final = b"telemed/member/v1"
_WRAP_CONTEXT: Final = b"telemed/wrap/v1"


class KeyCheck(msgspec.Struct, frozen=True, array_like=True):
    """What :func:`key_digest` of an epoch's key must be."""

    epoch: int
    digest: bytes


class MemberRecord(msgspec.Struct, frozen=True, array_like=True):
    """One change of membership.

    Attributes:
        version: Layout version.
        clinic: 16 bytes.
        n: 1 for the founding record, then counting.
        prev_hash: Hash of record n-1; zeros for the first.
        action: What happens to ``member``.
        member: The device that is added or removed.
        epoch: The clinic key's generation from this record on.
        by: 16 bytes; the device that signs.
        keys: The keys that the signer vouches for.
        role: Of ``member``: empty = a PC, :data:`RECOVERY`, or something of a later version.
        at_ms: When the signer signed, Unix ms by its clock; 0 = not said.
    """

    version: int
    clinic: bytes
    n: int
    prev_hash: bytes
    action: MemberAction
    member: DevicePublic
    epoch: int
    by: bytes
    keys: tuple[KeyCheck, ...] = ()
    role: str = ""
    at_ms: int = 0


class SignedRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record as bytes, and the signature over those bytes."""

    record: bytes
    signature: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 over record and signature; what the next record carries."""
        return hashlib.sha256(b"telemed/member-hash/v1" + self.record + self.signature).digest()

    def parse(self) -> MemberRecord:
        """Decode the record without trusting it.

        Raises:
            FormatError: Not a membership record.
        """
        try:
            record = msgspec.msgpack.decode(self.record, type=MemberRecord)
        except UNREADABLE as error:
            raise FormatError("member record") from error
        public = record.member
        if not (
            len(record.clinic) == len(record.by) == len(public.device) == 16
            and len(record.prev_hash) == len(public.signing) == len(public.receiving) == 32
            and record.n >= 1
            and 0 <= record.epoch < 2**32
            and len(record.keys) <= _MAX_CHECKS
            and all(0 <= k.epoch <= record.epoch for k in record.keys)
            and all(len(k.digest) == _DIGEST_BYTES for k in record.keys)
        ):
            raise FormatError("member record fields")
        return record


def sign_record(record: MemberRecord, identity: DeviceIdentity) -> SignedRecord:
    """Encode and sign. What vouches for nothing is written as it always was."""
    fields = msgspec.structs.astuple(record)
    plain = not (record.keys or record.role or record.at_ms)
    data = msgspec.msgpack.encode(fields[:-3] if plain else fields)
    return SignedRecord(data, identity.sign(_SIGN_CONTEXT + data))


def wrap_info(clinic: bytes, epoch: int, device: bytes) -> bytes:
    """HPKE ``info`` for an epoch key wrapped for a device."""
    return _WRAP_CONTEXT + clinic + epoch.to_bytes(4, "big") + device


def key_digest(clinic: bytes, epoch: int, key: bytes) -> bytes:
    """Return what a record says of a key: 32 bytes that tell nothing about it."""
    return hashlib.sha256(_KEY_CONTEXT + clinic + epoch.to_bytes(4, "big") + key).digest()


class MemberChain:
    """A verified chain. Grows by :meth:`extend` only; every check happens there."""

    def __init__(self) -> None:
        self.records: list[SignedRecord] = []
        self._members: dict[bytes, DevicePublic] = {}
        self._known: dict[bytes, DevicePublic] = {}
        self._removed: dict[bytes, int] = {}
        self._roles: dict[bytes, str] = {}
        self._digests: dict[int, bytes] = {}
        self.clinic = b""
        self.epoch = 0

    @property
    def head(self) -> bytes:
        """Hash of the newest record, zeros when empty."""
        return self.records[-1].hash if self.records else bytes(32)

    @property
    def genesis(self) -> bytes:
        """Hash of the founding record; pinned by every desk at enrolment."""
        return self.records[0].hash if self.records else bytes(32)

    @property
    def members(self) -> dict[bytes, DevicePublic]:
        """Devices that belong to the clinic now, by id."""
        return dict(self._members)

    def public_of(self, device: bytes) -> DevicePublic | None:
        """Keys of a device that is or was a member; its old segments stay valid."""
        return self._known.get(device)

    def removed_at(self, device: bytes) -> int | None:
        """Return the epoch that began when a device was removed; None while it is a member."""
        return self._removed.get(device)

    def role_of(self, device: bytes) -> str:
        """Return what a device is or was; empty = a PC."""
        return self._roles.get(device, "")

    def vouches_for(self, epoch: int, key: bytes) -> bool:
        """Say whether this is the epoch's key by a member's word.

        A clinic founded by an early version says nothing of its first key, and what nobody was
        removed from has no other.
        """
        digest = self._digests.get(epoch)
        if digest is None:
            return epoch == 0
        return hmac.compare_digest(digest, key_digest(self.clinic, epoch, key))

    def extend(self, signed: SignedRecord) -> MemberRecord:
        """Verify and append the next record.

        Raises:
            ForgeryError: Out of order, not signed by a member, or of another clinic.
            FormatError: Not a record.
        """
        record = signed.parse()
        if record.version != RECORD_VERSION:
            raise FormatError("member record version")
        if record.n != len(self.records) + 1 or record.prev_hash != self.head:
            raise ForgeryError("member chain order")
        if not self.records:
            if record.action != "found" or record.by != record.member.device:
                raise ForgeryError("member chain genesis")
            signer = record.member
        else:
            found = self._members.get(record.by)
            if record.clinic != self.clinic or record.action == "found" or found is None:
                raise ForgeryError("member chain author")
            begun = record.epoch - self.epoch
            if begun not in {0, 1} or (record.action == "revoke" and not begun):
                raise ForgeryError("member chain epoch")
            signer = found
        verify(signer.signing, signed.signature, _SIGN_CONTEXT + signed.record)
        self._apply(record)
        self.records.append(signed)
        return record

    def _apply(self, record: MemberRecord) -> None:
        device = record.member.device
        digests = {check.epoch: check.digest for check in record.keys}
        if any(self._digests.get(epoch, digest) != digest for epoch, digest in digests.items()):
            raise ForgeryError("member chain key")
        if record.action == "revoke":
            if device == record.by:
                # It would know the key that it is to be kept from.
                raise ForgeryError("member chain revokes itself")
            if self._members.pop(device, None) is None:
                raise ForgeryError("member chain revokes a stranger")
            self._removed[device] = record.epoch
        else:
            if device in self._known:
                raise ForgeryError("member chain repeats a device")
            self._members[device] = record.member
            self._known[device] = record.member
            self._roles[device] = record.role
        self._digests |= digests
        self.clinic = record.clinic
        self.epoch = record.epoch
