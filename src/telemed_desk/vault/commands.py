"""``telemed-desk vault``: check, back up, restore and export the records of this PC, without a window.

Exit codes: 0 done and all is well, 1 looked at and something is wrong, 2 the passphrase or the words
typed are wrong, 3 it could not be done.
"""

import argparse
import getpass
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from telemed_desk import core_dumps
from telemed_desk.clinical.people import Clinician
from telemed_desk.vault.age_file import AgeSecret, NoSuchRecipient, check_recipient
from telemed_desk.vault.directory import VaultDirectory
from telemed_desk.vault.export import export_vault, open_export
from telemed_desk.vault.keyring_commands import (
    add_keyring,
    chosen_clinician,
    passphrase_for_here,
    run_keyring,
)
from telemed_desk.vault.keyring_factor import KeyringFactor
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.opening import LOCK_NAME, open_vault
from telemed_desk.vault.passphrase import judge_passphrase, passphrase_bytes
from telemed_desk.vault.problems import (
    ExportUnreadable,
    RecoveryCodeTypo,
    UnknownRecord,
    WeakPassphrase,
    WrongPassphrase,
    WrongRecoveryCode,
)
from telemed_desk.vault.record_export import (
    Paint,
    export_record,
    exports_of,
    is_age,
    open_record,
)
from telemed_desk.vault.recovery import new_secret, to_text
from telemed_desk.vault.repair import RepairReport
from telemed_desk.vault.restoring import restore
from telemed_desk.vault.slots import SlotSecret
from telemed_desk.vault.space import InstanceLock
from telemed_desk.vault.vault import Vault
from telemed_desk.vault.verify import Findings, check_files, check_photos, verify_log
from telemed_protocol.errors import KnownError

EXIT_OK, EXIT_FAULTS, EXIT_WRONG, EXIT_COULD_NOT = 0, 1, 2, 3
_TYPED_WRONG: Final = (
    WrongPassphrase,
    WrongRecoveryCode,
    RecoveryCodeTypo,
    WeakPassphrase,
    ExportUnreadable,
    NoSuchRecipient,
)
_ALL: Final = 10_000_000


def main(
    arguments: list[str], data: Path, paint: Paint, keyring: KeyringFactor | None = None
) -> int:
    """Run ``telemed-desk vault ...``; return the exit code.

    Args:
        arguments: What stands behind ``vault``.
        data: Where this user's desk keeps its data.
        paint: Draws a patient's record as a PDF.
        keyring: Where second keys lie; None = the keyring of this account.
    """
    core_dumps.leave_none()
    parser = argparse.ArgumentParser(prog="telemed-desk vault", description=__doc__)
    parser.add_argument("--data", type=Path, default=data, help="folder of this desk's data")
    parser.add_argument("--clinician", default="", help="who unlocks; the last one if not said")
    parser.add_argument(
        "--recovery", action="store_true", help="unlock with the printed recovery code"
    )
    parser.add_argument(
        "--stdin", action="store_true", help="read what must be typed from standard input, by line"
    )
    kinds = parser.add_subparsers(dest="action", required=True)
    kinds.add_parser("check", help="check every page, the journal, the backups and the photos")
    kinds.add_parser("verify-log", help="follow every chain, check signatures, fold anew")
    backup = kinds.add_parser("backup", help="write a verified backup, beside the vault or --to")
    backup.add_argument("--to", type=Path, help="a file elsewhere, say on a USB stick")
    back = kinds.add_parser("restore", help="put a backup in the place of the records")
    back.add_argument("file", type=Path, nargs="?", help="the newest good one if not said")
    export = kinds.add_parser(
        "export", help="write all records, or with --format one patient's, into a sealed file"
    )
    export.add_argument("out", type=Path)
    export.add_argument("--code", action="store_true", help="seal with a fresh code to print")
    export.add_argument(
        "--format", choices=("fhir", "pdf"), help="one patient's record, in the age format"
    )
    export.add_argument("--patient", default="", help="the patient's number at the clinic")
    export.add_argument("--recipient", default="", help="age1...: seal for it, not a passphrase")
    kinds.add_parser("exports", help="list who exported which patient's record, and when")
    opened = kinds.add_parser("open-export", help="unpack a sealed export; no vault is needed")
    opened.add_argument("file", type=Path)
    opened.add_argument("into", type=Path)
    add_keyring(kinds.add_parser("keyring", help="a second key beside a passphrase"))
    options = parser.parse_args(arguments)
    if options.action == "export":
        if bool(options.format) != bool(options.patient):
            parser.error("--format and --patient belong together")
        if (options.recipient and not options.format) or (options.code and options.format):
            parser.error("--recipient goes with --format, --code without")
    options.paint = paint
    options.keyring = keyring
    return run(options)


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command prints


