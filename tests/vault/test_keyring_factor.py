"""Which keyrings are used, and what happens when one is slow, loses, locks or lies."""

import base64
from collections.abc import Callable
from types import SimpleNamespace

import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import SecretService, Windows, chainer, kwallet, macOS

from telemed_desk.vault.keyring_backends import ALLOWED, choose, find, name_of
from telemed_desk.vault.keyring_factor import KeyringFactor, entry_of
from telemed_desk.vault.problems import (
    KeyringElsewhere,
    KeyringForgot,
    KeyringNotAllowed,
    KeyringSecretGone,
    KeyringSilent,
)
from telemed_desk.vault.slots import KeyringMark
from tests.vault.keyring_kit import (
    CANARY_IN_WORDS,
    AbsentShelf,
    BlockingKeyring,
    ForgetfulKeyring,
    GarblingKeyring,
    LockedKeyring,
    LyingKeyring,
    OtherShelf,
    PlaintextKeyring,
    ShelfKeyring,
    factor,
)


def test_the_list_of_allowed_keyrings_is_these_four() -> None:
    assert {name_of(kind) for kind in ALLOWED} == {
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.macOS.Keyring",
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
    }
    for kind in (macOS.Keyring, SecretService.Keyring, kwallet.DBusKeyring):
        backend = kind()
        assert type(choose(backend, ALLOWED)) is kind


@pytest.mark.parametrize(
    "make",
    [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, PlaintextKeyring, LyingKeyring,
     ShelfKeyring],
)  # fmt: skip
def test_anything_else_is_refused_by_name_and_given_nothing(
    make: Callable[[], KeyringBackend],
) -> None:
    backend = make()
    used = KeyringFactor(offered=lambda: backend)
    for ask in (used.backend, used.make):
        with pytest.raises(KeyringNotAllowed) as caught:
            ask()
        assert caught.value.detail == name_of(type(backend))
    assert not getattr(backend, "shelf", {})


def test_a_chain_is_looked_into_and_its_first_link_is_not_taken_blindly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Shelf(ShelfKeyring):
        priority = 3

    plain, shelf = PlaintextKeyring(), Shelf()
    chain = chainer.ChainerBackend()
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: [shelf, plain])
    assert [type(link) for link in chain.backends] == [PlaintextKeyring, Shelf]
    used = factor(chain, Shelf)
    second = used.make()
    assert used.fetch(second.mark, second.salt) == second.secret
    assert (len(plain.shelf), len(shelf.shelf)) == (0, 1)
    monkeypatch.setattr("keyring.backend.get_all_keyring", lambda: [plain, PlaintextKeyring()])
    with pytest.raises(KeyringNotAllowed):
        factor(chain, Shelf).make()
    assert not plain.shelf


def test_what_is_made_comes_back_in_its_own_entry_and_can_be_dropped() -> None:
    shelf = ShelfKeyring()
    used = factor(shelf)
    one, other = used.make(), used.make()
    assert one.backend == name_of(ShelfKeyring)
    assert used.fetch(one.mark, one.salt) == one.secret != other.secret
    text = shelf.shelf[entry_of(one.salt)]
    assert len(text) == 44
    assert base64.b64decode(text) == one.secret
    for shown in (repr(one), str(one.mark), repr(used)):
        assert text not in shown
        assert one.secret.hex() not in shown
        assert repr(one.secret)[2:20] not in shown
    assert used.drop(one.backend, one.salt)
    assert used.drop(one.backend, one.salt)  # there is none, which is what was wanted
    assert list(shelf.shelf) == [entry_of(other.salt)]


@pytest.mark.parametrize(
    "found", [None, "", "not base64 \u00e9", "QUJD", base64.b64encode(bytes(32)).decode()]
)
def test_a_secret_that_is_gone_or_another_is_told_apart_from_all_else(found: str | None) -> None:
    shelf = ShelfKeyring()
    used = factor(shelf)
    second = used.make()
    if found is None:
        shelf.shelf.clear()
    else:
        shelf.shelf[entry_of(second.salt)] = found
    with pytest.raises(KeyringSecretGone) as caught:
        used.fetch(second.mark, second.salt)
    assert "recovery code" in caught.value.next_step
    assert caught.value.__cause__ is None
    assert caught.value.detail == {None: "none", "": "another", "QUJD": "another"}.get(
        found, "unreadable" if found and " " in found else "another"
    )


