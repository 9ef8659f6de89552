"""Who belongs to a clinic: a signed chain that the server keeps and cannot edit.

The first record founds the clinic and is signed by the founding device; each later one is signed by
a device that is a member at that point and carries the hash of the one before. Rotation of keys on
removal builds on the same records (``epoch``).
"""

import hashlib
from typing import Final, Literal

import msgspec

from telemed_protocol.errors import UNREADABLE, ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity, DevicePublic, verify

RECORD_VERSION: Final = 1
MemberAction = Literal["found", "add", "revoke"]
_SIGN_CONTEXT: Final = b"telemed/member/v1"
_WRAP_CONTEXT: Final = b"telemed/wrap/v1"


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
    """

    version: int
    clinic: bytes
    n: int
    prev_hash: bytes
    action: MemberAction
    member: DevicePublic
    epoch: int
    by: bytes


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
        ):
            raise FormatError("member record fields")
        return record


def sign_record(record: MemberRecord, identity: DeviceIdentity) -> SignedRecord:
    """Encode and sign."""
    data = msgspec.msgpack.encode(record)
    return SignedRecord(data, identity.sign(_SIGN_CONTEXT + data))


def wrap_info(clinic: bytes, epoch: int, device: bytes) -> bytes:
    """HPKE ``info`` for an epoch key wrapped for a device."""
    return _WRAP_CONTEXT + clinic + epoch.to_bytes(4, "big") + device


class MemberChain:
    """A verified chain. Grows by :meth:`extend` only; every check happens there."""

    def __init__(self) -> None:
        self.records: list[SignedRecord] = []
        self._members: dict[bytes, DevicePublic] = {}
        self._known: dict[bytes, DevicePublic] = {}
        self._removed: dict[bytes, int] = {}
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
            if record.epoch < self.epoch:
                raise ForgeryError("member chain epoch")
            signer = found
        verify(signer.signing, signed.signature, _SIGN_CONTEXT + signed.record)
        self._apply(record)
        self.records.append(signed)
        return record

    def _apply(self, record: MemberRecord) -> None:
        device = record.member.device
        if record.action == "revoke":
            if self._members.pop(device, None) is None:
                raise ForgeryError("member chain revokes a stranger")
            self._removed[device] = record.epoch
        else:
            if device in self._known:
                raise ForgeryError("member chain repeats a device")
            self._members[device] = record.member
            self._known[device] = record.member
        self.clinic = record.clinic
        self.epoch = record.epoch
