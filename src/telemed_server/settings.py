"""How one server is set up: what the command line says, checked once."""

import re
from dataclasses import dataclass, field
from importlib import resources
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from telemed_protocol.room import LEASE_S, SEAT_KEPT_S
from telemed_server.address import StoreAddress
from telemed_server.errors import BadSetting
from telemed_server.limiting import parse_limits

_AUTHORITY: Final = re.compile(r"[A-Za-z0-9.\-_\[\]:]{1,255}")
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def host_of(authority: str) -> str:
    """Return the name in a ``Host`` header, without port and brackets, in lower case; "" if odd."""
    if not _AUTHORITY.fullmatch(authority):
        return ""
    try:
        return (urlsplit("//" + authority).hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


LEAST_PROBE_BPS: Final = 1_000_000
_HIGHEST_PORT: Final = 65_535


def host_and_port(text: str) -> tuple[str, int]:
    """Read ``host:port``, ``[v6]:port``.

    Raises:
        BadSetting: It is not.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise BadSetting("an address looks like host:port")
    return host.strip("[]"), int(port)


@dataclass(frozen=True)
class Settings:
    """Everything the routes need to know.

    Attributes:
        data: Folder of the database; None when the records are in ``store``.
        store: The PostgreSQL that keeps the records, for a server of several processes.
        host: Address to listen on.
        origins: ``https://name[:port]`` under which browsers and desks reach the server; the first
            is the main one. Empty only for a server on loopback.
        page: Folder of the patient page's files.
        stun_urls, turn_urls: As browsers take them.
        turn_secret: Shared with coturn (``static-auth-secret``).
        limits: Overrides of :data:`telemed_server.limiting.DEFAULT_LIMITS`.
        lease_s: A page not heard for this long is away.
        seat_kept_s: An unheard seat is given up after this long.
        waiting_cap: Seats that may wait in one clinic.
        probe_listen: ``host:port`` of the measuring responder (UDP), ``off``, or empty: host and port
            number of the server itself.
        probe_address: ``name:port`` under which desks reach it, if it is not the server's name and
            that port.
        probe_max_bps: The fastest that it sends to one desk.
        attachment_quota_bytes: Sealed photos that one clinic may keep here.
        behind_proxy: Take the client's address from ``X-Forwarded-For`` of a proxy on loopback.
    """

    data: Path | None
    host: str = "127.0.0.1"
    origins: tuple[str, ...] = ()
    page: Path = field(
        default_factory=lambda: Path(str(resources.files("telemed_server"))) / "page"
    )
    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: bytes = b""
    limits: dict[str, str] = field(default_factory=dict)
    lease_s: float = LEASE_S
    seat_kept_s: float = SEAT_KEPT_S
    waiting_cap: int = 50
    probe_listen: str = ""
    probe_address: str = ""
    probe_max_bps: int = 30_000_000
    attachment_quota_bytes: int = 20 * 1024**3
    behind_proxy: bool = False
    tls: bool = False
    store: StoreAddress | None = None

    def __post_init__(self) -> None:
        """Refuse what would be unsafe.

        Raises:
            BadSetting: A public server without a name of its own, a relay without a secret, or a
                limit that is none.
        """
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
                raise BadSetting("--origin must look like https://name")
        if not self.origins and not _is_loopback(self.host):
            raise BadSetting("a server that others can reach needs --origin")
        if self.turn_urls and not self.turn_secret:
            raise BadSetting("--turn-url needs --turn-secret-file")
        if self.data is None and self.store is None:
            raise BadSetting("--data or --store says where the records are")
        parse_limits(self.limits)
        for text in (self.probe_listen, self.probe_address):
            if text not in {"", "off"}:
                host_and_port(text)
        if self.attachment_quota_bytes < 0:
            raise BadSetting("--attachment-quota-mb must not be below 0")
        if self.probe_max_bps < LEAST_PROBE_BPS:
            raise BadSetting("--probe-max-kbps is too low to measure a link with")

    @property
    def place(self) -> Path | StoreAddress:
        """Where the records are: PostgreSQL if it is named, or else the folder."""
        place = self.store or self.data
        assert place is not None  # noqa: S101 - one of them is, see above
        return place

    @property
    def hosts(self) -> frozenset[str]:
        """Names this server answers to.

        A device's proof of identity is bound to the name; a server that took any name in the
        ``Host`` header could be shown a proof meant for another.
        """
        if self.origins:
            return frozenset((urlsplit(origin).hostname or "").lower() for origin in self.origins)
        return _LOOPBACK_NAMES | {self.host.lower()}

    @property
    def secure(self) -> bool:
        """Whether browsers reach the server through TLS."""
        return self.tls or (bool(self.origins) and self.origins[0].startswith("https://"))

    def is_own_origin(self, origin: str, host_header: str) -> bool:
        """Tell whether a browser's ``Origin`` header names this server's own pages."""
        if self.origins:
            return origin.lower() in {own.lower() for own in self.origins}
        scheme = "https" if self.tls else "http"
        return (
            origin.lower() == f"{scheme}://{host_header}".lower()
            and host_of(host_header) in self.hosts
        )
