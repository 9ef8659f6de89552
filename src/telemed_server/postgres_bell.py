"""LISTEN and NOTIFY as a bell: clinics' ids, sent after the data was committed, never with it.

A NOTIFY inside the data's transaction takes a lock of the whole PostgreSQL server at commit; the study
of this design measured 3,464 changes a second without and 1,131 with it. Outside, a ring may be lost:
whoever listens looks by itself every few seconds as well (:mod:`telemed_server.neighbours`).
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from telemed_server.address import StoreAddress

CHANNEL: Final = "telemed_server"
MAX_CLINICS: Final = 200
"""In one message: PostgreSQL takes up to 7,999 bytes."""
_HELD_S: Final = 10.0
_AGAIN_AFTER_S: Final = (0.2, 0.5, 1.0, 2.0)


class PostgresBell:
    """Two connections: one that listens, one that rings. Event loop only."""

    def __init__(self, address: StoreAddress) -> None:
        self._arguments: dict[str, Any] = address.connect_arguments()
        self._name = secrets.token_hex(4)
        self._to_ring: set[bytes] = set()
        self._wake = asyncio.Event()

    def ring(self, clinic: bytes) -> None:
        """Have the other processes look at a clinic soon; rings for one clinic become one."""
        self._to_ring.add(clinic)
        self._wake.set()

    async def keep(self, heard: Callable[[set[bytes] | None], None]) -> None:
        """Send and receive until cancelled; connect again whenever a connection is lost.

        Args:
            heard: Gets clinics that changed elsewhere; None after connecting: rings may have been
                missed.
        """
        async with asyncio.TaskGroup() as both:
            both.create_task(self._again_and_again(lambda: self._listen(heard)), name="listen")
            both.create_task(self._again_and_again(self._send), name="ring")

    async def _again_and_again(self, work: Callable[[], Any]) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await work()
            except psycopg.Error:
                if time.monotonic() - began > _HELD_S:
                    failures = 0
                pause_s = _AGAIN_AFTER_S[min(failures, len(_AGAIN_AFTER_S) - 1)]
                failures += 1
                await asyncio.sleep(pause_s)

    async def _connect(self) -> "psycopg.AsyncConnection[Any]":
        return await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)

    async def _listen(self, heard: Callable[[set[bytes] | None], None]) -> None:
        async with await self._connect() as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            heard(None)
            async for notice in connection.notifies():
                sender, _, ids = notice.payload.partition(":")
                if sender != self._name:
                    with contextlib.suppress(ValueError):  # another program's words
                        heard({bytes.fromhex(text) for text in ids.split(",") if text})

    async def _send(self) -> None:
        async with await self._connect() as connection:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._to_ring:
                    some = [
                        self._to_ring.pop() for _ in range(min(MAX_CLINICS, len(self._to_ring)))
                    ]
                    words = f"{self._name}:{','.join(clinic.hex() for clinic in some)}"
                    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, words))
