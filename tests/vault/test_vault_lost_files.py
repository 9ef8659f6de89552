"""Whatever is lost of a vault: it opens with all there was, or refuses and makes nothing."""

import itertools
import shutil
from pathlib import Path

import pytest

from telemed_desk.vault import OpDraft, VaultDirectory
from telemed_desk.vault.passphrase import TriesGuard
from telemed_protocol.errors import KnownError
from tests.vault.vault_kit import PASSPHRASE, Place

PARTS = ("vault.db", "slots", "slots.1", "outbox.jrn", "backups", "recent")
ALL = [lost for n in range(len(PARTS) + 1) for lost in itertools.combinations(PARTS, n)]


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def whole(place: Place, tmp_path: Path) -> Path:
    """A locked vault with a backup, whose newest fact is not sent and is not in the backup."""
    vault = place.vault
    vault.commit(OpDraft("patient.set", b"1" * 16, {"remarks": "in the backup"})).result()
    vault.back_up()
    vault.commit(OpDraft("patient.set", b"2" * 16, {"remarks": "after it"})).result()
    place.directory.new_recovery_code(vault)  # so that there is an older slot file
    vault.lock()
    folder = tmp_path / "whole"
    shutil.copytree(place.directory.path, folder)
    return folder


def test_every_combination_of_lost_files(place: Place, whole: Path, tmp_path: Path) -> None:
    opened = refused = 0
    for number, lost in enumerate(ALL):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        for name in lost:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        before = names(folder)
        directory = VaultDirectory(folder, reserve_bytes=0, guard=TriesGuard())
        if {*PARTS} - {"recent"} <= {*lost}:
            continue  # nothing is left that tells of a vault
        assert directory.exists(), f"taken for a PC that is to be set up without {lost}"
        try:
            vault = directory.unlock(place.clinician.entity, PASSPHRASE)
        except KnownError:
            refused += 1
            new = names(folder) - before
            assert not [n for n in new if n.endswith(".db")], lost
            assert "vault.db" not in names(folder) - before, "no empty one in its place"
            continue
        opened += 1
        assert {p.entity for p in vault.patients()} >= {b"1" * 16, b"2" * 16}, lost
        vault.lock()
    assert opened > len(ALL) // 4
    assert refused > len(ALL) // 4
