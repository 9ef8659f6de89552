"""Whether the clinic's server can be reached while this PC is locked. Core thread."""

import asyncio
import time
from collections.abc import Callable

from telemed_desk.sync.server_client import ServerClient
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.status import LinkWord
from telemed_protocol.errors import KnownError

EVERY_S = 10.0
LinkNews = Callable[[LinkWord, float | None], None]


class LinkWatch:
    """Asks for a sign of life every ten seconds; needs no key and tells the server nothing."""

    def __init__(self, core: CoreThread, on_link: LinkNews) -> None:
        self._core = core
        self._on_link = on_link
        self._task: asyncio.Task[None] | None = None

    def watch(self, server_url: str) -> None:
        """Start asking, or ask another server. GUI thread; answers come on the GUI thread."""
        self._core.call(lambda: self._watch(server_url))

    def stop(self) -> None:
        """Stop asking."""
        self._core.call(self._stop)

    def _watch(self, server_url: str) -> None:
        self._stop()
        if server_url:
            self._task = self._core.spawn(self._ask(server_url))

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ask(self, server_url: str) -> None:
        try:
            client = ServerClient(server_url)
        except KnownError:
            self._tell("offline", None)
            return
        try:
            while True:
                started = time.monotonic()
                try:
                    await client.health()
                except KnownError:
                    self._tell("offline", None)
                else:
                    self._tell("online", (time.monotonic() - started) * 1000)
                await asyncio.sleep(EVERY_S)
        finally:
            await client.aclose()

    def _tell(self, word: LinkWord, rtt_ms: float | None) -> None:
        self._core.post(lambda: self._on_link(word, rtt_ms))
