"""The one thread that writes: one transaction per action, in the order in which they were asked for."""

import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from telemed_desk.vault.connection import translate
from telemed_desk.vault.problems import DiskFull, VaultDamaged, VaultLocked
from telemed_desk.vault.values import Change
from telemed_protocol.op import Op
from telemed_protocol.segment import SealedSegment

T = TypeVar("T")


@dataclass(slots=True)
class Transaction:
    """What a job works with.

    Attributes:
        connection: Inside ``BEGIN IMMEDIATE``.
        changes: What listeners are told after the commit.
        after_commit: Run in the writer thread once it is durable; must not raise.
        sealed: Segments of this PC that it stores, and the ops inside.
        receipts: How many segments turned out to be on the server.
    """

    connection: sa.Connection
    changes: set[Change] = field(default_factory=set)
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    sealed: list[tuple[SealedSegment, tuple[Op, ...]]] = field(default_factory=list)
    receipts: int = 0


class Companion(Protocol):
    """What is kept in step with the database: the outbox journal. Called in the writer thread."""

    def before_commit(self, transaction: Transaction) -> None:
        """Make durable what the transaction adds, or raise so that it is rolled back."""
        ...

    def committed(self) -> None:
        """It is committed."""
        ...

    def aborted(self) -> None:
        """It was rolled back, wherever it failed."""
        ...

    def after_receipt(self, connection: sa.Connection) -> None:
        """Receipts are durable; must not raise."""
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    job: Callable[[Transaction], Any]
    future: "Future[Any]"


class Writer:
    """Owns the write engine. A future is fulfilled only after COMMIT returned.

    Args:
        engine: Used by this thread only.
        companion: Kept in step with each commit.
        on_commit: Called in the writer thread with what changed.
        on_full: Called in the writer thread after a transaction failed for want of space.
        on_damaged: Called in the writer thread after a page did not verify.
    """

    def __init__(
        self,
        engine: sa.Engine,
        companion: Companion,
        on_commit: Callable[[frozenset[Change]], None],
        on_full: Callable[[], None],
        on_damaged: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._companion = companion
        self._on_commit = on_commit
        self._on_full = on_full
        self._on_damaged = on_damaged
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="vault-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[Transaction], T]) -> "Future[T]":
        """Queue a job; any thread. The future carries its result or a known error."""
        future: Future[T] = Future()
        with self._gate:
            if self._closed:
                future.set_exception(VaultLocked())
            else:
                self._tasks.put(_Task(job, future))
        return future

    def close(self) -> None:
        """Finish what is queued, then stop. Must not be called from the writer thread."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            if task.future.set_running_or_notify_cancel():
                self._perform(task)
        self._engine.dispose()

    def _perform(self, task: _Task) -> None:
        transaction: Transaction | None = None
        try:
            with self._engine.begin() as connection:
                transaction = Transaction(connection)
                result = task.job(transaction)
                self._companion.before_commit(transaction)
        except BaseException as error:  # noqa: BLE001 - task sink: handed to whoever waits
            self._companion.aborted()
            known = translate(error) or error
            if isinstance(known, DiskFull):
                self._on_full()
            elif isinstance(known, VaultDamaged):
                self._on_damaged()
            if known is not error:
                known.__suppress_context__ = True
            task.future.set_exception(known)
            return
        self._companion.committed()
        for after in transaction.after_commit:
            after()
        if transaction.receipts:
            with self._engine.connect() as connection:
                self._companion.after_receipt(connection)
        task.future.set_result(result)
        if transaction.changes:
            try:
                self._on_commit(frozenset(transaction.changes))
            except Exception:  # noqa: BLE001 - task sink: a listener's bug must not stop saving
                hook_args = (*sys.exc_info(), threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(hook_args))
