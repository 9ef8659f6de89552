"""A slot that also needs a secret of the keyring: what it says of itself, altered and stored."""

import json
from pathlib import Path

import msgspec
import pytest

from telemed_desk.vault.passphrase import passphrase_bytes
from telemed_desk.vault.problems import (
    KeyringSecretGone,
    VaultDamaged,
    VaultFromNewerVersion,
    WrongPassphrase,
)
from telemed_desk.vault.slots import (
    Argon2Cost,
    KeyringMark,
    Slot,
    SlotFile,
    SlotHeader,
    decode_slot_file,
    ds_check,
    encode_header,
    encode_slot_file,
    open_slot,
    seal_slot,
)
from telemed_protocol.errors import KnownError
from tests.vault.keyring_kit import (
    ShelfKeyring,
    slot_of,
)
from tests.vault.vault_kit import PASSPHRASE, Place

VECTORS = Path(__file__).parents[1] / "vectors"


def test_altered_factors_and_keyrings_of_a_slot_are_refused(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    file, slot = guarded.directory.slots.read(), slot_of(guarded)
    header = slot.header
    assert header.keyring is not None
    secret = guarded.directory.keyring.fetch(header.keyring, header.salt)
    typed = passphrase_bytes(PASSPHRASE)
    assert open_slot(slot, typed, file, secret) is not None

    def forged(**changes: object) -> Slot:
        altered = msgspec.structs.replace(header, **changes)  # type: ignore[arg-type]
        return Slot(encode_header(altered), slot.nonce, slot.sealed)

    for changes, problem in (
        ({"factors": 1}, VaultDamaged),
        ({"keyring": None}, VaultDamaged),
        ({"factors": 7}, VaultFromNewerVersion),
        ({"factors": 2}, VaultFromNewerVersion),
        ({"kind": "recovery"}, VaultFromNewerVersion),
        ({"keyring": KeyringMark(header.keyring.backend, bytes(16))}, KeyringSecretGone),
    ):
        with pytest.raises(problem):
            open_slot(forged(**changes), typed, file, secret)
    renamed = forged(keyring=KeyringMark("keyring.backends.macOS.Keyring", header.keyring.check))
    assert open_slot(renamed, typed, file, secret) is None
    assert open_slot(forged(factors=1, keyring=None), typed, file) is None
    for changes in ({"factors": 1}, {"factors": 1, "keyring": None}):
        guarded.directory.slots.write(file.with_slot(forged(**changes)))
        with pytest.raises((VaultDamaged, WrongPassphrase)):
            guarded.unlock()


def test_every_flipped_bit_of_the_header_is_refused(guarded: Place) -> None:
    file, slot = guarded.directory.slots.read(), slot_of(guarded)
    header = slot.header
    assert header.keyring is not None
    secret = guarded.directory.keyring.fetch(header.keyring, header.salt)
    refused = 0
    for place in range(len(slot.header_bytes) * 8):
        data = bytearray(slot.header_bytes)
        data[place // 8] ^= 1 << place % 8
        try:
            altered = msgspec.msgpack.decode(bytes(data), type=SlotHeader)
        except (msgspec.DecodeError, UnicodeDecodeError):
            refused += 1
            continue
        cost = altered.argon2
        if cost.memory_kib > 1024 or cost.passes > 4 or cost.lanes > 4:
            continue  # dearer, not another kind of change
        try:
            found = open_slot(
                Slot(bytes(data), slot.nonce, slot.sealed), passphrase_bytes(PASSPHRASE), file,
                secret,
            )  # fmt: skip
        except (KnownError, ValueError):
            found = None
        assert found is None, place
        refused += 1
    assert refused > len(slot.header_bytes) * 7


def test_the_stored_vector_with_the_keyring_opens_and_comes_out_the_same() -> None:
    vector = json.loads((VECTORS / "slots-keyring.json").read_text(encoding="utf-8"))
    file = decode_slot_file(bytes.fromhex(vector["file"]))
    plain, guarded, code = file.slots
    assert plain.header.keyring is None
    assert not code.header.needs_keyring
    secret, second = bytes.fromhex(vector["secret"]), bytes.fromhex(vector["keyring_secret"])
    header = guarded.header
    assert header.needs_keyring
    assert header.keyring == KeyringMark(vector["backend"], bytes.fromhex(vector["check"]))
    assert ds_check(second).hex() == vector["check"]
    content = open_slot(guarded, secret, file, second)
    assert content is not None
    assert content.master.hex() == vector["master"]
    nonce = bytes.fromhex(vector["nonce"])
    made = SlotHeader(
        "passphrase", file.vault, bytes.fromhex(vector["clinician"]), vector["name"],
        vector["role"], bytes.fromhex(vector["salt"]), Argon2Cost(*vector["argon2"]), 3,
        vector["created_ms"], header.keyring,
    )  # fmt: skip
    assert seal_slot(made, secret, content, nonce=nonce, keyring_secret=second) == guarded
    assert encode_slot_file(file).hex() == vector["file"]


def test_slots_of_before_decode_without_and_a_reader_of_before_asks_for_a_newer_version() -> None:
    class HeaderOfBefore(msgspec.Struct, frozen=True, array_like=True):
        kind: str
        vault: bytes
        clinician: bytes
        name: str
        role: str
        salt: bytes
        argon2: Argon2Cost
        factors: int
        created_ms: int

    old = json.loads((VECTORS / "slots.json").read_text(encoding="utf-8"))
    for slot, stored in zip(decode_slot_file(bytes.fromhex(old["file"])).slots, old["slots"],
                            strict=True):  # fmt: skip
        assert slot.header.keyring is None
        assert not slot.header.needs_keyring
        assert encode_header(slot.header).hex() == stored["header"]
    new = json.loads((VECTORS / "slots-keyring.json").read_text(encoding="utf-8"))
    file: SlotFile = decode_slot_file(bytes.fromhex(new["file"]))
    seen = [msgspec.msgpack.decode(s.header_bytes, type=HeaderOfBefore) for s in file.slots]
    assert [header.factors for header in seen] == [1, 3, 1], "that reader refuses any but 1"
