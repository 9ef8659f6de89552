"""Where a grown-up server keeps its records: the address of a PostgreSQL database.

The password never stands on the command line (everybody on the computer can read that) and never in
a ``repr``, a log or an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from telemed_server.errors import BadSetting

ENVIRONMENT: Final = "TELEMED_STORE"
_OPTIONS: Final = frozenset({"host", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"})
_SCHEMES: Final = frozenset({"postgresql", "postgres"})
CONNECT_TIMEOUT_S: Final = 5


@dataclass(frozen=True)
class StoreAddress:
    """One PostgreSQL database.

    Attributes:
        host: Name, address, or the folder of a Unix socket; empty for the system's own.
        port: 0 for the usual one.
        options: libpq's own words for TLS (``sslmode`` ...) and ``passfile``.
    """

    host: str
    port: int
    user: str
    database: str
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether it is reached without leaving this computer."""
        if not self.host or self.host.startswith(("/", "@")) or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def connect_arguments(self) -> dict[str, object]:
        """Return what the driver is called with."""
        values: dict[str, object] = {
            "dbname": self.database,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "telemed-server",
            # A cable that was pulled is noticed within half a minute, not after two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            **self.options,
        }
        if not self.is_local:
            values.setdefault("sslmode", "require")
        named = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
        }
        return values | {name: value for name, value in named.items() if value}


def parse_address(text: str, *, password_allowed: bool) -> StoreAddress:
    """Read ``postgresql://user@host:port/database?sslmode=verify-full``.

    Raises:
        BadSetting: It is not one, or it holds a password where others could read it. The text
            itself is never repeated.
    """
    shape = "--store looks like postgresql://user@host/database"
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise BadSetting(shape) from None  # the first error's words hold the text
    if url.drivername not in _SCHEMES or not url.database:
        raise BadSetting(shape)
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    if set(url.query) - _OPTIONS or len(query) != len(url.query):
        raise BadSetting(f"--store takes only these options: {', '.join(sorted(_OPTIONS))}")
    if url.password is not None and not password_allowed:
        raise BadSetting(
            "a password on the command line can be read by everybody here: "
            "put it into a file and name that with --store-password-file"
        )
    host = query.pop("host", "") or url.host or ""
    return StoreAddress(
        host, url.port or 0, url.username or "", url.database, str(url.password or ""), query
    )


def store_address(
    on_command_line: str, environment: Mapping[str, str], password_file: Path | None
) -> StoreAddress | None:
    """Return the store that was chosen; None for the SQLite file in the data folder.

    Raises:
        BadSetting: See :func:`parse_address`; or the password's file cannot be read.
    """
    if on_command_line:
        address = parse_address(on_command_line, password_allowed=False)
    elif environment.get(ENVIRONMENT):
        address = parse_address(environment[ENVIRONMENT], password_allowed=True)
    elif password_file is not None:
        raise BadSetting("--store-password-file needs --store")
    else:
        return None
    if password_file is None:
        return address
    try:
        return replace(address, password=password_file.read_text("utf-8").strip("\r\n"))
    except (OSError, UnicodeDecodeError):
        raise BadSetting("--store-password-file cannot be read") from None
