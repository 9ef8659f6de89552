"""Programs of ours in a namespace, spoken to in lines."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.devices.camera_double import CameraDouble
from tests.support.link.emulated import End

START_S = 90.0
_LINE_LIMIT = 1 << 22
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
"""Of this machine's environment: no proxy, no certificates of its own."""


class ProgramError(Exception):
    """A program ended, or did not answer in time; the text has what it complained of."""


class Program:
    """A running one."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: Path) -> None:
        self._process = process
        self._complaints = complaints

    async def line(self, limit_s: float = START_S) -> str:
        """Return the next line that it says. Raises ProgramError."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(limit_s):
                said = await self._process.stdout.readline()
        except TimeoutError as error:
            raise ProgramError(f"nothing within {limit_s:.0f} s; {self._log()}") from error
        if not said:
            raise ProgramError(f"it ended; {self._log()}")
        return said.decode().strip()

    async def say(self, text: str) -> None:
        """Write a line to it. Raises ProgramError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise ProgramError(f"it ended; {self._log()}") from error

    def _log(self) -> str:
        return self._complaints.read_text(errors="replace")[-1500:]

    async def close(self) -> None:
        """Let it end, or end it, with all that it started."""
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


@asynccontextmanager
async def program(
    end: End,
    folder: Path,
    module: str,
    *words: str,
    env: Mapping[str, str] | None = None,
    package: str = "benchmarks.prediction",
    cameras: CameraDouble | None = None,
) -> AsyncIterator[Program]:
    """Run a module of this package on one side of a link.

    Args:
        end: The side.
        folder: For what it says on standard error.
        module: Of ``package``.
        words: Its arguments.
        env: Beside the little that is kept of ours.
        package: Where the module is.
        cameras: Those that it sees; None = this machine's.
    """
    complaints = folder / f"{module}-{len(words)}.log"
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    python = ["-m", f"{package}.{module}", *words]
    command = [sys.executable, *python] if cameras is None else cameras.command(python)
    with complaints.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *end.command(*command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**kept, **(env or {})},
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
    running = Program(process, complaints)
    try:
        yield running
    finally:
        await running.close()
