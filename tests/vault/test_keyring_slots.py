"""A passphrase that opens together with a secret of the keyring: on, off, lost, altered, cut short."""

import itertools
import shutil
from pathlib import Path

import msgspec
import pytest

from telemed_desk.vault.atomic import copy_of
from telemed_desk.vault.keyring_factor import entry_of
from telemed_desk.vault.keyring_switch import KeyringSwitch
from telemed_desk.vault.passphrase import passphrase_bytes
from telemed_desk.vault.problems import (
    DiskTrouble,
    KeyringForgot,
    KeyringSecretGone,
    KeyringSilent,
    NoCodeForKeyring,
    WrongPassphrase,
    WrongRecoveryCode,
)
from telemed_desk.vault.recovery import new_secret, to_text
from telemed_desk.vault.slots import (
    KeyringMark,
    Slot,
    SlotHeader,
    decode_slot_file,
    encode_header,
    open_slot,
)
from telemed_protocol.errors import KnownError
from tests.vault.keyring_kit import (
    BlockingKeyring,
    ForgetfulKeyring,
    LockedKeyring,
    ShelfKeyring,
    at,
    factor,
    slot_of,
)
from tests.vault.vault_kit import CHEAP, OTHER_PASSPHRASE, PASSPHRASE, Place, doctor


