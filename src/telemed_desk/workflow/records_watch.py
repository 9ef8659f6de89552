"""What the screens list, read again whenever the vault changed, off both loops. Core thread."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from telemed_desk.vault import Vault
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.day import Records, read_records
from telemed_protocol.errors import KnownError

RECORDS_EVERY_S = 0.3
_log = structlog.get_logger("session")


class RecordsWatch:
    """Reads at most three times a second, and never two readings at once.

    Args:
        vault: What is read.
        spawn: Runs a task on the core thread.
        on_records: Gets what was read.
    """

    def __init__(
        self,
        vault: Vault,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        on_records: Callable[[Records], None],
    ) -> None:
        self._vault = vault
        self._spawn = spawn
        self._on_records = on_records
        self._due = self._reading = self._closed = False

    def changed(self) -> None:
        """The vault holds something new."""
        self._due = True
        if not self._reading and not self._closed:
            self._reading = True
            self._spawn(self._read())

    def close(self) -> None:
        """Read no more."""
        self._closed = True

    async def _read(self) -> None:
        try:
            while self._due and not self._closed:
                self._due = False
                records = await asyncio.to_thread(read_records, self._vault, wall_ms())
                self._on_records(records)
                await asyncio.sleep(RECORDS_EVERY_S)
        except KnownError as error:
            _log.info("records_not_read", code=error.code)
        finally:
            self._reading = False
