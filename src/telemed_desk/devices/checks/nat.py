"""How the router treats connections (N6): its mapping behaviour, IPv6, and multicast names.

Mapping behaviour by RFC 5780, section 4.3, against a STUN server with two addresses; one with a single
address leaves it unknown. Parses what a server sent: for the media process.
"""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final, Literal

from aioice import stun

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS

Mapping = Literal["none", "same", "other", "unknown", "silent"]
"""No router in between; same port to everybody; another port to each; cannot tell; no answer."""
_TRIES: Final = 2
_OTHER: Final = "OTHER-ADDRESS"
_MDNS: Final = "224.0.0.251"
_FAR_V6: Final = ("2001:db8::1", 9)
"""Documentation address (RFC 3849): asked of the routing table, nothing is sent there."""

_entry: stun.AttributeEntry = (0x802C, _OTHER, stun.pack_address, stun.unpack_address)
stun.ATTRIBUTES_BY_TYPE.setdefault(_entry[0], _entry)
stun.ATTRIBUTES_BY_NAME.setdefault(_entry[1], _entry)

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class NatSeen:
    """What the STUN server and the system say.

    Attributes:
        mapping: How the router maps ports.
        ipv6: This PC has a way into the IPv6 internet.
        multicast: This PC can ask for ``.local`` names.
    """

    mapping: Mapping
    ipv6: bool
    multicast: bool


class _Asker(asyncio.DatagramProtocol):
    """Asks STUN servers from one socket."""

    def __init__(self) -> None:
        self.transport: Any = None
        self._open: dict[bytes, stun.Transaction] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        with contextlib.suppress(ValueError, struct.error, IndexError):
            message = stun.parse_message(data)
            asked = self._open.get(message.transaction_id)
            if asked is not None:
                asked.response_received(message, addr)

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        """Called by the transaction, at each try."""
        self.transport.sendto(bytes(message), addr)

    async def ask(self, server: Address) -> stun.Message | None:
        """Return a server's answer, None for none."""
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        asked = stun.Transaction(request, server, self, retransmissions=_TRIES)
        self._open[request.transaction_id] = asked
        try:
            answer, _ = await asked.run()
        except (stun.TransactionError, OSError):
            return None
        finally:
            del self._open[request.transaction_id]
        return answer


async def mapping_of(server: Address) -> Mapping:
    """Ask a STUN server over IPv4 how the router maps a port of ours; at most some seconds.

    Args:
        server: IPv4 address and port.
    """
    loop = asyncio.get_running_loop()
    ours = _address_towards(server)
    if ours is None:
        return "silent"
    try:
        transport, asker = await loop.create_datagram_endpoint(_Asker, local_addr=(ours, 0))
    except OSError:
        return "silent"
    try:
        return await _compare(asker, server, transport.get_extra_info("sockname")[:2])
    finally:
        transport.close()


async def _compare(asker: _Asker, server: Address, ours: Address) -> Mapping:
    first = await asker.ask(server)
    seen = _mapped(first)
    if first is None or seen is None:
        return "silent"
    if seen == ours:
        return "none"
    other = first.attributes.get(_OTHER)
    if other is None or not _may_ask(other[0], server[0]):
        return "unknown"
    there = [_mapped(await asker.ask(address)) for address in ((other[0], server[1]), other)]
    if None in there:
        return "unknown"
    return "same" if there == [seen, seen] else "other"


def _mapped(answer: stun.Message | None) -> Address | None:
    return None if answer is None else answer.attributes.get("XOR-MAPPED-ADDRESS")


def _may_ask(other: str, server: str) -> bool:
    """A server may send us to its second address, not to our neighbours or to everybody."""
    there, here = ipaddress.ip_address(other), ipaddress.ip_address(server)
    return not there.is_multicast and there.is_private == here.is_private


def _address_towards(server: Address) -> str | None:
    """Return the address of ours that the routing table takes; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(server)
        except OSError:
            return None
        return str(asked.getsockname()[0])


def has_ipv6() -> bool:
    """Return whether the routing table has a way into the IPv6 internet; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asked:
            asked.connect(_FAR_V6)
    except OSError:
        return False
    return True


def has_multicast() -> bool:
    """Return whether this PC can listen for names in its own network; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            group = socket.inet_aton(_MDNS) + socket.inet_aton("0.0.0.0")  # noqa: S104 - ip_mreq: any interface
            asked.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError:
        return False
    return True


def nat_findings(seen: NatSeen) -> list[Finding]:
    """Put it into findings; none of them forbids a call, the relay is there for that."""
    nat = LIMITS["N6.nat"]
    if seen.mapping in ("none", "same"):
        mapped = nat.judge(1)
    elif seen.mapping == "other":
        mapped = nat.judge(0)
    elif seen.mapping == "unknown":
        mapped = nat.unknown(
            "The clinic's STUN server has one address only, which does not tell.", "Nothing to do."
        )
    else:
        mapped = nat.unknown("No STUN server answers over UDP.", "See the relay's findings.")
    return [
        mapped,
        LIMITS["N6.ipv6"].judge(float(seen.ipv6)),
        LIMITS["N6.mdns"].judge(float(seen.multicast)),
    ]
