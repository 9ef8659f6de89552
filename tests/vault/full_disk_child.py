"""Run by test_vault_full_disk inside a mount namespace of its own, on a disk of 4 MB."""

import os
import sys
from functools import partial
from pathlib import Path

from telemed_desk.clinical.notes import NoteText
from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import Argon2Cost, Vault, VaultDirectory
from telemed_desk.vault.problems import DiskFull, NoRoomForPhotos, NotesOnly
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

PASSPHRASE = "quiet lamp orbit thistle"
CONSULTATION = b"c" * 16

say = partial(print, flush=True)


def fill(folder: Path) -> None:
    """Take every last byte that is free."""
    with (folder / "filler").open("ab") as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    os.write(file.fileno(), bytes(size))
            except OSError:
                continue


def room_comes_back(vault: Vault, folder: Path) -> None:
    """No need to lock: as soon as there is room, the reserve is taken back, and photos as well."""
    assert vault.look_at_space().level == "notes-only"
    (folder / "filler").unlink()
    vault.put_photo(CONSULTATION, b"j" * 100, b"p", 1, 1, source="page", at_ms=5).result()
    assert not vault.notes_only
    assert vault.look_at_space().level == "low"


def photos_stop_first(vault: Vault) -> None:
    """Long before it is full, as a disk of 4 MB is, photos stop; notes do not."""
    try:
        vault.put_photo(CONSULTATION, b"j" * 100, b"p", 1, 1, source="page", at_ms=5).result()
    except NoRoomForPhotos as error:
        say("photo stopped:", error.code)
    vault.photo_stop_bytes = 0


def unlocked(directory: VaultDirectory, who: Clinician) -> Vault:
    vault = directory.unlock(who.entity, PASSPHRASE)
    vault.photo_stop_bytes = 0
    return vault


def main() -> None:
    folder = Path(sys.argv[1])
    directory = VaultDirectory(folder / "vault", reserve_bytes=1024 * 1024)
    who = Clinician(new_id(), "Dr Asha Mfano")
    vault, _ = directory.create(
        clinician=who,
        passphrase=PASSPHRASE,
        device=DeviceIdentity.generate(new_id()),
        argon=Argon2Cost(64, 1, 1),
    )
    photos_stop_first(vault)
    note, other = new_id(), new_id()
    vault.journal_draft(note, CONSULTATION, NoteText("before"), 1).result()
    assert vault.roll_draft(note).result() is not None
    fill(folder)
    text = NoteText("typed while full " * 20_000)
    try:
        vault.journal_draft(note, CONSULTATION, text, 2).result()
    except DiskFull as error:
        say("refused:", error.code)
    else:
        raise SystemExit("the disk was not full")
    assert vault.note_text(note) == NoteText("before"), "rolled back"
    assert vault.notes_only
    # The caller still has the text; the reserve is gone, so the next try works.
    shorter = NoteText(text.subjective[:2000])
    vault.journal_draft(note, CONSULTATION, shorter, 3).result()
    assert vault.roll_draft(note).result() is not None
    vault.sign_note(note, 4).result()
    try:
        vault.put_photo(CONSULTATION, b"j" * 100, b"p", 1, 1, source="page", at_ms=5).result()
    except NotesOnly as error:
        say("photo refused:", error.code)
    else:
        raise SystemExit("a photo was taken into the last space")
    assert vault.verify_file() == []
    room_comes_back(vault, folder)
    vault.lock()

    fill(folder)
    vault = unlocked(directory, who)
    found = vault.note_of(CONSULTATION)
    assert found is not None
    assert (found.text, found.is_signed) == (shorter, True)
    vault.lock()

    (folder / "filler").unlink()
    vault = unlocked(directory, who)
    assert not vault.notes_only
    vault.journal_draft(other, CONSULTATION, NoteText("after"), 6).result()
    fill(folder)
    try:
        vault.put_photo(CONSULTATION, bytes(3_000_000), b"p", 1, 1, source="page", at_ms=5).result()
    except DiskFull as error:
        say("photo too large:", error.code)
    assert len([p for p in (folder / "vault" / "att").rglob("*") if p.is_file()]) == 1
    assert vault.sign_note(other, 7).result().number > 0
    vault.lock()
    say("done")


if __name__ == "__main__":
    main()