@pytest.mark.parametrize("kind", [ForgetfulKeyring, GarblingKeyring])
def test_one_that_loses_what_it_was_given_is_not_used_and_keeps_nothing(
    kind: type[ShelfKeyring],
) -> None:
    shelf = kind()
    with pytest.raises(KeyringForgot):
        factor(shelf).make()
    assert not shelf.shelf


def test_a_locked_one_says_so_and_never_what_it_holds() -> None:
    shelf = LockedKeyring()
    used = factor(shelf)
    with pytest.raises(KeyringSilent) as caught:
        used.make()
    error = caught.value
    assert error.detail == "KeyringLocked"
    assert CANARY_IN_WORDS not in repr(error) + str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    assert not shelf.shelf, "what it could not read back is taken out again"


def test_one_that_waits_for_ever_is_given_up_and_asked_once_at_a_time() -> None:
    shelf = BlockingKeyring()
    used = factor(shelf, limit_s=0.05)
    mark = KeyringMark(name_of(BlockingKeyring), bytes(16))
    details = []
    for _ in range(3):
        with pytest.raises(KeyringSilent) as caught:
            used.fetch(mark, bytes(16))
        details.append(caught.value.detail)
    assert details == ["no answer in time", *["an earlier question is still open"] * 2]
    shelf.go_on.set()
    assert used._busy.acquire(timeout=60)
    assert len(shelf.asked) == 1
    patient = factor(shelf)
    second = patient.make()
    assert patient.fetch(second.mark, second.salt) == second.secret


def test_a_late_answer_frees_the_way_for_the_next_question() -> None:
    shelf = BlockingKeyring()
    used = factor(shelf, limit_s=20.0)
    held = KeyringFactor(kinds={BlockingKeyring: {}}, offered=lambda: shelf, limit_s=0.05)
    held._busy = used._busy
    with pytest.raises(KeyringSilent):
        held.fetch(KeyringMark(name_of(BlockingKeyring), bytes(16)), bytes(16))
    shelf.go_on.set()
    with pytest.raises(KeyringSecretGone):
        used.fetch(KeyringMark(name_of(BlockingKeyring), bytes(16)), bytes(16))


def test_a_slots_keyring_is_the_one_it_names_or_none() -> None:
    shelf = ShelfKeyring()
    second = factor(shelf).make()
    elsewhere = factor(shelf, ShelfKeyring, AbsentShelf)
    with pytest.raises(KeyringElsewhere):
        elsewhere.fetch(KeyringMark(name_of(AbsentShelf), second.mark.check), second.salt)
    with pytest.raises(KeyringNotAllowed):
        elsewhere.fetch(KeyringMark(name_of(PlaintextKeyring), second.mark.check), second.salt)
    # Another desktop is preferred by now, and the one that the slot names still runs.
    named = find(name_of(ShelfKeyring), OtherShelf(), {ShelfKeyring: {}, OtherShelf: {}})
    assert type(named) is ShelfKeyring


def test_windows_is_told_to_keep_it_on_this_pc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real class, on a Credential Manager made of a dictionary."""
    kept: dict[str, dict[str, object]] = {}

    class Missing(OSError):
        winerror, funcname = 1168, "CredRead"

    def write(credential: dict[str, object], _flags: int) -> None:
        blob = str(credential["CredentialBlob"]).encode("utf-16")
        kept[str(credential["TargetName"])] = {**credential, "CredentialBlob": blob}

    def read(Type: int, TargetName: str) -> dict[str, object]:  # noqa: N803 - the system's names
        del Type
        if TargetName not in kept:
            raise Missing
        return kept[TargetName]

    def delete(Type: int, TargetName: str) -> None:  # noqa: N803 - the system's names
        del Type
        kept.pop(TargetName)

    manager = SimpleNamespace(
        CRED_TYPE_GENERIC=1, CRED_PERSIST_LOCAL_MACHINE=2, CRED_PERSIST_ENTERPRISE=3,
        CredRead=read, CredWrite=write, CredDelete=delete,
    )  # fmt: skip
    monkeypatch.setattr(Windows, "win32cred", manager, raising=False)
    monkeypatch.setattr(Windows, "pywintypes", SimpleNamespace(error=Missing), raising=False)
    backend = Windows.WinVaultKeyring()
    used = KeyringFactor(offered=lambda: backend)
    one, other = used.make(), used.make()
    assert [entry["Persist"] for entry in kept.values()] == [2, 2]
    assert used.fetch(one.mark, one.salt) == one.secret
    assert used.fetch(other.mark, other.salt) == other.secret
    assert used.drop(one.backend, one.salt)
    assert list(kept) == [entry_of(other.salt)[0]]
