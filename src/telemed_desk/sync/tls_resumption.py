"""TLS that goes on after a cut: a new connection shows the ticket of an earlier one.

A full handshake carries the server's certificates, several kilobytes on each of the three connections
that a cut breaks. Resumption checks who the server is by a secret of the earlier connection, whose
certificate was verified; so a ticket counts for the name it came from only, and lives in memory.
"""

import ssl
from collections import deque
from typing import Final

import truststore

_KEPT: Final = 4
"""So many connections are asked for a ticket. They are held on to: OpenSSL spoils the tickets of a
connection that is thrown away without a farewell, which is just what a cut leaves behind."""


class Tickets:
    """The newest connections' tickets, by the server's name."""

    def __init__(self) -> None:
        self._known: dict[str, deque[ssl.SSLObject]] = {}

    def of(self, name: str | bytes | None) -> ssl.SSLSession | None:
        """Return the newest ticket that came from this server."""
        for made in reversed(self._known.get(_text(name), ())):
            session = made.session
            if session is not None and session.has_ticket:
                return session
        return None

    def keep(self, name: str | bytes | None, made: ssl.SSLObject) -> None:
        """Remember a connection; its ticket comes later."""
        self._known.setdefault(_text(name), deque(maxlen=_KEPT)).append(made)


def _text(name: str | bytes | None) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""


class ResumingContext(ssl.SSLContext):
    """A client's context that resumes what it connected to before."""

    _tickets: Tickets | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as in ssl
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection, with the newest ticket of this server if there is one."""
        self._tickets = self._tickets or Tickets()
        session = session or self._tickets.of(server_hostname)
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        self._tickets.keep(server_hostname, made)
        return made


class ResumingSystemContext(truststore.SSLContext):
    """The same with the system's store of authorities."""

    _tickets: Tickets | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as in ssl
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection, with the newest ticket of this server if there is one."""
        self._tickets = self._tickets or Tickets()
        session = session or self._tickets.of(server_hostname)
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        self._tickets.keep(server_hostname, made)
        return made
