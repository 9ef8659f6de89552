"""Opens a vault after the worst, and says what of the work that was called done is not there."""

import hashlib
from pathlib import Path

from telemed_desk.vault import Vault
from telemed_desk.vault.backups import BACKUPS_NAME, BackupFolder
from telemed_desk.vault.verify import verify_log
from telemed_protocol.errors import KnownError
from tests.rigs.doctors_work import Said, open_at


def look(folder: Path, said: Said, *, thorough: bool) -> list[str]:
    """Open, say what is missing, lock."""
    try:
        vault = open_at(folder, said)
    except KnownError as error:
        return [f"does not open: {error.code}"]
    try:
        return shortcomings(vault, said, thorough=thorough)
    finally:
        vault.lock()


def shortcomings(vault: Vault, said: Said, *, thorough: bool = True) -> list[str]:
    """Return what was said to be done and is not there, or is there twice.

    Args:
        vault: As it opened afterwards.
        said: What was called done before.
        thorough: Also fold every record again and verify each signature: 20 ms more.
    """
    wrong = []
    with vault.reading() as reader:
        found = reader.exec_driver_sql("SELECT number FROM op WHERE own = 1 ORDER BY number")
        numbers = list(found.scalars())
    if numbers and numbers[-1] < said.ops:
        wrong.append(f"lost ops {numbers[-1] + 1} to {said.ops}")
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append("numbers with gaps")
    wrong += _lost_words(vault, said)
    for lane, (n, digest) in said.heads.items():
        head = vault.lane_head(int(lane))
        if head.n < n or (head.n == n and head.hash.hex() != digest):
            wrong.append(f"a number of lane {lane} is free again")
    if vault.cursor().sseq < said.cursor:
        wrong.append("what was pulled is gone")
    if vault.quarantined() < said.strange:
        wrong.append("what was kept aside is gone")
    if any(vault.epoch_key(epoch) is None for epoch in range(1, said.keys + 1)):
        wrong.append("a key is gone")
    wrong += _lost_files(vault, said)
    wrong += [f"page: {fault}" for fault in vault.verify_file()]
    if vault.repair_report is not None:
        wrong.append("it had to be repaired")
    if not vault.has_second_copy:
        wrong.append("no second copy")
    if thorough:
        wrong += [f"log: {fault}" for fault in verify_log(vault, lambda *_: None).faults]
    return wrong


def _lost_words(vault: Vault, said: Said) -> list[str]:
    wrong = []
    for name, words in said.typed.items():
        note = bytes.fromhex(name)
        texts = [vault.note_text(note).subjective]
        texts += [version.text.subjective for version in vault.note_history(note)]
        if not any(words in text for text in texts):
            wrong.append("lost typed text")
    for name, digest in said.signed.items():
        found = vault.note(bytes.fromhex(name))
        if found is None or not found.is_signed or found.text.sha256().hex() != digest:
            wrong.append("a signature is gone, or what was signed")
    return wrong


def _lost_files(vault: Vault, said: Said) -> list[str]:
    wrong = []
    for name, digest in said.photos.items():
        try:
            jpeg = vault.read_photo(bytes.fromhex(name))
        except KnownError as error:
            wrong.append(f"a photo: {error.code}")
            continue
        if hashlib.sha256(jpeg).hexdigest() != digest:
            wrong.append("another photo")
    if said.backups:
        folder = BackupFolder(vault.folder / BACKUPS_NAME)
        if folder.newest_good(vault._master.database_key()) is None:
            wrong.append("no backup verifies")
    return wrong
