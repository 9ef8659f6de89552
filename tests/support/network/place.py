"""A thread with an event loop inside a network namespace: its sockets belong there.

::

    async with Place(town["desk"].namespace) as place:
        call = await place.run(make_a_call)      # a coroutine function
"""

import asyncio
import ctypes
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000


class Place:
    """Runs coroutines in a namespace; threads that they start are there too."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.loop: asyncio.AbstractEventLoop | None = None
        self._entered = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._live, name=f"place {namespace}")

    async def __aenter__(self) -> Self:
        self._thread.start()
        await asyncio.to_thread(self._entered.wait)
        if self._error is not None:
            raise self._error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)
        await asyncio.to_thread(self._thread.join)

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function there and return what it returns."""
        assert self.loop is not None

        async def inside() -> T:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(inside(), self.loop))

    async def do(self, work: Callable[[], T]) -> T:
        """Call a plain function on the loop there."""

        async def inside() -> T:
            return work()

        return await self.run(inside)

    def _live(self) -> None:
        try:
            enter(self._namespace)
        except OSError as error:
            self._error = error
            self._entered.set()
            return
        loop = asyncio.SelectorEventLoop()
        self.loop = loop
        asyncio.set_event_loop(loop)
        self._entered.set()
        try:
            loop.run_forever()
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


def enter(namespace: str) -> None:
    """Move the calling thread into a network namespace. Raises OSError."""
    handle = os.open(Path("/run/netns") / namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)
