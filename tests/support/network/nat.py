"""A home behind a router that translates addresses: for UDP, over IPv4, in user space.

Linux does this with tools that Debian's minimal installation lacks. Here the home is a namespace whose
only way out is a tun device; what comes out of it leaves through sockets in the router's own namespace.

::

    async with Town("desk", "patient", "relay") as town, Nat(town["desk"]) as home:
        ...  # programs in home.namespace are seen at town["desk"].v4

Words are those of RFC 4787: *mapping* says for which destinations one address outside stands, and
*filtering* from where it lets packets in.
"""

import asyncio
import fcntl
import os
import socket
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

from tests.support.network.place import Place, enter
from tests.support.network.town import House, run_ip

Dependence = Literal["none", "address", "address-port"]
Address = tuple[str, int]

INSIDE: Final = "192.168.1.2"
"""The same in every home, as it is in the world."""
_DEVICE: Final = "em0"
_UDP: Final = 17
_LARGEST: Final = 4096
_TUNSETIFF: Final = 0x400454CA
_TUN_WITHOUT_HEADER: Final = 0x1001


@dataclass
class Mapping:
    """One address outside that stands for an address inside."""

    inside: Address
    outside: socket.socket
    sent_to: set[Address] = field(default_factory=set)


class Nat:
    """One home and its router.

    Args:
        house: The router's place in the town; nothing else should live there.
        mapping: On what of the destination the address outside depends.
        filtering: On what of the source it depends who is let in.
    """

    def __init__(
        self,
        house: House,
        *,
        mapping: Dependence = "none",
        filtering: Dependence = "address-port",
    ) -> None:
        self.namespace = f"{house.namespace}h"
        self.address = house.v4
        self.refused = 0
        """Packets from outside that nobody inside had asked for."""
        self._mapping, self._filtering = mapping, filtering
        self._place = Place(house.namespace)
        self._mappings: dict[tuple[Address, object], Mapping] = {}
        self._tun = -1

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(run_ip, "netns", "add", self.namespace)
        try:
            self._tun = await asyncio.to_thread(_tun_in, self.namespace)
            await asyncio.to_thread(self._furnish)
            await self._place.__aenter__()
        except BaseException:
            await self._remove()
            raise
        await self._place.do(self._begin)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._place.do(self._end)
        await self._place.__aexit__(kind, error, trace)
        await self._remove()

    def _furnish(self) -> None:
        run_ip("-n", self.namespace, "addr", "add", f"{INSIDE}/24", "dev", _DEVICE)
        run_ip("-n", self.namespace, "link", "set", _DEVICE, "up")
        run_ip("-n", self.namespace, "link", "set", "lo", "up")
        run_ip("-n", self.namespace, "route", "replace", "default", "dev", _DEVICE)

    async def _remove(self) -> None:
        if self._tun >= 0:
            os.close(self._tun)
        command = ["ip", "netns", "del", self.namespace]
        await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)

    # ---- on the router's loop -------------------------------------------------------------------

    def _begin(self) -> None:
        asyncio.get_running_loop().add_reader(self._tun, self._from_inside)

    def _end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._tun)
        for mapping in self._mappings.values():
            loop.remove_reader(mapping.outside)
            mapping.outside.close()

    def _from_inside(self) -> None:
        while True:
            try:
                packet = os.read(self._tun, _LARGEST)
            except BlockingIOError:
                return
            told = _datagram(packet)
            if told is None:
                continue
            source, target, payload = told
            mapping = self._mapping_for(source, target)
            mapping.sent_to.add(target)
            try:
                mapping.outside.sendto(payload, target)
            except OSError:
                continue  # no way there: the home is not told either

    def _mapping_for(self, source: Address, target: Address) -> Mapping:
        key = (source, _part(target, self._mapping))
        if key not in self._mappings:
            outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            outside.setblocking(False)
            outside.bind((self.address, 0))
            made = self._mappings[key] = Mapping(source, outside)
            asyncio.get_running_loop().add_reader(outside, self._from_outside, made)
        return self._mappings[key]

    def _from_outside(self, mapping: Mapping) -> None:
        while True:
            try:
                payload, source = mapping.outside.recvfrom(_LARGEST)
            except OSError:
                return
            known = {_part(target, self._filtering) for target in mapping.sent_to}
            if _part(source, self._filtering) not in known:
                self.refused += 1
                continue
            os.write(self._tun, _packet(source, mapping.inside, payload))


def _part(address: Address, dependence: Dependence) -> object:
    """The part of an address that counts."""
    return {"none": None, "address": address[0], "address-port": address}[dependence]


def _datagram(packet: bytes) -> tuple[Address, Address, bytes] | None:
    """Take an IPv4 packet apart; None for what is not UDP, or a fragment."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != _UDP:
        return None
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return None
    head = 4 * (packet[0] & 0x0F)
    source_port, target_port, length = struct.unpack_from("!HHH", packet, head)
    source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    return (source, source_port), (target, target_port), packet[head + 8 : head + length]


def _packet(source: Address, target: Address, payload: bytes) -> bytes:
    """Put an IPv4 packet together; UDP without a checksum, as IPv4 allows."""
    size = 28 + len(payload)
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0, 64, _UDP, 0) + ends
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:]
    return head + struct.pack("!HHHH", source[1], target[1], size - 20, 0) + payload


def _tun_in(namespace: str) -> int:
    """Make the tun device of a home, and return the router's end of it. Raises OSError."""
    order = struct.pack("16sH22x", _DEVICE.encode(), _TUN_WITHOUT_HEADER)
    made: list[int] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            enter(namespace)  # the device is where it was opened
            made.append(os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK))
            fcntl.ioctl(made[0], _TUNSETIFF, order)
        except OSError as error:
            failed.append(error)

    # A thread of its own: it cannot be used for anything else afterwards.
    thread = threading.Thread(target=make, name="tun")
    thread.start()
    thread.join()
    if failed:
        for handle in made:
            os.close(handle)
        raise failed[0]
    return made[0]
