import json
from pathlib import Path

import msgspec
import pytest

from telemed_desk.vault.atomic import copy_of, write_durably
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.problems import VaultDamaged, VaultFromNewerVersion, VaultMissing
from telemed_desk.vault.slots import (
    Argon2Cost,
    Slot,
    SlotFile,
    SlotHeader,
    SlotOwner,
    SlotSecret,
    decode_slot_file,
    encode_slot_file,
    new_passphrase_slot,
    new_recovery_slot,
    open_slot,
    read_slot_file,
    seal_slot,
    write_slot_file,
)
from tests.vault.vault_kit import CHEAP

VECTORS = Path(__file__).parents[1] / "vectors" / "slots.json"
CONTENT = SlotSecret(1, bytes(range(32)), bytes(range(32, 64)))
VAULT = b"v" * 16
OWNER = SlotOwner(b"c" * 16, "Dr Asha Mfano", "Clinical officer")


def a_file(*slots: Slot) -> SlotFile:
    return SlotFile(VAULT, MasterKey(CONTENT.master).check_value(), slots)


def a_slot(passphrase: str = "open sesame tree") -> Slot:
    return new_passphrase_slot(VAULT, OWNER, passphrase, CONTENT, cost=CHEAP, now_ms=5)


def test_a_slot_opens_with_its_passphrase_and_no_other() -> None:
    slot = a_slot("caf\u00e9 sesame tree")
    assert open_slot(slot, "caf\u00e9 sesame tree".encode(), a_file(slot)) == CONTENT
    assert open_slot(slot, b"cafe sesame tree", a_file(slot)) is None
    code = bytes(20)
    recovery = new_recovery_slot(VAULT, OWNER, code, CONTENT, now_ms=5)
    assert open_slot(recovery, code, a_file(recovery)) == CONTENT
    assert open_slot(recovery, b"1" * 20, a_file(recovery)) is None


def test_a_slot_whose_clear_part_was_altered_does_not_open() -> None:
    slot = a_slot()
    header = msgspec.structs.replace(slot.header, name="Dr Somebody Else")
    forged = msgspec.structs.replace(slot, header_bytes=msgspec.msgpack.encode(header))
    assert open_slot(forged, b"open sesame tree", a_file(forged)) is None


def test_a_slot_of_another_vault_is_damage_and_not_a_wrong_passphrase() -> None:
    slot = a_slot()
    file = msgspec.structs.replace(a_file(slot), check_value=bytes(16))
    with pytest.raises(VaultDamaged):
        open_slot(slot, b"open sesame tree", file)


def test_a_slot_with_an_unknown_factor_asks_for_a_newer_version() -> None:
    slot = a_slot()
    header = msgspec.structs.replace(slot.header, factors=5)
    with pytest.raises(VaultFromNewerVersion):
        open_slot(
            seal_slot(header, b"open sesame tree", CONTENT, nonce=bytes(12)),
            b"open sesame tree",
            a_file(slot),
        )


def test_every_flipped_byte_of_the_slot_file_is_noticed() -> None:
    data = encode_slot_file(a_file(a_slot()))
    assert decode_slot_file(data) == decode_slot_file(bytes(data))
    for i in range(len(data)):
        broken = data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1 :]
        with pytest.raises(VaultDamaged):
            decode_slot_file(broken)
    for length in range(len(data)):
        with pytest.raises(VaultDamaged):
            decode_slot_file(data[:length])


def test_a_damaged_slot_file_is_replaced_by_its_newest_copy(tmp_path: Path) -> None:
    path = tmp_path / "slots"
    with pytest.raises(VaultMissing):
        read_slot_file(path)
    files = [a_file(*(a_slot() for _ in range(n))) for n in range(1, 5)]
    for file in files:
        write_slot_file(path, file)
    assert read_slot_file(path) == files[3]
    assert read_slot_file(copy_of(path, 1)) == files[2]
    assert read_slot_file(copy_of(path, 2)) == files[1]
    assert not copy_of(path, 3).exists()
    path.write_bytes(b"")
    assert read_slot_file(path) == files[2]
    path.unlink()
    copy_of(path, 1).write_bytes(b"TMVS")
    assert read_slot_file(path) == files[1]
    copy_of(path, 2).write_bytes(b"nonsense")
    with pytest.raises(VaultDamaged):
        read_slot_file(path)


def test_a_durable_write_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_durably(tmp_path / "f", b"one")
    write_durably(tmp_path / "f", b"two")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"two"
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0


def test_secrets_stay_out_of_texts() -> None:
    for secret in (MasterKey(CONTENT.master), CONTENT):
        text = repr(secret) + str(secret)
        assert "\\x" not in text
        assert "010203" not in text


def test_a_wiped_master_key_derives_nothing() -> None:
    key = MasterKey(CONTENT.master)
    key.wipe()
    with pytest.raises(ValueError, match="wiped"):
        key.database_key()


def test_stored_vectors_open_and_come_out_the_same() -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    file = decode_slot_file(bytes.fromhex(vectors["file"]))
    assert file.check_value == bytes.fromhex(vectors["check_value"])
    for slot, vector in zip(file.slots, vectors["slots"], strict=True):
        content = open_slot(slot, bytes.fromhex(vector["secret"]), file)
        assert content is not None
        assert content.master == bytes.fromhex(vectors["master"])
        assert content.signing_seed == bytes.fromhex(vector["signing_seed"])
        header = SlotHeader(
            vector["kind"],
            file.vault,
            bytes.fromhex(vector["clinician"]),
            vector["name"],
            vector["role"],
            bytes.fromhex(vector["salt"]),
            Argon2Cost(*vector["argon2"]),
            1,
            vector["created_ms"],
        )
        nonce = bytes.fromhex(vector["nonce"])
        assert seal_slot(header, bytes.fromhex(vector["secret"]), content, nonce=nonce) == slot
    assert encode_slot_file(file).hex() == vectors["file"]
    master = MasterKey(bytes.fromhex(vectors["master"]))
    assert master.database_key().hex() == vectors["database_key"]
    assert master.journal_key().hex() == vectors["journal_key"]
