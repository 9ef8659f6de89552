"""The ``core`` thread: one asyncio loop for server, sync and the media process.

The GUI never awaits and never blocks: it hands coroutines in, and results come back as calls that
``post`` carries to the GUI thread. On Windows the loop is a ``SelectorEventLoop``, because the
proactor's UDP and pipes have defects (docs/architecture.md, "Two processes").
"""

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
Post = Callable[[Callable[[], None]], None]
"""Runs a call on the GUI thread, soon; safe from any thread."""

_LAST_WORDS_S = 1.0

_log = structlog.get_logger("core")


class CoreThread:
    """Owns the loop and its thread.

    Args:
        post: How results travel to the GUI thread.
        on_bug: Told of an exception that no use case expected; called on the core thread.
    """

    def __init__(self, post: Post, on_bug: Callable[[BaseException], None]) -> None:
        self.post = post
        self._on_bug = on_bug
        self.loop = asyncio.SelectorEventLoop(selectors.DefaultSelector())
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="core", daemon=True)

    def start(self) -> None:
        """Start the thread; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        """End what outlived :meth:`stop`: a second cancellation cuts farewells short."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LAST_WORDS_S)
        await asyncio.sleep(0)  # connections that were let go of are told so

    def run(
        self, coroutine: Coroutine[Any, Any, T], done: Callable[[T], None] | None = None
    ) -> None:
        """Run a coroutine on the core thread; ``done`` gets its result on the GUI thread.

        An exception that escapes is a bug: use cases turn known errors into values.
        """
        self.loop.call_soon_threadsafe(self._spawn, coroutine, done)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine and return its future. Never wait for it on the GUI thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, function: Callable[[], None]) -> None:
        """Run a plain function on the core thread, soon."""
        self.loop.call_soon_threadsafe(function)

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Start a task that nobody awaits. Core thread only; the reference is kept here."""
        task = self.loop.create_task(coroutine)
        self._keep(task)
        return task

    def _spawn(self, coroutine: Coroutine[Any, Any, T], done: Callable[[T], None] | None) -> None:
        task = self.loop.create_task(coroutine)
        self._keep(task)
        if done is not None:
            deliver = done

            def finished(ended: "asyncio.Task[T]") -> None:
                if not ended.cancelled() and ended.exception() is None:
                    result = ended.result()
                    self.post(lambda: deliver(result))

            task.add_done_callback(finished)

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task_failed", error_type=type(error).__name__)
            self._on_bug(error)

    def stop(self, timeout_s: float = 3.0) -> None:
        """Cancel all tasks, end the loop and wait for the thread."""

        async def drain() -> None:
            tasks = [t for t in self._tasks if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        if not self._thread.is_alive():
            return
        try:
            self.submit(drain()).result(timeout_s)
        except TimeoutError:
            _log.warning("core_slow_stop")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout_s)
