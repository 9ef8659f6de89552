"""Six digits open again for a while: five tries, eight hours, this process only."""

from pathlib import Path

import pytest

from telemed_desk.vault.pin import LASTS_S, PinKeep, is_weak
from telemed_desk.vault.problems import PinGone, VaultLocked, WeakPin, WrongPin
from telemed_desk.vault.slots import SlotSecret
from tests.vault.vault_kit import CANARY, PASSPHRASE, Place, doctor, patient_set

PIN = "480713"
CONTENT = SlotSecret(1, bytes(range(32)), bytes(range(32, 64)))


def test_the_vault_opens_again_with_the_pin_and_what_was_written_is_there(place: Place) -> None:
    directory, who = place.directory, place.clinician.entity
    assert directory.pin_tries_left(who) == 0
    with pytest.raises(PinGone):
        directory.unlock_with_pin(who, PIN)
    directory.keep_pin(place.vault, PIN)
    place.vault.commit(patient_set(b"p" * 16, remarks="x")).result()
    place.vault.lock()
    with pytest.raises(WrongPin):
        directory.unlock_with_pin(who, "480714")
    assert directory.pin_tries_left(who) == 4
    vault = directory.unlock_with_pin(who, PIN)
    place.open_vaults.append(vault)
    assert [p.entity for p in vault.patients()] == [b"p" * 16]
    assert vault.clinician == place.clinician
    vault.sign_note(b"n" * 16, 1).exception()  # signing key and all
    vault.lock()
    with pytest.raises(VaultLocked):
        directory.keep_pin(vault, PIN)


def test_after_five_wrong_ones_it_is_gone_and_the_passphrase_still_opens(place: Place) -> None:
    directory, who = place.directory, place.clinician.entity
    directory.keep_pin(place.vault, PIN)
    place.vault.lock()
    for left in (4, 3, 2, 1):
        with pytest.raises(WrongPin):
            directory.unlock_with_pin(who, "111111")
        assert directory.pin_tries_left(who) == left
    for pin in ("111111", PIN):
        with pytest.raises(PinGone):
            directory.unlock_with_pin(who, pin)
    assert place.unlock(PASSPHRASE).clinician == place.clinician


def test_it_ends_after_eight_hours_also_of_sleep_and_is_each_clinicians_own() -> None:
    now = [0.0]
    pins = PinKeep(lambda: now[0])
    one, other = doctor("Dr Asha Mfano"), doctor("Dr Ben Jaribio")
    pins.keep(one, CONTENT, PIN)
    with pytest.raises(PinGone):
        pins.open(other.entity, PIN)
    now[0] = LASTS_S - 1
    assert pins.open(one.entity, PIN) == (CONTENT, one)
    now[0] = LASTS_S
    with pytest.raises(PinGone):
        pins.open(one.entity, PIN)
    pins.keep(one, CONTENT, PIN)
    pins.forget(one.entity)
    assert pins.tries_left(one.entity) == 0


def test_a_right_pin_gives_the_tries_back_and_a_new_one_ends_the_old() -> None:
    pins = PinKeep()
    who = doctor()
    pins.keep(who, CONTENT, PIN)
    for _ in range(3):
        with pytest.raises(WrongPin):
            pins.open(who.entity, "111111")
    pins.open(who.entity, PIN)
    assert pins.tries_left(who.entity) == 5
    pins.keep(who, CONTENT, "927460")
    with pytest.raises(WrongPin):
        pins.open(who.entity, PIN)


@pytest.mark.parametrize(
    "pin",
    ["", "12345", "1234567", "abcdef", "12 456", "\u0661\u0662\u0663\u0664\u0665\u0666",
     "000000", "123456", "654321", "890123", "121212", "123123", "112211", "310185", "010190",
     "198507"],
)  # fmt: skip
def test_what_is_guessed_first_is_refused(pin: str) -> None:
    assert is_weak(pin)
    with pytest.raises(WeakPin):
        PinKeep().keep(doctor(), CONTENT, pin)


def test_nothing_of_it_is_written_or_shown(place: Place, tmp_path: Path) -> None:
    place.vault.set_setting("x", CANARY.encode()).result()
    place.directory.keep_pin(place.vault, PIN)
    place.vault.lock()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert PIN.encode() not in path.read_bytes()
    with pytest.raises(WrongPin) as caught:
        place.directory.unlock_with_pin(place.clinician.entity, "777123")
    assert "777123" not in str(caught.value)
