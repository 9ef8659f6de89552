"""What stands in the way of a start over PostgreSQL is said in words that help, without a password."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from telemed_protocol.api import PulledSegments, Receipt
from telemed_protocol.errors import KnownError
from telemed_protocol.segment import GENESIS_HASH
from telemed_server import keeper, tables
from telemed_server.address import ENVIRONMENT, StoreAddress, parse_address, store_address
from telemed_server.errors import (
    BadSetting,
    DatabaseAway,
    DatabaseForgets,
    DatabaseFull,
    DatabaseNewer,
    DatabaseNotOurs,
    DatabaseOlder,
    DatabaseRefusesUs,
    RequestRefused,
)
from telemed_server.places import keepers_engine, open_store
from telemed_server.schema import metadata
from telemed_server.settings import Settings
from tests.server.rig import WIDE, Desk, ServerProcess, problem_of, run_cli, unpack
from tests.support.postgres import LOCKED, PASSWORD, Postgres, url_of


@pytest.fixture
def store(postgres: Postgres) -> StoreAddress:
    return postgres.fresh_database()


@pytest.fixture(scope="module")
def locked(postgres: Postgres) -> None:
    """A database user who needs a password."""
    with postgres.connect("postgres") as db:
        db.execute(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")


def refused(store: StoreAddress) -> str:
    """Open a store that cannot be opened; returns what is said."""
    with pytest.raises(KnownError) as error:
        open_store(store)
    known = error.value
    return f"{known.code}: {known.sentence} {known.detail} {known.next_step}"


def refused_by_command(store: StoreAddress, *more: str) -> str:
    """Start a server that cannot; returns what it said."""
    done = run_cli("serve", "--store", url_of(store), "--port", "0", *more)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_database_that_is_not_there(store: StoreAddress, tmp_path: Path) -> None:
    said = refused_by_command(replace(store, host=str(tmp_path)))
    assert DatabaseAway.code in said
    assert "no socket there" in said
    assert DatabaseAway.next_step in said
    with pytest.raises(DatabaseAway, match="nobody listens there"):
        open_store(replace(store, host="127.0.0.1", port=1))


@pytest.mark.usefixtures("locked")
def test_a_wrong_a_missing_and_the_right_password(
    postgres: Postgres, store: StoreAddress, tmp_path: Path
) -> None:
    mine = replace(store, user=LOCKED)
    with postgres.connect(store.database) as db:
        db.execute(f"GRANT ALL ON SCHEMA public TO {LOCKED}")
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.write_text("three fictional lamps\n")
    right.write_text(PASSWORD + "\n")
    said = refused_by_command(mine, "--store-password-file", str(wrong))
    assert DatabaseRefusesUs.code in said
    assert "wrong password or user" in said
    assert "fictional" not in said
    assert DatabaseRefusesUs.next_step in said
    assert "a password is needed" in refused(mine)
    options = (*WIDE, "--store-password-file", str(right))
    server = ServerProcess(tmp_path / "x", *options, store=mine)
    server.place = replace(mine, password=PASSWORD)
    with server:
        desk = Desk.founding(server)
        desk.push_chain(1, 1)
        desk.close()
        command_line = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    for place in (command_line, server.log.read_bytes()):
        assert PASSWORD.encode() not in place


def test_a_database_or_a_user_that_does_not_exist(store: StoreAddress) -> None:
    for wrong in (replace(store, database="nowhere"), replace(store, user="nobody-at-all")):
        said = refused(wrong)
        assert DatabaseRefusesUs.code in said
        assert "there is no database or no user of that name" in said


def revision(postgres: Postgres, store: StoreAddress, number: str) -> None:
    with postgres.connect(store.database) as db:
        db.execute("UPDATE alembic_version SET version_num = %s", (number,))


def test_newer_tables_are_left_alone(postgres: Postgres, store: StoreAddress) -> None:
    open_store(store).close()
    revision(postgres, store, "9999")
    assert DatabaseNewer.code in refused(store)
    for command in (keeper.check, keeper.bring_tables_along):
        with pytest.raises(DatabaseNewer):
            command(store)


def test_older_tables_wait_for_the_keeper_and_keep_what_they_had(
    postgres: Postgres, store: StoreAddress
) -> None:
    with keepers_engine(store) as engine, engine.begin() as db:
        newest = MigrationContext.configure(db).get_current_revision()
        db.exec_driver_sql("DROP TABLE desk_lines, server_processes, spent_nonces, server_keys")
        db.exec_driver_sql("ALTER TABLE seats DROP COLUMN line")
        for later in ("commitment", "answer", "reveal"):
            db.exec_driver_sql(f"ALTER TABLE enrol_requests DROP COLUMN {later}")
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
        db.exec_driver_sql("INSERT INTO founding_codes VALUES ('\\x01', 1.0, NULL, NULL)")
    said = refused(store)
    assert DatabaseOlder.code in said
    assert "telemed-server migrate" in said
    with postgres.connect(store.database) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
    done = run_cli("migrate", "--store", url_of(store))
    assert done.returncode == 0, done.stderr
    open_store(store).close()
    with postgres.connect(store.database) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == (newest,)
        assert db.execute("SELECT count(*) FROM founding_codes").fetchone() == (1,)


def test_another_programs_database_is_left_alone(postgres: Postgres, store: StoreAddress) -> None:
    with postgres.connect(store.database) as db:
        db.execute("CREATE TABLE somebody (name text)")
    assert DatabaseNotOurs.code in refused(store)
    with postgres.connect(store.database) as db:
        found = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchall() == [("somebody",)]


def test_a_database_that_may_forget_is_refused(postgres: Postgres, store: StoreAddress) -> None:
    with postgres.connect(store.database) as db:
        db.execute(f"ALTER DATABASE {store.database} SET synchronous_commit = off")
    said = refused(store)
    assert DatabaseForgets.code in said
    assert "synchronous_commit is off" in said


async def test_eight_servers_that_start_at_once_make_the_tables_once(
    postgres: Postgres, store: StoreAddress
) -> None:
    stores = await asyncio.gather(*(asyncio.to_thread(open_store, store) for _ in range(8)))
    for one in stores:
        one.close()
    with keepers_engine(store) as engine, engine.begin() as db:
        assert tables.age_of(db) is tables.Age.CURRENT
        assert compare_metadata(MigrationContext.configure(db), metadata) == []


def test_a_full_disk_is_said_and_passes(mortal_postgres: Postgres, tmp_path: Path) -> None:
    own = mortal_postgres
    store, unused = own.fresh(), own.fresh()
    with ServerProcess(tmp_path / "x", *WIDE, store=store) as server:
        desk = Desk.founding(server)
        own.fill_disk()
        prev, n = GENESIS_HASH, 0
        status = 201
        while status == 201:  # until the pages that the table has are full
            n += 1
            assert n < 200
            segment = desk.seal(1, n, prev, text=os.urandom(12_000).hex())
            answer = desk.post("/v1/segments", segment.wire)
            prev, status = segment.hash, answer.status_code
        assert (status, problem_of(answer)) == (507, "disk_full")
        assert answer.headers["Retry-After"] == "60"
        pulled = unpack(desk.get("/v1/segments"), PulledSegments)  # reading goes on
        assert pulled.head == n - 1
        assert DatabaseFull.code in refused(unused)
        own.free_disk()
        again = desk.post("/v1/segments", segment.wire)
        assert (again.status_code, unpack(again, Receipt).sseq) == (201, n)
        desk.close()
    assert keeper.check(store).faults == []


async def test_a_database_that_goes_away_is_told_apart_and_found_again(
    mortal_postgres: Postgres, tmp_path: Path
) -> None:
    own = mortal_postgres
    store = own.fresh()
    with ServerProcess(tmp_path / "x", *WIDE, store=store) as server:
        assert (await asyncio.to_thread(httpx.get, f"{server.url}/healthz")).status_code == 200
        second = open_store(store)
        own.stop(crash=True)
        sick = await asyncio.to_thread(httpx.get, f"{server.url}/healthz", timeout=60)
        assert (sick.status_code, sick.json()["status"]) == (503, "degraded")
        with pytest.raises(DatabaseAway):
            await asyncio.to_thread(open_store, store)
        with pytest.raises(RequestRefused) as error:
            await second.run(lambda db: db.exec_driver_sql("SELECT 1"), patience_s=0.0)
        assert (error.value.status, error.value.problem) == (503, "database_away")
        assert error.value.retry_after_s
        second.close()
        own.start()
        well = await asyncio.to_thread(httpx.get, f"{server.url}/healthz", timeout=60)
        tries = 0
        while well.status_code != 200 and tries < 100:  # stale connections fail once each
            well = await asyncio.to_thread(httpx.get, f"{server.url}/healthz", timeout=60)
            tries += 1
        assert well.json()["status"] == "ok"
        assert b"Traceback" not in server.log.read_bytes()


# ---- addresses ----------------------------------------------------------------------------------


def test_an_address_is_read_and_its_password_is_nowhere_shown(tmp_path: Path) -> None:
    secret = "p@ss/wo:rd"
    written = (
        f"postgresql://telemed:{quote(secret, safe='')}@db.example:5433/clinic?sslmode=verify-full"
    )
    address = parse_address(written, password_allowed=True)
    assert (address.user, address.host, address.port) == ("telemed", "db.example", 5433)
    assert address.password == secret
    assert address.connect_arguments()["sslmode"] == "verify-full"
    for shown in (repr(address), str(address), repr(Settings(None, store=address))):
        assert secret not in shown
    with pytest.raises(BadSetting) as error:
        parse_address(written, password_allowed=False)
    assert "--store-password-file" in str(error.value)
    assert secret not in str(error.value)
    assert quote(secret, safe="") not in str(error.value)
    file = tmp_path / "password"
    file.write_text(secret + "\n")
    bare = "postgresql://telemed@db.example/clinic"
    for line, environment in ((bare, {}), ("", {ENVIRONMENT: bare})):
        found = store_address(line, environment, file)
        assert found is not None
        assert found.password == secret
    assert store_address("", {}, None) is None


def test_a_database_elsewhere_is_never_spoken_to_in_the_clear() -> None:
    far = parse_address("postgresql://telemed@db.example/clinic", password_allowed=False)
    assert far.connect_arguments()["sslmode"] == "require"
    for near in ("postgresql:///clinic", "postgresql://u@localhost/c", "postgresql://u@[::1]/c"):
        address = parse_address(near, password_allowed=False)
        assert "sslmode" not in address.connect_arguments()


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "mysql://u@h/d", "postgresql://u@h", "postgresql://u@h:port/d", "sqlite:///x"),
        *("postgresql://u@h/d?options=-cfsync%3Doff", "postgresql://u@h/d?host=a&host=b"),
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadSetting) as error:
        parse_address(text, password_allowed=True)
    assert not text or text not in error.value.detail


def test_somewhere_the_records_must_be() -> None:
    with pytest.raises(BadSetting):
        Settings(None)
    done = run_cli("code")
    assert (done.returncode, BadSetting.code in done.stderr) == (2, True)
    done = run_cli("serve", "--store", "postgresql://u:" + "lamps@h/d")
    assert (done.returncode, "lamps" in done.stderr) == (2, False)
