"""``telemed-desk vault keyring on|off|status``: the second key of a passphrase, without a window."""

import argparse
from typing import Protocol

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault.directory import VaultDirectory
from telemed_desk.vault.keyring_switch import KeyringSwitch
from telemed_desk.vault.opening import LOCK_NAME
from telemed_desk.vault.passphrase import judge_passphrase
from telemed_desk.vault.problems import UnknownRecord, WeakPassphrase, WrongPassphrase
from telemed_desk.vault.space import InstanceLock
from telemed_desk.vault.values import SlotInfo
from telemed_protocol.errors import KnownError

OUTSIDE = "Backups that were written to another place before still open with the passphrase alone."


class Person(Protocol):
    """Who reads and types."""

    def say(self, line: str, /) -> None:
        """Print a line."""
        ...

    def secret(self, question: str) -> str:
        """Ask for something that must not be seen."""
        ...


def add_keyring(parser: argparse.ArgumentParser) -> None:
    """Add the words that stand behind ``keyring``."""
    parser.add_argument("switch", choices=("on", "off", "status"))


def chosen_clinician(directory: VaultDirectory, wanted: str) -> SlotInfo:
    """Return whom a part of a name means; the one who unlocked last, if nothing is said.

    Raises:
        UnknownRecord: Nobody.
    """
    part = wanted.casefold()
    for slot in directory.clinicians():
        if part in slot.name.casefold():
            return slot
    raise UnknownRecord("clinician")


def run_keyring(options: argparse.Namespace, person: Person, directory: VaultDirectory) -> int:
    """Do it; return the exit code.

    Raises:
        KnownError: What :class:`KeyringSwitch` raises.
    """
    if options.switch == "status":
        return _status(person, directory)
    directory.clinicians()  # nothing here, then nothing is made here, not even a lock
    lock = InstanceLock(directory.path / LOCK_NAME)
    try:
        if options.recovery:
            _off_by_code(options, person, directory)
        else:
            _switch(options, person, directory)
    finally:
        lock.release()
    return 0


def _status(person: Person, directory: VaultDirectory) -> int:
    switch = KeyringSwitch(directory)
    try:
        person.say(f"Keyring of this account: {directory.keyring.backend()}")
    except KnownError as error:
        person.say(f"Keyring of this account: none. {error.code}: {error.sentence}")
    for clinician in directory.clinicians():
        state = switch.state(clinician.entity)
        person.say(f"{clinician.name}: {'on' if state.is_on else 'off'}")
        if state.problem is not None:
            problem = state.problem
            person.say(f"  {problem.code}: {problem.sentence} {problem.next_step}")
        if state.is_on and state.others_without:
            person.say(others_words(state.others_without))
    return 0


def others_words(number: int) -> str:
    """Say that the weakest way in counts."""
    return (
        f"  Others who open the same records with a passphrase alone: {number}."
        " A copy of the disk is as safe as theirs."
    )


def _switch(options: argparse.Namespace, person: Person, directory: VaultDirectory) -> None:
    who = chosen_clinician(directory, options.clinician)
    switch = KeyringSwitch(directory)
    passphrase = person.secret(f"Passphrase of {who.name}")
    if options.switch == "off":
        switch.off(who.entity, passphrase)
        person.say("Off: the passphrase alone opens.")
        return
    switch.on(who.entity, passphrase)
    state = switch.state(who.entity)
    person.say(f"On: the passphrase opens together with a key in {state.backend}.")
    person.say("Keep the printed recovery code: it opens without the keyring.")
    person.say(OUTSIDE)
    if state.others_without:
        person.say(others_words(state.others_without))


def _off_by_code(options: argparse.Namespace, person: Person, directory: VaultDirectory) -> None:
    if options.switch == "on":
        raise UnknownRecord("the keyring is switched on with the passphrase")
    content, who = directory.reveal_with_recovery(person.secret("Recovery code"))
    passphrase = new_passphrase(person, who.name)
    directory.write_passphrase_slot(who, passphrase, content)
    person.say("Off: the new passphrase alone opens.")


def new_passphrase(person: Person, name: str) -> str:
    """Ask for a new passphrase, twice.

    Raises:
        WeakPassphrase: It is guessed too easily.
        WrongPassphrase: It was not the same twice.
    """
    passphrase = person.secret(f"New passphrase of {name}")
    if not judge_passphrase(passphrase, (name,)).ok:
        raise WeakPassphrase
    if person.secret("The same once more") != passphrase:
        raise WrongPassphrase
    return passphrase


def passphrase_for_here(person: Person, directory: VaultDirectory, who: Clinician) -> str | None:
    """Ask who came with the code for a new passphrase, if theirs needs a key that is not here.

    Returns:
        It, or None when the old one will do.

    Raises:
        WeakPassphrase, WrongPassphrase: As in :func:`new_passphrase`.
    """
    slot = directory.slots.read().passphrase_slot(who.entity)
    mark = None if slot is None else slot.header.keyring
    if slot is None or mark is None:
        return None
    try:
        directory.keyring.fetch(mark, slot.header.salt)
    except KnownError as error:
        person.say(f"{error.code}: {error.sentence}")
        person.say("A new passphrase is needed here; it opens without a keyring.")
        return new_passphrase(person, who.name)
    return None
