"""A real PostgreSQL for tests: its own cluster in a temporary folder, on a Unix socket alone.

PostgreSQL refuses to run as root; then it runs as the system's ``postgres``, or as ``nobody``. No
network port is opened, so nothing else can have it or reach it.
"""

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from telemed_server.address import StoreAddress

START_S = 60
OWNER = "keeper"
COMMON = "postgres"
LOCKED = "locked"
PASSWORD = "four fictional lamps"


@functools.cache
def programs() -> Path:
    """Return the folder of PostgreSQL's programs; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("PostgreSQL is not installed: scripts/setup.sh tests")


class Postgres:
    """One cluster. Each test takes a place of its own: a user with a schema of the same name."""

    def __init__(self) -> None:
        # Not pytest's folder: that belongs to root alone, and PostgreSQL must not be root.
        self.folder = Path(tempfile.mkdtemp(prefix="telemed-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as_user = [
                "setpriv",
                f"--reuid={user.pw_uid}",
                f"--regid={user.pw_gid}",
                "--clear-groups",
            ]
        self.log = self.folder / "log"
        self._full = self.folder / "full"
        self._preload = ""

    def on_a_disk_of_its_own(self) -> Self:
        """Have :meth:`fill_disk` work; before the start."""
        library = self.folder / "full_disk.so"
        source = Path(__file__).with_name("full_disk.c")
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"],
            check=True,
            timeout=START_S,
        )
        library.chmod(0o755)
        self._preload = str(library)
        return self

    def fill_disk(self) -> None:
        """From now on no table can grow: the system says ENOSPC."""
        self._full.touch()

    def free_disk(self) -> None:
        self._full.unlink(missing_ok=True)

    def create(self) -> Self:
        """Make the cluster. ``locked`` needs a password, ``keeper`` does not."""
        subprocess.run(
            [
                *(*self._as_user, str(programs() / "initdb"), "--no-sync", "--no-instructions"),
                *("-A", "trust", "-U", OWNER, "-E", "UTF8", "--locale=C", "-D", "data"),
            ],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=START_S,
        )
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {LOCKED} scram-sha-256\nlocal all all trust\n")
        return self

    def _environment(self) -> dict[str, str]:
        always = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        if not self._preload:
            return always
        return always | {"LD_PRELOAD": self._preload, "FULL_DISK_FLAG": str(self._full)}

    def start(self, **settings: str) -> Self:
        """Start, and wait until it answers."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "16MB",
            "max_connections": "150",
            "autovacuum": "off",
            **settings,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(*self._as_user, str(programs() / "postgres"), "-D", "data"),
                    *(
                        part
                        for name, value in options.items()
                        for part in ("-c", f"{name}={value}")
                    ),
                ],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_S
        while True:
            try:
                with self.connect(COMMON):
                    return self
            except psycopg.OperationalError:
                assert self._process.poll() is None, self.log.read_text(errors="replace")
                assert time.monotonic() < until, self.log.read_text(errors="replace")
                time.sleep(0.05)

    def stop(self, *, crash: bool = False) -> None:
        """Stop at once: connections are cut. ``crash`` leaves without a checkpoint."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        """Stop and delete everything. Nothing of it is wanted again: no checkpoint."""
        self.stop(crash=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database: str, user: str = OWNER) -> "psycopg.Connection[Any]":
        """Connect; every statement is its own transaction."""
        return psycopg.connect(
            host=str(self.folder), user=user, dbname=database, autocommit=True, connect_timeout=5
        )

    def connect_to(self, store: StoreAddress) -> "psycopg.Connection[Any]":
        """Connect to a test's own place, as its user."""
        return self.connect(store.database, store.user)

    def address(self, database: str, user: str = OWNER, password: str = "") -> StoreAddress:
        """Return how a server reaches a database."""
        return StoreAddress(str(self.folder), 0, user, database, password)

    def fresh(self) -> StoreAddress:
        """Make an empty place in the one database: a user who finds its own schema first.

        A database of its own has three hundred files; making and deleting them is most of a test.
        """
        name = self._name()
        with self.connect(COMMON) as db:
            who = sql.Identifier(name)
            db.execute(sql.SQL("CREATE ROLE {} LOGIN").format(who))
            db.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(who, who))
        return self.address(COMMON, user=name)

    def fresh_database(self) -> StoreAddress:
        """Make an empty database: for settings of a database, and for notices that are nobody else's."""
        name = self._name()
        with self.connect(COMMON) as db:
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.address(name)

    def _name(self) -> str:
        self._count += 1
        return f"clinic{os.getpid()}x{self._count}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


@contextlib.contextmanager
def running(*, mortal: bool = False) -> Iterator[Postgres]:
    """Run a cluster for a while; ``mortal``: its disk can be filled."""
    cluster = Postgres()
    try:
        if mortal:
            cluster.on_a_disk_of_its_own()
        yield cluster.create().start()
    finally:
        cluster.remove()


def url_of(address: StoreAddress) -> str:
    """Write an address as the command line takes it, without a password."""
    return f"postgresql://{address.user}@/{address.database}?host={address.host}"
