"""A small internet of network namespaces: places around one router, each in a network of its own.

::

    async with Town("desk", "patient", "relay") as town:
        await town.block("desk", "patient")               # nothing passes, and nobody is told
        await town.block("desk", "relay", protocol="udp")
        await town.open("desk", "patient")

Needs root and ``ip`` (iproute2); nothing of it touches the machine's own network. A place may be the
router of a home behind address translation (:mod:`.nat`).
"""

import asyncio
import itertools
import os
import subprocess
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from tests.support.link.emulated import LinkUnavailable, remove_stale

_numbers = itertools.count()


@dataclass(frozen=True)
class House:
    """One place: its namespace and its addresses, empty where it has none."""

    namespace: str
    device: str
    v4: str
    v6: str

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a program there."""
        return ["ip", "netns", "exec", self.namespace, *words]


class Town:
    """The router and the places around it.

    Args:
        names: Of the places.
        v4, v6: Which addresses they get.
    """

    def __init__(self, *names: str, v4: bool = True, v6: bool = False) -> None:
        if os.geteuid() != 0:
            raise LinkUnavailable("network namespaces need root: run the tests as root")
        prefix = f"tdlink{os.getpid()}x{next(_numbers)}t"
        self._router = f"{prefix}r"
        self._v4, self._v6 = v4, v6
        self._houses = {
            name: House(
                f"{prefix}{number}",
                f"e{number}",
                f"10.81.{number}.2" if v4 else "",
                f"fd81:{number}::2" if v6 else "",
            )
            for number, name in enumerate(names)
        }

    def __getitem__(self, name: str) -> House:
        return self._houses[name]

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._build)
        except BaseException:
            await asyncio.to_thread(self._remove)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._remove)

    async def block(
        self, one: str, other: str, *, protocol: Literal["any", "udp", "tcp"] = "any"
    ) -> None:
        """Let nothing (of this protocol) pass between two places, silently."""
        await asyncio.to_thread(self._rules, "add", one, other, protocol)

    async def open(
        self, one: str, other: str, *, protocol: Literal["any", "udp", "tcp"] = "any"
    ) -> None:
        """Take a block back."""
        await asyncio.to_thread(self._rules, "del", one, other, protocol)

    def _rules(self, verb: str, one: str, other: str, protocol: str) -> None:
        only = () if protocol == "any" else ("ipproto", protocol)
        for source, target in ((one, other), (other, one)):
            device = self._houses[source].device
            house = self._houses[target]
            for family, address in (("-4", house.v4), ("-6", house.v6)):
                if address:
                    words = ("iif", device, "to", address, *only, "blackhole", "pref", "100")
                    _run("ip", "-n", self._router, family, "rule", verb, *words)

    def _build(self) -> None:
        remove_stale()
        _run("ip", "netns", "add", self._router)
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        if self._v6:
            forward += "; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
        _run("ip", "netns", "exec", self._router, "sh", "-c", forward)
        for house in self._houses.values():
            self._house(house)

    def _house(self, house: House) -> None:
        inside, router = ("ip", "-n", house.namespace), ("ip", "-n", self._router)
        _run("ip", "netns", "add", house.namespace)
        peer = ("peer", "name", "em0", "netns", house.namespace)
        _run(*router, "link", "add", house.device, "type", "veth", *peer)
        for side, device in ((inside, "em0"), (router, house.device)):
            _run(*side, "link", "set", device, "addrgenmode", "none")
            _run(*side, "link", "set", device, "up")
        _run(*inside, "link", "set", "lo", "up")
        if house.v4:
            gateway = house.v4[:-1] + "1"
            _run(*inside, "addr", "add", f"{house.v4}/24", "dev", "em0")
            _run(*router, "addr", "add", f"{gateway}/24", "dev", house.device)
            _run(*inside, "route", "add", "default", "via", gateway)
        if house.v6:
            gateway = house.v6[:-1] + "1"
            # neighbours ask for each other from link-local addresses
            _run(*inside, "addr", "add", "fe80::2/64", "dev", "em0", "nodad")
            _run(*router, "addr", "add", "fe80::1/64", "dev", house.device, "nodad")
            _run(*inside, "addr", "add", f"{house.v6}/64", "dev", "em0", "nodad")
            _run(*router, "addr", "add", f"{gateway}/64", "dev", house.device, "nodad")
            _run(*inside, "-6", "route", "add", "default", "via", gateway)

    def _remove(self) -> None:
        for namespace in [house.namespace for house in self._houses.values()] + [self._router]:
            command = ["ip", "netns", "del", namespace]
            subprocess.run(command, capture_output=True, check=False)


def run_ip(*words: str) -> None:
    """Run ``ip``. Raises LinkUnavailable with what it said."""
    _run("ip", *words)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LinkUnavailable(f"{' '.join(command)}: {done.stderr.strip()}")
