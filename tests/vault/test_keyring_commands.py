"""``telemed-desk vault keyring``: on, off, how it is, and what is said when the keyring is another's."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from telemed_desk.vault.commands import main
from telemed_desk.vault.keyring_factor import KeyringFactor
from telemed_desk.vault.keyring_switch import KeyringSwitch
from telemed_desk.vault.problems import VaultMissing
from tests.vault.keyring_kit import OtherShelf, ShelfKeyring, at, factor
from tests.vault.vault_kit import CHEAP, OTHER_PASSPHRASE, PASSPHRASE, Place, doctor, patient_set

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(
        data: Path, keyring: KeyringFactor, *words: str, typed: tuple[str, ...] = ()
    ) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        arguments = ["--data", str(data), "--stdin", *words]
        code = main(arguments, data, lambda _record: b"", keyring)
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


@pytest.fixture
def data(place: Place) -> Path:
    """A locked vault with one record."""
    place.vault.commit(patient_set(b"p" * 16, remarks="x")).result()
    place.vault.lock()
    return place.directory.path.parent


def test_on_status_off(data: Path, place: Place, run: Run) -> None:
    shelf = ShelfKeyring()
    used = factor(shelf)
    code, out, _ = run(data, used, "keyring", "status")
    assert code == 0
    assert "ShelfKeyring" in out
    assert f"{place.clinician.name}: off" in out
    code, _, err = run(data, used, "keyring", "on", typed=(OTHER_PASSPHRASE,))
    assert (code, "TD-VLT-004" in err, shelf.shelf) == (2, True, {})
    code, out, _ = run(data, used, "keyring", "on", typed=(PASSPHRASE,))
    assert code == 0
    assert "ShelfKeyring" in out
    assert "recovery code" in out
    assert len(shelf.shelf) == 1
    (secret,) = shelf.shelf.values()
    assert secret not in out
    code, out, _ = run(data, used, "keyring", "status")
    assert f"{place.clinician.name}: on" in out
    assert run(data, used, "verify-log", typed=(PASSPHRASE,))[0] == 0
    code, out, _ = run(data, used, "keyring", "off", typed=(PASSPHRASE,))
    assert (code, shelf.shelf) == (0, {})
    assert run(data, used, "verify-log", typed=(PASSPHRASE,))[0] == 0


def test_others_who_open_by_a_passphrase_alone_are_counted(place: Place, run: Run) -> None:
    place.directory.add_clinician(place.vault, doctor("Dr Ben Jaribio"), OTHER_PASSPHRASE, CHEAP)
    place.vault.lock()
    words = ("--clinician", "asha", "keyring", "on")
    code, out, _ = run(place.directory.path.parent, factor(ShelfKeyring()), *words,
                       typed=(PASSPHRASE,))  # fmt: skip
    assert code == 0
    assert "passphrase alone: 1." in out


def test_a_key_that_is_gone_names_the_code_which_gives_a_passphrase_that_opens_alone(
    data: Path, place: Place, run: Run
) -> None:
    shelf = ShelfKeyring()
    used = factor(shelf)
    assert run(data, used, "keyring", "on", typed=(PASSPHRASE,))[0] == 0
    shelf.shelf.clear()
    for words in (("verify-log",), ("keyring", "off")):
        code, _, err = run(data, used, *words, typed=(PASSPHRASE,))
        assert (code, "TD-VLT-028" in err, "recovery code" in err) == (3, True, True)
    code, out, _ = run(data, used, "keyring", "status")
    assert code == 0
    assert "TD-VLT-028" in out
    off = ("--recovery", "keyring", "off")
    code, _, err = run(data, used, *off, typed=(place.recovery_code, "abc", "abc"))
    assert (code, "TD-VLT-006" in err) == (2, True)
    code, out, _ = run(
        data, used, *off, typed=(place.recovery_code, OTHER_PASSPHRASE, OTHER_PASSPHRASE)
    )
    assert code == 0
    assert "alone opens" in out
    assert run(data, used, "verify-log", typed=(OTHER_PASSPHRASE,))[0] == 0
    code, _, err = run(data, used, "--recovery", "keyring", "on", typed=(place.recovery_code,))
    assert code == 3


def test_a_backup_on_another_pc_asks_for_the_code_and_then_opens_without_a_keyring(
    data: Path, place: Place, run: Run, tmp_path: Path
) -> None:
    used = factor(ShelfKeyring())
    KeyringSwitch(at(place, used)).on(place.clinician.entity, PASSPHRASE)
    stick, there = tmp_path / "stick.db", tmp_path / "there"
    assert run(data, used, "backup", "--to", str(stick), typed=(PASSPHRASE,))[0] == 0
    other_pc = factor(OtherShelf(), ShelfKeyring, OtherShelf)
    code, _, err = run(there, other_pc, "restore", str(stick), typed=(PASSPHRASE,))
    assert (code, "TD-VLT-028" in err, "recovery code" in err) == (3, True, True)
    assert not list(there.rglob("*.db"))
    words = ("--recovery", "restore", str(stick))
    code, out, err = run(there, other_pc, *words, typed=(place.recovery_code, "weak", "weak"))
    assert (code, "TD-VLT-006" in err) == (2, True)
    assert not list(there.rglob("*.db")), "nothing is restored that nobody could unlock"
    typed = (place.recovery_code, OTHER_PASSPHRASE, OTHER_PASSPHRASE)
    code, out, err = run(there, other_pc, *words, typed=typed)
    assert code == 0, err
    assert "TD-VLT-028" in out
    assert "without a keyring" in out
    assert run(there, other_pc, "verify-log", typed=(OTHER_PASSPHRASE,))[0] == 0
    assert run(data, used, "verify-log", typed=(PASSPHRASE,))[0] == 0, "here all is as it was"


def test_nothing_is_made_where_there_is_no_vault(tmp_path: Path, run: Run) -> None:
    for words in (("keyring", "on"), ("keyring", "off"), ("keyring", "status")):
        code, _, err = run(tmp_path, factor(ShelfKeyring()), *words, typed=(PASSPHRASE,))
        assert (code, VaultMissing.code in err) == (3, True)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "configured", ["keyring.backends.null.Keyring", "tests.vault.keyring_kit.PlaintextKeyring"]
)
def test_what_the_library_was_told_to_use_is_refused_by_the_command_itself(
    data: Path, place: Place, configured: str
) -> None:
    """The process as people start it, with the library's own choice of a keyring."""
    before = (place.directory.path / "slots").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "telemed_desk", "vault", "--data", str(data), "--stdin", "keyring",
         "on"],
        input=PASSPHRASE + "\n", capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHON_KEYRING_BACKEND": configured},
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("TD-VLT-031: ")
    assert (place.directory.path / "slots").read_bytes() == before
