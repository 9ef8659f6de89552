"""A clinic's records from SQLite into PostgreSQL and back: every row, or nothing."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from telemed_protocol.api import PulledSegments
from telemed_protocol.attachments import PART_BYTES, Announce
from telemed_protocol.ids import new_id, to_base64url
from telemed_server import keeper, moving
from telemed_server.address import StoreAddress
from telemed_server.errors import BackupFailed, DatabaseMoved, MoveFailed
from telemed_server.places import keepers_engine, reading
from telemed_server.schema import attachment_parts, segments
from telemed_server.storage import DATABASE_NAME, MOVED_NAME
from tests.server.rig import WIDE, Desk, ServerProcess, cookie_of, join, run_cli, unpack
from tests.support.postgres import Postgres, url_of

PHOTO = os.urandom(PART_BYTES + 5000)


def fill(server: ServerProcess) -> Desk:
    """A clinic with records, a photo, a half photo, and a patient who waits."""
    desk = Desk.founding(server)
    desk.push_chain(1, 4)
    desk.push_chain(0, 2)
    for parts in (2, 1):
        attachment = new_id()
        path = f"/v1/attachments/{to_base64url(attachment)}"
        announced = Announce(len(PHOTO), hashlib.sha256(PHOTO).digest())
        assert desk.put(path, announced).status_code == 201
        for part in range(parts):
            piece = PHOTO[part * PART_BYTES : (part + 1) * PART_BYTES]
            assert desk.put(f"{path}/{part}", piece).status_code == 200
    assert cookie_of(join(server, desk.make_link()))
    return desk


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Desk]:
    with ServerProcess(tmp_path_factory.mktemp("filled") / "data", *WIDE) as server:
        desk = fill(server)
        backup = server.data / "backup.sqlite"
        assert keeper.backup(server.data, backup).ok
        desk.close()
    return backup, desk


@pytest.fixture
def folder(filled: tuple[Path, Desk], tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / DATABASE_NAME).write_bytes(filled[0].read_bytes())
    return tmp_path / "data"


def sums(place: Path | StoreAddress) -> dict[str, moving.TableSum]:
    with reading(place) as db:
        return moving.sums_of(db)


def test_a_server_moves_and_its_desks_go_on(
    postgres: Postgres, filled: tuple[Path, Desk], folder: Path, tmp_path: Path
) -> None:
    store, desk = postgres.fresh(), filled[1]
    before = sums(folder)
    done = run_cli("move-store", "--data", str(folder), "--store", url_of(store))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["rows"]["segments"] == said["check"]["segments"] == 6
    assert said["check"]["attachments"] == 2
    assert sums(store) == before
    # The folder is kept, and no server takes it for a fresh one.
    assert (folder / MOVED_NAME).is_file()
    refused = run_cli("serve", "--data", str(folder), "--port", "0")
    assert (refused.returncode, DatabaseMoved.code in refused.stderr) == (2, True)
    with ServerProcess(tmp_path / "pg", *WIDE, store=store) as server:
        moved = Desk(server, desk.clinic)
        moved.identity, moved.token = desk.identity, desk.token
        assert moved.get("/v1/wraps").status_code == 200  # the token is good as well
        moved.log_in()
        assert unpack(moved.get("/v1/segments"), PulledSegments).head == 6
        moved.close()


def test_a_move_that_was_interrupted_is_finished_by_the_next(
    postgres: Postgres, folder: Path
) -> None:
    store = postgres.fresh()
    keeper.restore(folder / DATABASE_NAME, store)  # as if killed between commit and renaming
    report = keeper.move_store(folder, store)
    assert report.ok
    assert (folder / MOVED_NAME).is_file()
    assert not (folder / DATABASE_NAME).exists()


def test_a_move_that_fails_changes_nothing(postgres: Postgres, folder: Path) -> None:
    store = postgres.fresh()
    keeper.make_codes(store, 1, time.time())
    with pytest.raises(MoveFailed, match="already holds other records"):
        keeper.move_store(folder, store)
    assert (folder / DATABASE_NAME).is_file()
    assert sums(store)["segments"].rows == 0
    faulty = postgres.fresh()
    with keepers_engine(folder) as engine, engine.begin() as db:
        db.execute(segments.update().where(segments.c.sseq == 2).values(log_hash=bytes(32)))
    with pytest.raises(MoveFailed, match="faults"):
        keeper.move_store(folder, faulty)
    assert (folder / DATABASE_NAME).is_file()


def test_a_running_server_is_not_moved_away_under_its_feet(
    postgres: Postgres, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data", *WIDE) as server:
        done = run_cli(
            "move-store", "--data", str(server.data), "--store", url_of(postgres.fresh())
        )
        assert (done.returncode, "TD-SRV-010" in done.stderr) == (2, True)


def spoil_a_part(db: sa.Connection) -> None:
    db.execute(attachment_parts.update().values(bytes=sa.func.substr(attachment_parts.c.bytes, 2)))


def lose_a_segment(db: sa.Connection) -> None:
    db.execute(segments.delete().where(segments.c.sseq == 6))


def change_a_time(db: sa.Connection) -> None:
    db.execute(segments.update().where(segments.c.sseq == 1).values(stored_at=1.0))


@pytest.mark.parametrize("spoil", [spoil_a_part, lose_a_segment, change_a_time])
def test_a_copy_that_differs_is_noticed_before_it_counts(
    postgres: Postgres,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[sa.Connection], None],
) -> None:
    store = postgres.fresh()
    real = moving.sums_of
    calls = 0

    def spoilt(db: sa.Connection) -> dict[str, moving.TableSum]:
        nonlocal calls
        calls += 1
        if calls == 3:  # what was written is read back
            spoil(db)
        return real(db)

    monkeypatch.setattr(moving, "sums_of", spoilt)
    with pytest.raises(MoveFailed, match="reads back differently"):
        keeper.move_store(folder, store)
    monkeypatch.undo()
    assert (folder / DATABASE_NAME).is_file()
    assert all(table.rows == 0 for table in sums(store).values())


def test_postgres_is_backed_up_into_one_file_and_restored(
    postgres: Postgres, filled: tuple[Path, Desk], tmp_path: Path
) -> None:
    store, again = postgres.fresh(), postgres.fresh()
    done = run_cli("restore", "--from", str(filled[0]), "--store", url_of(store))
    assert done.returncode == 0, done.stderr
    target = tmp_path / "backup.sqlite"
    with ServerProcess(tmp_path / "pg", *WIDE, store=store):  # it may run meanwhile
        made = run_cli("backup", "--store", url_of(store), "--to", str(target))
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["segments"] == 6
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.sqlite"]
    with pytest.raises(BackupFailed):
        keeper.backup(store, target)
    keeper.restore(target, again)
    assert sums(again) == sums(store)
    assert keeper.check(again).ok
    # A small server can go on from the same file.
    (tmp_path / "small").mkdir()
    target.rename(tmp_path / "small" / DATABASE_NAME)
    with ServerProcess(tmp_path / "small", *WIDE):
        pass
    assert keeper.check(tmp_path / "small").segments == 6


def test_a_check_of_postgres_notices_a_changed_record(
    postgres: Postgres, filled: tuple[Path, Desk]
) -> None:
    store = postgres.fresh()
    keeper.restore(filled[0], store)
    with postgres.connect_to(store) as db:
        db.execute("UPDATE attachment_parts SET bytes = overlay(bytes PLACING '\\x00' FROM 9)")
        db.execute("UPDATE segments SET log_hash = decode(repeat('00', 32), 'hex') WHERE sseq = 2")
    report = keeper.check(store)
    assert "clinic 1: segment 2: number or hash" in report.faults
    assert any("attachment" in fault for fault in report.faults)
    done = run_cli("check", "--store", url_of(store))
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)
