import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity, verify


def test_a_key_that_vouches_for_anything_is_refused() -> None:
    zero = Ed25519PublicKey.from_public_bytes(bytes(32))
    accepted = 0
    for i in range(64):
        message = bytes([i])
        try:
            zero.verify(bytes(64), message)
        except Exception:  # noqa: BLE001 - only counted: shows that the danger is real
            continue
        accepted += 1
        with pytest.raises(ForgeryError):
            verify(bytes(32), bytes(64), message)
        with pytest.raises(ForgeryError):
            verify(bytes(31) + b"\x80", bytes(64), message)
    assert accepted > 0
    identity = DeviceIdentity.generate(b"d" * 16)
    verify(identity.public.signing, identity.sign(b"m"), b"m")
