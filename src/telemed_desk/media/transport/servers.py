"""STUN and TURN servers as their addresses name them (RFC 7064, RFC 7065).

aiortc's own parser takes no IPv6 literal and throws away all servers but the first of each kind.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from aiortc.rtcconfiguration import RTCIceServer

RelayWay = Literal["udp", "tcp", "tls"]
MOST_STUN: Final = 4
MOST_TURN: Final = 8
_URI: Final = re.compile(
    r"^(?P<scheme>stun|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:?\[\]]+)"
    r"(?::(?P<port>\d{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?$"
)


@dataclass(frozen=True)
class StunServer:
    """Tells us our address as the internet sees it."""

    host: str
    port: int


@dataclass(frozen=True)
class TurnServer:
    """A relay and how it is reached.

    Attributes:
        host, port: Name or address.
        way: Over UDP, TCP, or TLS over TCP.
        username, credential: Long-term credentials; short-lived in practice.
        place: Position in the list; earlier ones are preferred among equals.
    """

    host: str
    port: int
    way: RelayWay
    username: str
    credential: str
    place: int = 0

    @property
    def name(self) -> str:
        """How the server is called in messages: way and address, no credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.way} {host}:{self.port}"


def read_servers(servers: Iterable[RTCIceServer]) -> tuple[list[StunServer], list[TurnServer]]:
    """Read the lists of addresses; what nobody could use is left out, doubles too."""
    stuns: dict[tuple[str, int], StunServer] = {}
    turns: dict[tuple[str, int, str], TurnServer] = {}
    for server in servers:
        for url in [server.urls] if isinstance(server.urls, str) else server.urls:
            found = _URI.match(url)
            port = int(found["port"] or 0) if found else 0
            if found is None or port > 65_535:
                continue
            host = found["host"].strip("[]")
            if found["scheme"] == "stun":
                stuns.setdefault((host, port), StunServer(host, port or 3478))
                continue
            way = _way(found["scheme"], found["transport"])
            if way is None or not server.username or not server.credential:
                continue
            port = port or (5349 if way == "tls" else 3478)
            turns.setdefault(
                (host, port, way),
                TurnServer(host, port, way, server.username, server.credential, len(turns)),
            )
    return list(stuns.values())[:MOST_STUN], list(turns.values())[:MOST_TURN]


def _way(scheme: str, transport: str | None) -> RelayWay | None:
    if scheme == "turn":
        return "tcp" if transport == "tcp" else "udp"
    return None if transport == "udp" else "tls"  # DTLS towards a relay: nobody offers it
