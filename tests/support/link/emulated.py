"""Two network namespaces joined by an emulated link, for as long as a ``with`` block lasts.

::

    async with EmulatedLink(LOSSY) as link:
        # programs in link.a.namespace see the other side at link.b.address, and nothing else
        await link.change(replace(LOSSY, down=True))

Needs root, ``ip`` (iproute2), a C compiler and /dev/net/tun; without one of them it raises
LinkUnavailable with the missing thing's name, and never quietly tests less.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.support.cache import cached
from tests.support.link.spec import CLEAN, LinkSpec

_SOURCE = Path(__file__).with_name("emulator.c")
_PREFIX = "tdlink"
_DEVICE = "em0"
_READY_TIMEOUT_S = 30.0
_numbers = itertools.count()


class LinkUnavailable(Exception):
    """This machine cannot emulate a link; the text names what is missing."""


@dataclass(frozen=True)
class End:
    """One side: where programs run and which address they have there."""

    namespace: str
    address: str

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a program on this side."""
        return ["ip", "netns", "exec", self.namespace, *words]


@dataclass(frozen=True)
class Counters:
    """One direction since the start.

    Attributes:
        lost: On the line, at random, in a burst or while it was down; also UDP where none may pass.
        overflowed: Before the limiter, for want of room in the queue.
        late_packets: Delivered more than 5 ms later than asked: the emulator had no processor.
        latest_ms: The worst of them.
    """

    in_packets: int
    in_bytes: int
    out_packets: int
    out_bytes: int
    lost: int
    overflowed: int
    longest_queue_ms: float
    late_packets: int
    latest_ms: float

    def since(self, before: "Counters") -> "Counters":
        """Return what was counted since then; of the worst values only those that are new are known."""
        late = self.late_packets - before.late_packets
        queue = self.longest_queue_ms
        return Counters(
            self.in_packets - before.in_packets,
            self.in_bytes - before.in_bytes,
            self.out_packets - before.out_packets,
            self.out_bytes - before.out_bytes,
            self.lost - before.lost,
            self.overflowed - before.overflowed,
            queue if queue > before.longest_queue_ms else 0.0,
            late,
            self.latest_ms if late and self.latest_ms > before.latest_ms else 0.0,
        )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LinkUnavailable(f"{' '.join(command)}: {done.stderr.strip()}")


def build_emulator() -> Path:
    """Compile the emulator once per source text and user; return the program."""
    for tool in ("gcc", "ip"):
        if shutil.which(tool) is None:
            raise LinkUnavailable(f"the program '{tool}' is missing")
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    flags = ("-O2", "-Wall", "-Wextra", "-Werror")
    return cached(
        f"link-emulator-{digest}",
        lambda path: _run("gcc", *flags, "-o", str(path), str(_SOURCE)),
    )


def remove_stale() -> None:
    """Remove namespaces of test runs that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        name = line.split(maxsplit=1)[0]
        owner = name.removeprefix(_PREFIX).split("x", maxsplit=1)[0]
        if name.startswith(_PREFIX) and not Path(f"/proc/{owner}").exists():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class EmulatedLink:
    """An emulated link with both its ends.

    Args:
        spec: What it is like at first, both ways.
        seed: Of the random numbers for loss and jitter.
    """

    def __init__(self, spec: LinkSpec = CLEAN, *, seed: int = 1) -> None:
        if os.geteuid() != 0:
            raise LinkUnavailable("network namespaces need root: run the tests as root")
        number = next(_numbers)
        self.spec = spec
        self.a = End(f"{_PREFIX}{os.getpid()}x{number}a", "10.77.0.1")
        self.b = End(f"{_PREFIX}{os.getpid()}x{number}b", "10.77.0.2")
        self._seed = seed
        self._process: asyncio.subprocess.Process | None = None
        self._asking = asyncio.Lock()
        self.up = asyncio.Event()
        """Whether anything passes, both ways; whoever carries messages beside the link waits for it."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._remove()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._remove()

    async def change(self, spec: LinkSpec, direction: Literal["ab", "ba", "both"] = "both") -> None:
        """Make the link like this from now on; packets on their way are not touched."""
        await self._order(f"{direction} {spec.order()}")
        if direction == "both":
            self.spec = spec
            if spec.down:
                self.up.clear()
            else:
                self.up.set()

    async def counters(self) -> dict[str, Counters]:
        """What has passed so far, for ``ab`` and ``ba``."""
        async with self._asking:
            await self._order("stats")
            answer = json.loads(await self._line())
        return {direction: Counters(**values) for direction, values in answer.items()}

    async def move_b(self, address: str) -> None:
        """Give side B another address, as a phone that changes from Wi-Fi to mobile data."""
        await asyncio.to_thread(self._readdress, address)
        self.b = End(self.b.namespace, address)

    async def _start(self) -> None:
        program = await asyncio.to_thread(build_emulator)
        await asyncio.to_thread(remove_stale)
        for end in (self.a, self.b):
            await asyncio.to_thread(self._make, end)
        self._process = await asyncio.create_subprocess_exec(
            program,
            self.a.namespace,
            self.b.namespace,
            _DEVICE,
            str(self._seed),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if await self._line() != "ready":
            raise LinkUnavailable("the link emulator did not start; see its message above")
        await self.change(self.spec)

    @staticmethod
    def _make(end: End) -> None:
        inside = ("ip", "-n", end.namespace)
        _run("ip", "netns", "add", end.namespace)
        _run(*inside, "tuntap", "add", "dev", _DEVICE, "mode", "tun")
        _run(*inside, "link", "set", _DEVICE, "addrgenmode", "none")
        _run(*inside, "addr", "add", f"{end.address}/24", "dev", _DEVICE)
        _run(*inside, "link", "set", _DEVICE, "up", "txqueuelen", "2000")
        _run(*inside, "link", "set", "lo", "up")
        _run(*inside, "route", "replace", "default", "dev", _DEVICE)

    def _readdress(self, address: str) -> None:
        inside = ("ip", "-n", self.b.namespace)
        _run(*inside, "addr", "del", f"{self.b.address}/24", "dev", _DEVICE)
        _run(*inside, "addr", "add", f"{address}/24", "dev", _DEVICE)
        _run(*inside, "route", "replace", "default", "dev", _DEVICE)

    async def _order(self, text: str) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise LinkUnavailable("the link is not up")
        process.stdin.write(text.encode() + b"\n")
        await process.stdin.drain()

    async def _line(self) -> str:
        process = self._process
        if process is None or process.stdout is None:
            raise LinkUnavailable("the link is not up")
        line = await asyncio.wait_for(process.stdout.readline(), _READY_TIMEOUT_S)
        return line.decode().strip()

    async def _remove(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
                with contextlib.suppress(ConnectionError):
                    await process.stdin.wait_closed()
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()
        for end in (self.a, self.b):
            command = ["ip", "netns", "del", end.namespace]
            await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
