"""Whether the clinic's server answers: the background watch (W1). Core thread.

A sign of life each five seconds, and none for three in a row means that the link is down: known within
fifteen seconds, and not at the first lost packet. While a clinician works, the line to the waiting room
asks in the same rhythm (:mod:`telemed_desk.sync.desk_socket`); this watch is for a locked PC, and needs
no key and tells the server nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from telemed_desk.sync.server_client import ServerClient
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.status import LinkWord
from telemed_protocol.errors import KnownError

EVERY_S = 5.0
MISSES = 3
ANSWER_S = 4.5
"""An answer later than this is a miss: three of them and their pauses fit into fifteen seconds."""
LinkNews = Callable[[LinkWord, float | None], None]


class LinkJudge:
    """Counts misses. Pure."""

    def __init__(self) -> None:
        self._missed = 0
        self._known = False

    def heard(self, rtt_ms: float) -> tuple[LinkWord, float | None]:
        """Take an answer."""
        self._missed, self._known = 0, True
        return "online", rtt_ms

    def missed(self) -> tuple[LinkWord, float | None] | None:
        """Take a miss; None = too early to say anything new.

        A link that has not answered once is not given the benefit of the doubt.
        """
        self._missed += 1
        if self._missed < MISSES and self._known:
            return None
        self._known = False
        return "offline", None


class LinkWatch:
    """Asks for a sign of life, and says what it means."""

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
            await ask_for_ever(client.health, self._tell)
        finally:
            await client.aclose()

    def _tell(self, word: LinkWord, rtt_ms: float | None) -> None:
        self._core.post(lambda: self._on_link(word, rtt_ms))


async def ask_for_ever(
    ask: Callable[[], Awaitable[object]],
    tell: LinkNews,
    *,
    every_s: float = EVERY_S,
    answer_s: float = ANSWER_S,
) -> None:
    """Ask until cancelled, and tell what the answers mean.

    Args:
        ask: One question; a known error is a miss.
        tell: Told of each answer, and of the link being down.
        every_s: From one question to the next.
        answer_s: How long an answer may take.
    """
    judge = LinkJudge()
    while True:
        started = time.monotonic()
        try:
            async with asyncio.timeout(answer_s):
                await ask()
        except (KnownError, TimeoutError):
            news = judge.missed()
        else:
            news = judge.heard((time.monotonic() - started) * 1000)
        if news is not None:
            tell(*news)
        await asyncio.sleep(max(0.0, every_s - (time.monotonic() - started)))