def slot_files(place: Place) -> list[Path]:
    path = place.directory.path
    files = [path / "slots", copy_of(path / "slots", 1), copy_of(path / "slots", 2)]
    return [p for p in (*files, *(path / "backups").glob("*.slots")) if p.exists()]


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_every_combination_of_lost_and_right_ones_gives_its_path_and_no_empty_database(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    kept = dict(shelf.shelf)
    salt = slot_of(guarded).header.salt
    other = {entry_of(salt): "A" * 43 + "="}
    folder, who = guarded.directory.path, guarded.clinician.entity
    before = names(folder)
    seen = set()
    for passphrase, there, code in itertools.product(
        (PASSPHRASE, OTHER_PASSPHRASE),
        (kept, {}, other),
        (guarded.recovery_code, to_text(new_secret())),
    ):
        shelf.shelf = dict(there)
        directory = at(guarded, factor(shelf))
        fits = there is kept
        wanted: type[KnownError] | None = KeyringSecretGone if not fits else WrongPassphrase
        if fits and passphrase == PASSPHRASE:
            wanted = None
        by_code = None if code == guarded.recovery_code else WrongRecoveryCode
        for attempt, problem in (
            (lambda d=directory, p=passphrase: d.unlock(who, p), wanted),
            (lambda d=directory, c=code: d.unlock_with_recovery(c), by_code),
        ):
            seen.add(problem)
            if problem is None:
                vault = attempt()
                assert [p.entity for p in vault.patients()] == [b"1" * 16]
                vault.lock()
                continue
            with pytest.raises(KnownError) as caught:
                attempt()
            assert type(caught.value) is problem
            assert "recovery code" in caught.value.next_step or problem is not KeyringSecretGone
        assert shelf.shelf == there, "looking changes nothing"
    assert seen == {None, KeyringSecretGone, WrongPassphrase, WrongRecoveryCode}
    new = names(folder) - before
    assert {name for name in new if name.endswith(".db")} == set()


def test_a_missing_key_costs_no_try_and_a_wrong_passphrase_does(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    kept = dict(shelf.shelf)
    shelf.shelf.clear()
    for _ in range(6):
        with pytest.raises(KeyringSecretGone):
            guarded.unlock(OTHER_PASSPHRASE)
    shelf.shelf.update(kept)
    for _ in range(4):
        with pytest.raises(WrongPassphrase):
            guarded.unlock(OTHER_PASSPHRASE)
    guarded.unlock()


def test_switching_on_leaves_no_file_in_which_the_passphrase_alone_opens(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    files = slot_files(guarded)
    assert len(files) >= 3
    for path in files:
        file = decode_slot_file(path.read_bytes())
        slot = file.passphrase_slot(guarded.clinician.entity)
        assert slot == slot_of(guarded), path.name
        with pytest.raises(KeyringSecretGone):
            open_slot(slot, passphrase_bytes(PASSPHRASE), file)
        without = SlotHeader(*msgspec.structs.astuple(slot.header)[:7], 1, slot.header.created_ms)
        alone = Slot(encode_header(without), slot.nonce, slot.sealed)
        assert open_slot(alone, passphrase_bytes(PASSPHRASE), file) is None
        assert file.recovery_slots(), "never the only way in"
    assert len(shelf.shelf) == 1


def test_switching_off_lets_the_passphrase_open_alone_everywhere_and_empties_the_keyring(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    old = slot_of(guarded).header
    switch = KeyringSwitch(guarded.directory)
    with pytest.raises(WrongPassphrase):
        switch.off(guarded.clinician.entity, OTHER_PASSPHRASE)
    assert switch.state(guarded.clinician.entity).is_on
    switch.off(guarded.clinician.entity, PASSPHRASE)
    assert not shelf.shelf
    fresh = slot_of(guarded).header
    assert fresh.salt != old.salt
    assert (fresh.factors, fresh.keyring, fresh.argon2) == (1, None, old.argon2)
    for path in slot_files(guarded):
        file = decode_slot_file(path.read_bytes())
        assert file.passphrase_slot(guarded.clinician.entity) == slot_of(guarded)
    switch.off(guarded.clinician.entity, PASSPHRASE)  # off already
    assert slot_of(guarded).header == fresh
    assert guarded.unlock().clinician.entity == guarded.clinician.entity


def test_switching_on_again_makes_another_key_and_drops_the_older(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    old = dict(shelf.shelf)
    KeyringSwitch(guarded.directory).on(guarded.clinician.entity, PASSPHRASE)
    assert len(shelf.shelf) == 1
    assert not shelf.shelf.items() & old.items()
    guarded.unlock()


def test_after_the_recovery_code_the_new_passphrase_opens_alone_and_that_is_said(
    guarded: Place, shelf: ShelfKeyring
) -> None:
    shelf.shelf.clear()
    vault = guarded.directory.unlock_with_recovery(guarded.recovery_code)
    guarded.open_vaults.append(vault)
    assert guarded.directory.change_passphrase(vault, OTHER_PASSPHRASE, CHEAP) is True
    vault.lock()
    assert not slot_of(guarded).header.needs_keyring
    vault = guarded.unlock(OTHER_PASSPHRASE)
    assert guarded.directory.change_passphrase(vault, PASSPHRASE, CHEAP) is False


def test_a_crash_between_keyring_and_slots_and_copies_locks_nobody_out(
    place: Place, shelf: ShelfKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each durable write is the last one, once; then the PC starts again."""
    place.vault.back_up()
    place.directory.new_recovery_code(place.vault)
    code = place.directory.new_recovery_code(place.vault)
    place.vault.lock()
    whole = tmp_path / "whole"
    folder = place.directory.path
    shutil.copytree(folder, whole)
    real = Path.replace
    finished = False
    for last in range(20):
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        shelf.shelf.clear()
        left = [last]

        def replace(self: Path, target: Path, left: list[int] = left) -> Path:
            if not left[0]:
                raise OSError("the power is gone")
            left[0] -= 1
            return real(self, target)

        directory = at(place, factor(shelf))
        monkeypatch.setattr(Path, "replace", replace)
        try:
            KeyringSwitch(directory).on(place.clinician.entity, PASSPHRASE)
            finished = True
        except DiskTrouble:
            pass
        finally:
            monkeypatch.setattr(Path, "replace", real)
        directory = at(place, factor(shelf))
        is_on = slot_of(place).header.needs_keyring
        assert len(shelf.shelf) == is_on, "a key that nothing names is taken out"
        content, _ = directory.reveal(place.clinician.entity, PASSPHRASE)
        assert directory.reveal_with_recovery(code)[0] == content
        if is_on:
            # What was left undone is done by then.
            for path in slot_files(place):
                file = decode_slot_file(path.read_bytes())
                assert file.passphrase_slot(place.clinician.entity) == slot_of(place)
        if finished:
            break
    assert finished
    assert last > 3


@pytest.mark.parametrize("kind", [ForgetfulKeyring, LockedKeyring])
def test_a_keyring_that_fails_changes_nothing(place: Place, kind: type[ShelfKeyring]) -> None:
    failing = kind()
    before = slot_of(place)
    switch = KeyringSwitch(at(place, factor(failing)))
    with pytest.raises((KeyringForgot, KeyringSilent)):
        switch.on(place.clinician.entity, PASSPHRASE)
    assert slot_of(place) == before
    assert not failing.shelf
    assert not switch.state(place.clinician.entity).is_on


def test_a_keyring_that_does_not_answer_is_named_and_the_code_still_opens(
    guarded: Place,
) -> None:
    waiting = BlockingKeyring()
    header = slot_of(guarded).header
    assert header.keyring is not None
    directory = at(guarded, factor(waiting, ShelfKeyring, BlockingKeyring, limit_s=0.05))
    forged = KeyringMark("tests.vault.keyring_kit.BlockingKeyring", header.keyring.check)
    with pytest.raises(KeyringSilent):
        directory.keyring.fetch(forged, header.salt)
    vault = directory.unlock_with_recovery(guarded.recovery_code)
    vault.lock()
    waiting.go_on.set()


def test_who_has_no_recovery_code_cannot_switch_it_on(place: Place, shelf: ShelfKeyring) -> None:
    other = doctor("Dr Ben Jaribio")
    place.directory.add_clinician(place.vault, other, OTHER_PASSPHRASE, CHEAP)
    switch = KeyringSwitch(at(place, factor(shelf)))
    with pytest.raises(NoCodeForKeyring):
        switch.on(other.entity, OTHER_PASSPHRASE)
    assert not shelf.shelf
    switch.on(place.clinician.entity, PASSPHRASE)
    assert switch.state(place.clinician.entity).others_without == 1
    assert switch.state(other.entity).others_without == 0


def test_secrets_are_in_no_file_and_no_error(guarded: Place, shelf: ShelfKeyring) -> None:
    (text,) = shelf.shelf.values()
    header = slot_of(guarded).header
    assert header.keyring is not None
    secret = guarded.directory.keyring.fetch(header.keyring, header.salt)
    for path in guarded.directory.path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert secret not in data, path.name
            assert text.encode() not in data, path.name
    assert header.keyring.check not in secret
    shelf.shelf = dict.fromkeys(shelf.shelf, text[:-4])
    with pytest.raises(KeyringSecretGone) as caught:
        guarded.unlock()
    shown = "".join(map(str, (caught.value, caught.value.args, caught.value.__context__)))
    assert text[:20] not in shown + repr(caught.value) + repr(slot_of(guarded).header)