@dataclass(slots=True)
class Terminal:
    """What a person reads and types."""

    from_stdin: bool
    say: Callable[[str], None] = _print

    def secret(self, question: str) -> str:
        """Ask for something that must not be seen."""
        if self.from_stdin:
            return sys.stdin.readline().rstrip("\n")
        return getpass.getpass(f"{question}: ")

    def progress(self, step: str) -> None:
        """Say what is being done, apart from the result."""
        print(f"... {step}", file=sys.stderr, flush=True)  # noqa: T201 - a command prints


def run(options: argparse.Namespace) -> int:
    """Run one command; return the exit code."""
    terminal = Terminal(options.stdin)
    try:
        return _ACTIONS[options.action](options, terminal)
    except KnownError as error:
        print(f"{error.code}: {error.sentence} {error.next_step}", file=sys.stderr)  # noqa: T201 - a command prints
        return EXIT_WRONG if isinstance(error, _TYPED_WRONG) else EXIT_COULD_NOT
    except FileExistsError as error:
        print(f"{error} is there already. Nothing was written.", file=sys.stderr)  # noqa: T201 - a command prints
        return EXIT_COULD_NOT


def _check(options: argparse.Namespace, terminal: Terminal) -> int:
    directory, content, clinician = _keys(options, terminal)
    master = MasterKey(content.master)
    lock = InstanceLock(directory.path / LOCK_NAME)
    try:
        found = check_files(directory.path, master, terminal.progress)
    finally:
        lock.release()
    if not found.faults:
        # Opening a damaged file repairs it: that is for the desk to do, and to show.
        vault = _open(directory, content, clinician)
        try:
            check_photos(vault, found, terminal.progress)
        finally:
            vault.lock()
    return _tell(found, terminal)


def _verify(options: argparse.Namespace, terminal: Terminal) -> int:
    vault = _unlock(options, terminal)
    try:
        return _tell(verify_log(vault, terminal.progress), terminal)
    finally:
        vault.lock()


def _backup(options: argparse.Namespace, terminal: Terminal) -> int:
    vault = _unlock(options, terminal)
    try:
        if options.to is None:
            made = vault.back_up()
            terminal.say(f"{made.path} ({made.size} bytes, verified)")
            return EXIT_OK
        slots = options.to.with_suffix(".slots")
        for path in (options.to, slots):
            if path.exists():
                raise FileExistsError(path)
        vault.copy_to(options.to, terminal.progress)
        terminal.say(f"{options.to} (verified) and {slots}: keep both together")
        return EXIT_OK
    finally:
        vault.lock()


def _restore(options: argparse.Namespace, terminal: Terminal) -> int:
    directory = _directory(options)
    source = options.file
    if source is not None:
        directory.adopt_slots(source.with_suffix(".slots"))
    content, who = _reveal(directory, options, terminal)
    # Asked before anything is changed: without it nobody could unlock what was restored.
    renewed = passphrase_for_here(terminal, directory, who) if options.recovery else None
    master = MasterKey(content.master)
    if source is None:
        source = directory.newest_backup(master)
        if source is None:
            raise UnknownRecord("backup")
    done = restore(
        directory.path, source, master, lambda: time.time_ns() // 1_000_000, terminal.progress
    )
    terminal.say(f"{done.facts} facts restored from {source.name}.")
    if done.kept_as:
        terminal.say(f"What stood there before is kept as {done.kept_as}.")
    if renewed is not None:
        directory.write_passphrase_slot(who, renewed, content)
        terminal.say("The new passphrase opens, without a keyring.")
    terminal.say(
        "This PC sends nothing until it is added to the clinic again: a restored copy must not use"
        " the numbers of the PC it came from."
    )
    return EXIT_OK


