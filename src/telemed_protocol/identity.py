"""Who a PC is: its signing and its receiving key, and how it proves itself to the server."""

import hmac
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError, FormatError

AUTH_CONTEXT: Final = b"telemed/auth/v1"
_FOUNDING_CONTEXT: Final = b"telemed/founding-key/v1"
_ANSWER_CONTEXT: Final = b"telemed/enrol-nonce/v1"
SUITE_X25519: Final = 1
"""HPKE suite 1: X25519, HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180). 2 is kept for a hybrid."""
_suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class DevicePublic(msgspec.Struct, frozen=True, array_like=True):
    """The public half: what other desks and the server know of a PC."""

    device: bytes
    signing: bytes
    receiving: bytes


class DeviceIdentity(msgspec.Struct, frozen=True, array_like=True):
    """A PC's private keys; lives inside the vault only."""

    device: bytes
    signing_seed: bytes
    receiving_seed: bytes

    def __repr__(self) -> str:
        """Never show key bytes."""
        return "DeviceIdentity(…)"

    @classmethod
    def generate(cls, device: bytes) -> "DeviceIdentity":
        """Make fresh keys for a device id."""
        return cls(
            device,
            Ed25519PrivateKey.generate().private_bytes_raw(),
            X25519PrivateKey.generate().private_bytes_raw(),
        )

    @classmethod
    def of_sheet(cls, code: EnrolCode) -> "DeviceIdentity":
        """Return the identity that a clinic's printed recovery code stands for."""
        return cls(code.secret(b"device")[:16], code.secret(b"signing"), code.secret(b"receiving"))

    def founding_key(self, clinic: bytes) -> bytes:
        """Return the first key of a clinic that this PC founds.

        Derived, not drawn: when the server's answer is lost, founding is repeated and must come to
        the key that the founding record vouches for.
        """
        seeds = self.signing_seed + self.receiving_seed
        return HKDF(SHA256(), 32, salt=clinic, info=_FOUNDING_CONTEXT).derive(seeds)

    def answer_nonce(self, asked: bytes) -> bytes:
        """Return 32 bytes that nobody else can foresee: always the same for the same question."""
        key = HKDF(SHA256(), 32, salt=None, info=_ANSWER_CONTEXT).derive(self.signing_seed)
        return hmac.digest(key, asked, "sha256")

    @property
    def public(self) -> DevicePublic:
        """The keys to publish."""
        return DevicePublic(
            self.device,
            Ed25519PrivateKey.from_private_bytes(self.signing_seed).public_key().public_bytes_raw(),
            X25519PrivateKey.from_private_bytes(self.receiving_seed)
            .public_key()
            .public_bytes_raw(),
        )

    def sign(self, message: bytes) -> bytes:
        """Sign with Ed25519 (RFC 8032); 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.signing_seed).sign(message)

    def open_wrap(self, wrap: bytes, info: bytes) -> bytes:
        """Open what :func:`wrap_for` sealed for this device.

        Raises:
            ForgeryError: Sealed for another device, for another purpose, or altered.
            FormatError: An unknown suite.
        """
        if not wrap or wrap[0] != SUITE_X25519:
            raise FormatError("wrap suite")
        key = X25519PrivateKey.from_private_bytes(self.receiving_seed)
        try:
            return bytes(_suite.decrypt(wrap[1:], key, info=info))
        except Exception as error:  # cryptography raises several types for a bad ciphertext
            raise ForgeryError("wrap") from error


_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""Public keys, sign bit cleared, under which signatures can be made up without any private key:
OpenSSL accepts a zero signature under the zero key for one message in four."""


def verify(public_signing: bytes, signature: bytes, message: bytes) -> None:
    """Check an Ed25519 signature.

    Raises:
        ForgeryError: It does not verify, or the key is one that vouches for nothing.
    """
    if len(public_signing) == 32 and (
        public_signing[:31] + bytes([public_signing[31] & 0x7F]) in _SMALL_ORDER
    ):
        raise ForgeryError("signing key")
    try:
        Ed25519PublicKey.from_public_bytes(public_signing).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise ForgeryError("signature") from error


def wrap_for(receiver: DevicePublic, secret: bytes, info: bytes) -> bytes:
    """Seal a secret so that only one device can open it: suite byte, then HPKE base mode."""
    key = X25519PublicKey.from_public_bytes(receiver.receiving)
    return bytes([SUITE_X25519]) + bytes(_suite.encrypt(secret, key, info=info))


def auth_message(host: str, device: bytes, nonce: bytes) -> bytes:
    """What a device signs to log in: bound to the server's name, so no other server can use it."""
    name = host.encode("idna") if not host.isascii() else host.lower().encode("ascii")
    return b"\0".join((AUTH_CONTEXT, name, device.hex().encode(), nonce.hex().encode()))
