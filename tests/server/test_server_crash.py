"""Kill -9, restart, backup, check; and what is found on the server's disk."""

import asyncio
import json
import os
import random
import threading
from pathlib import Path

import httpx
import pytest
import sqlcipher3.dbapi2 as driver
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from telemed_protocol.api import PulledSegments, Receipt
from telemed_protocol.ids import to_base64url
from telemed_protocol.room import (
    Admit,
    FromDeskFrame,
    FromPageFrame,
    Refused,
    RoomFrame,
    SeatFrame,
    Stored,
    ToDesk,
    ToPage,
)
from telemed_protocol.segment import GENESIS_HASH
from telemed_server import keeper, storage
from telemed_server.errors import DatabaseNotOurs, DataFolderInUse, SqliteTooOld
from telemed_server.schema import metadata
from tests.server.rig import (
    WIDE,
    Desk,
    ServerProcess,
    box_text,
    cookie_of,
    join,
    open_desk,
    open_page,
    run_cli,
    unpack,
)


def test_a_killed_server_has_every_segment_it_acknowledged(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", *WIDE).start()
    desk = Desk.founding(server)
    prev, n = GENESIS_HASH, 1
    receipts: list[Receipt] = []
    pending = b""
    rng = random.Random(7)
    for _ in range(5):
        doomed = len(receipts) + rng.randint(2, 6)
        killer = threading.Timer(rng.uniform(0, 0.03), server.kill)
        try:
            while True:
                if len(receipts) == doomed and not killer.is_alive():
                    killer.start()
                    doomed = -1
                if not pending:
                    segment = desk.seal(1, n, prev)
                    pending, last = segment.wire, segment.hash
                pushed = desk.post("/v1/segments", pending)
                assert pushed.status_code in {200, 201}
                receipts.append(unpack(pushed, Receipt))
                prev, n, pending = last, n + 1, b""
        except httpx.TransportError:
            killer.join()  # the answer is lost: the same bytes go again after the restart
        server.start()
    if pending:
        assert desk.post("/v1/segments", pending).status_code in {200, 201}
    page = unpack(desk.get("/v1/segments?after=0"), PulledSegments)
    got = {item.sseq: item.log_hash for item in page.segments}
    assert len(receipts) >= 10
    for receipt in receipts:
        assert got.get(receipt.sseq, receipt.log_hash) == receipt.log_hash
        assert receipt.sseq <= page.head
    assert [receipt.sseq for receipt in receipts] == list(range(1, len(receipts) + 1))
    desk.close()
    server.kill()
    report = run_cli("check", "--data", str(server.data))
    assert (report.returncode, json.loads(report.stdout)["faults"]) == (0, [])


async def test_seats_and_boxes_outlive_a_killed_server(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", *WIDE).start()
    desk = Desk.founding(server)
    link = desk.make_link()
    cookie = cookie_of(join(server, link))
    page = await open_page(server, cookie)
    await page.send(ToDesk(box_text(link, "to-desk", b"intake"), "m1"))
    await page.next(Stored)
    a = await open_desk(desk)
    seat = (await a.next(FromPageFrame)).seat
    await a.send(Admit(seat))
    await a.send(ToPage(seat, box_text(link, "to-page", b"offer"), "o1"))
    await a.next(Stored)
    await page.next(FromDeskFrame)
    server.kill()
    await page.closed()
    await a.closed()

    server.start()
    b = await open_desk(desk)  # the token is still good
    room = await b.next(RoomFrame)
    assert [(s.seat, s.state, s.present) for s in room.seats] == [(seat, "admitted", False)]
    assert (await b.next(FromPageFrame)).n == 1
    back = await open_page(server, cookie, after=1)
    assert (await back.next(SeatFrame)).state == "admitted"
    await back.send(ToDesk(box_text(link, "to-desk", b"intake"), "m1"))  # not sure it was kept
    await back.send(ToDesk(box_text(link, "to-desk", b"answer"), "m2"))
    assert (await b.next(FromPageFrame, n=2)).seat == seat
    assert not [f for f in back.frames if isinstance(f, FromDeskFrame | Refused)]
    for socket in (b, back):
        await socket.close()
    desk.close()
    assert server.stop() == 0


CANARIES = ("Amani Mfano", "Kielelezo", "254700000123", "1951", "headache for three days")


async def test_neither_database_nor_log_holds_a_word_or_an_address(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", *WIDE).start()
    desk = Desk.founding(server)
    words = " ".join(CANARIES)
    wire = desk.seal(1, 1, text=words).wire
    assert desk.post("/v1/segments", wire).status_code == 201
    link = desk.make_link(card=words.encode())
    cookie = cookie_of(join(server, link))
    page = await open_page(server, cookie)
    await page.send(ToDesk(box_text(link, "to-desk", words.encode()), "m1"))
    await page.next(Stored)
    # Words where they do not belong: in paths, headers, bodies and frames that are refused.
    await asyncio.to_thread(
        httpx.post, f"{server.url}/v1/join/{words}", content=words.encode(), headers={"X-A": words}
    )
    await asyncio.to_thread(desk.post, "/v1/clinics", words.encode())
    await asyncio.to_thread(desk.get, f"/v1/segments?after={words}")
    await page.connection.send(words)
    assert await page.closed() == 4400
    assert server.stop() == 0
    await asyncio.to_thread(
        run_cli, "backup", "--data", str(server.data), "--to", str(tmp_path / "b")
    )

    log = server.log.read_bytes()
    stored = b"".join(path.read_bytes() for path in server.data.iterdir())
    backup = (tmp_path / "b").read_bytes()
    assert wire in stored  # it is really there, sealed
    assert b'"route": "push_segment"' in log
    secret = to_base64url(link.secret).encode()
    for canary in (*(c.encode() for c in CANARIES), secret, link.secret, desk.token.encode()):
        for place in (stored, backup, log):
            assert canary not in place, canary
    for place in (stored, log):
        assert cookie.encode() not in place
        assert to_base64url(link.jti).encode() not in place
        assert link.jti not in place
    for name in (b"127.0.0.1", link.jti_hash.hex().encode(), desk.identity.device.hex().encode()):
        assert name not in log
    desk.close()


def test_a_second_server_stays_out_of_the_folder(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WIDE) as server:
        second = run_cli("serve", "--data", str(server.data), "--port", "0")
        assert second.returncode == 2
        assert DataFolderInUse.code in second.stderr
        taken = run_cli("serve", "--data", str(tmp_path / "other"), "--port", str(server.port))
        assert taken.returncode == 2
        assert "TD-SRV-013" in taken.stderr


def test_the_server_stops_when_its_parent_is_gone(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    saved = os.dup(0)
    os.dup2(read_end, 0)
    try:
        server = ServerProcess(tmp_path / "data", "--stop-with-stdin", *WIDE)
        os.set_inheritable(write_end, False)
        server.start()
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read_end)
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    os.close(write_end)
    assert server.wait() == 0


def test_a_backup_is_whole_while_the_server_runs_and_overwrites_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WIDE) as server:
        desk = Desk.founding(server)
        desk.push_chain(1, 5)
        target = tmp_path / "backup.sqlite"
        made = run_cli("backup", "--data", str(server.data), "--to", str(target))
        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout)["segments"] == 5
        again = run_cli("backup", "--data", str(server.data), "--to", str(target))
        assert (again.returncode, "TD-SRV-015" in again.stderr) == (2, True)
        desk.close()
    restored = tmp_path / "restored"
    restored.mkdir()
    target.rename(restored / storage.DATABASE_NAME)
    with ServerProcess(restored, *WIDE) as server:
        desk.server = server
        with httpx.Client(base_url=server.url) as desk.http:
            desk.log_in()
            assert unpack(desk.get("/v1/segments"), PulledSegments).head == 5


CHANGES = (
    "UPDATE segments SET log_hash = zeroblob(32) WHERE sseq = 2",
    "UPDATE segments SET wire = flipped(wire) WHERE sseq = 2",
    "DELETE FROM segments WHERE sseq = 2",
    "DELETE FROM segments WHERE sseq = 3",
    "UPDATE clinics SET head = 9",
    "UPDATE member_records SET signature = zeroblob(64)",
    "UPDATE segments SET sseq = 9 WHERE sseq = 3",
)


def test_a_check_notices_every_changed_record(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WIDE) as server:
        desk = Desk.founding(server)
        desk.push_chain(1, 3)
        desk.close()
    good = tmp_path / "good.sqlite"
    assert keeper.backup(server.data, good).ok
    for number, change in enumerate(CHANGES):
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(good.read_bytes())
        connection = driver.connect(str(path))
        connection.create_function("flipped", 1, lambda wire: wire[:-1] + bytes([wire[-1] ^ 1]))
        connection.execute(change)
        connection.commit()
        connection.close()
        report = keeper.check_file(path)
        assert not report.ok, change
        assert report.faults
    (server.data / storage.DATABASE_NAME).write_bytes(path.read_bytes())
    done = run_cli("check", "--data", str(server.data))
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / storage.DATABASE_NAME
    path.write_bytes(b"not a database, but somebody's file" * 200)
    before = path.read_bytes()
    done = run_cli("serve", "--data", str(tmp_path), "--port", "0")
    assert (done.returncode, DatabaseNotOurs.code in done.stderr) == (2, True)
    assert run_cli("check", "--data", str(tmp_path)).returncode == 2
    assert path.read_bytes() == before


def test_migrations_make_the_tables_that_the_code_expects(tmp_path: Path) -> None:
    engine = storage.open_engine(tmp_path / "x.sqlite")
    storage.migrate(engine)
    storage.migrate(engine)
    with engine.begin() as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseNotOurs):
        storage.migrate(engine)
    engine.dispose()


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    storage.assert_sqlite()
    monkeypatch.setattr(driver, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(SqliteTooOld):
        storage.assert_sqlite()