def _export(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.format:
        return _export_record(options, terminal)
    vault = _unlock(options, terminal)
    try:
        if options.code:
            code = new_secret()
            missing = export_vault(vault, options.out, code, "code", progress=_steps(terminal))
            terminal.say(f"Code that opens it, shown only now: {to_text(code)}")
        else:
            passphrase = _new_passphrase(terminal)
            missing = export_vault(
                vault,
                options.out,
                passphrase_bytes(passphrase),
                "passphrase",
                progress=_steps(terminal),
            )
    finally:
        vault.lock()
    terminal.say(f"{options.out} written. It holds everything: keep it as you keep the records.")
    if missing:
        terminal.say(f"{missing} photos are not on this PC or do not open; they are named inside.")
    return EXIT_FAULTS if missing else EXIT_OK


def _new_passphrase(terminal: Terminal) -> str:
    passphrase = terminal.secret("Passphrase for the exported file")
    if not judge_passphrase(passphrase).ok:
        raise WeakPassphrase
    if terminal.secret("The same once more") != passphrase:
        raise WrongPassphrase
    return passphrase


def _export_record(options: argparse.Namespace, terminal: Terminal) -> int:
    if options.recipient:
        # Looked at first: a typing error shall not cost a passphrase.
        secret = AgeSecret(recipient=check_recipient(options.recipient))
    vault = _unlock(options, terminal)
    try:
        patient = _patient_by_number(vault, options.patient)
        if not options.recipient:
            secret = AgeSecret(passphrase=_new_passphrase(terminal))
        terminal.progress("sealing")
        done = export_record(
            vault, patient, options.out, options.format, secret,
            at_ms=time.time_ns() // 1_000_000, paint=options.paint,
        )  # fmt: skip
    finally:
        vault.lock()
    terminal.say(f"{done.path} written, sealed. That it was exported is recorded, with your name.")
    terminal.say("It is outside the protection of these records from now on.")
    if done.photos_missing:
        terminal.say(f"{done.photos_missing} photos are in it as previews only.")
    return EXIT_FAULTS if done.photos_missing else EXIT_OK


def _patient_by_number(vault: Vault, number: str) -> bytes:
    wanted = number.strip().casefold()
    found = [p for p in vault.patients(_ALL) if p.number.strip().casefold() == wanted]
    if len(found) != 1:
        # None, or two whose numbers are alike: the wrong person's record must never leave.
        raise UnknownRecord(f"{len(found)} patients of that number")
    return found[0].entity


def _exports(options: argparse.Namespace, terminal: Terminal) -> int:
    vault = _unlock(options, terminal)
    try:
        who = {c.entity: c.name for c in vault.clinicians()}
        numbers = {p.entity: p.number for p in vault.patients(_ALL)}
        for done in exports_of(vault):
            at = datetime.fromtimestamp(done.at_ms / 1000, tz=UTC).isoformat(timespec="seconds")
            by = who.get(done.by, done.by.hex())
            whose = numbers.get(done.patient) or done.patient.hex()
            terminal.say(f"{at} {by}: {whose} as {done.format}, sealed for {done.sealed_for}")
    finally:
        vault.lock()
    return EXIT_OK


def _open_export(options: argparse.Namespace, terminal: Terminal) -> int:
    if is_age(options.file):
        name = open_record(options.file, terminal.secret("Passphrase"), options.into)
        terminal.say(f"{name} in {options.into}, in clear: delete it when done.")
        return EXIT_OK
    names = open_export(options.file, terminal.secret("Passphrase or code"), options.into)
    terminal.say(f"{len(names)} files in {options.into}, in clear: delete them when done.")
    return EXIT_OK


_ACTIONS: Final = {
    "keyring": lambda options, terminal: run_keyring(options, terminal, _directory(options)),
    "check": _check,
    "verify-log": _verify,
    "backup": _backup,
    "restore": _restore,
    "export": _export,
    "exports": _exports,
    "open-export": _open_export,
}


def _steps(terminal: Terminal) -> Callable[[str, int, int], None]:
    last = [""]

    def tell(step: str, done: int, of: int) -> None:
        if step != last[0] or done % 100 == 0:
            terminal.progress(f"{step} {done} of {of}")
        last[0] = step

    return tell


def _directory(options: argparse.Namespace) -> VaultDirectory:
    return VaultDirectory(options.data / "vault", keyring=options.keyring)


def _keys(
    options: argparse.Namespace, terminal: Terminal
) -> tuple[VaultDirectory, SlotSecret, Clinician]:
    directory = _directory(options)
    return directory, *_reveal(directory, options, terminal)


def _reveal(
    directory: VaultDirectory, options: argparse.Namespace, terminal: Terminal
) -> tuple[SlotSecret, Clinician]:
    if options.recovery:
        directory.clinicians()  # nothing here: said before anything is typed
        return directory.reveal_with_recovery(terminal.secret("Recovery code"))
    chosen = chosen_clinician(directory, options.clinician)
    return directory.reveal(chosen.entity, terminal.secret(f"Passphrase of {chosen.name}"))


def _unlock(options: argparse.Namespace, terminal: Terminal) -> Vault:
    directory, content, clinician = _keys(options, terminal)
    vault = _open(directory, content, clinician)
    if vault.repair_report is not None:
        terminal.say(repair_words(vault.repair_report))
    return vault


def _open(directory: VaultDirectory, content: SlotSecret, clinician: Clinician) -> Vault:
    return open_vault(directory.path, content, clinician, 0, lambda: time.time_ns() // 1_000_000)


def _tell(found: Findings, terminal: Terminal) -> int:
    for what, number in found.counts.items():
        terminal.say(f"{number:>10} {what}")
    for fault in found.faults:
        terminal.say(f"WRONG: {fault}")
    terminal.say("Something is wrong." if found.faults else "All is well.")
    return EXIT_FAULTS if found.faults else EXIT_OK


def repair_words(report: RepairReport) -> str:
    """Say what a repair found, for a terminal."""
    return (
        f"The records were damaged and have been repaired: {report.bad_pages} of {report.pages}"
        f" pages could not be read, {report.ops_read} facts were read,"
        f" {report.ops_journal} came from the journal; kept as {report.kept_as}."
    )
