"""Two namespaces on one wire: neighbours in one network, who hear each other's multicast.

::

    async with Lane() as lane:
        ...  # lane.a and lane.b are houses
"""

import asyncio
import itertools
import os
import subprocess
from types import TracebackType
from typing import Self

from tests.support.link.emulated import LinkUnavailable, remove_stale
from tests.support.network.town import House, run_ip

_numbers = itertools.count()


class Lane:
    """Needs root and ``ip``."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise LinkUnavailable("network namespaces need root: run the tests as root")
        prefix = f"tdlink{os.getpid()}x{next(_numbers)}l"
        self.a, self.b = (
            House(f"{prefix}{number}", "em0", f"10.83.0.{number}", "") for number in (1, 2)
        )

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

    def _build(self) -> None:
        remove_stale()
        for house in (self.a, self.b):
            run_ip("netns", "add", house.namespace)
        ends = ("dev", "em0", "type", "veth", "peer", "name", "em0", "netns", self.b.namespace)
        run_ip("-n", self.a.namespace, "link", "add", *ends)
        for house in (self.a, self.b):
            inside = ("-n", house.namespace)
            run_ip(*inside, "link", "set", "em0", "addrgenmode", "none")
            run_ip(*inside, "addr", "add", f"{house.v4}/24", "dev", "em0")
            run_ip(*inside, "link", "set", "em0", "up")
            run_ip(*inside, "link", "set", "lo", "up")
            run_ip(*inside, "route", "add", "default", "dev", "em0")  # multicast goes that way too

    def _remove(self) -> None:
        for house in (self.a, self.b):
            command = ["ip", "netns", "del", house.namespace]
            subprocess.run(command, capture_output=True, check=False)
