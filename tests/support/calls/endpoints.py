"""The two kinds of call ends: a page in a real browser, and a program that speaks JSON lines.

The endpoint protocol. Commands, one JSON object a line on the program's standard input:

* ``{"cmd": "prepare"}``: open camera and microphone; answered by ``{"ev": "ready"}``
* ``{"cmd": "offer", "cfg": {"iceServers": [...], "restarts": bool}}``: begin a call; leads to
  ``{"ev": "offer", "sdp"}``. With ``restarts``, a browser looks for a new path when this one is gone;
  an end that does so by itself ignores the word
* ``{"cmd": "onoffer", "sdp", "cfg"}``: an offer came, also in a running call (ICE restart); leads to
  ``{"ev": "answer", "sdp"}``
* ``{"cmd": "onanswer", "sdp"}``, ``{"cmd": "candidate", "c": {candidate, sdpMid, sdpMLineIndex}}``
* ``{"cmd": "finish", "out": DIR}``: write data.npz, thumbs.npz and stats.json there, and leave

Events, each with ``wall`` (Unix ms): ``click``, ``offer``, ``answer``, ``reoffer`` (``sdp``; a restart),
``candidate`` (``c``), ``connectionState`` (``v``), ``channel`` (``label``), ``firstframe``,
``error`` (``e``).
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support.calls.recording import Recording, from_browser, from_files
from tests.support.chromium import BrowserOptions, running_chromium
from tests.support.link.emulated import End
from tests.support.media import speech_file, talk_file
from tests.support.page import Page, Route

_HERE = Path(__file__).parent
_ORIGIN = "https://call.test"
_READY_TIMEOUT_S = 60.0
_FINISH_TIMEOUT_S = 40.0
_LINE_LIMIT = 1 << 24

Event = dict[str, Any]


class EndpointError(Exception):
    """An end of the call died or refused a command."""


@dataclass(frozen=True)
class Film:
    """What the camera sees: size, pictures in the loop, and pictures a second."""

    width: int = 640
    height: int = 360
    pictures: int = 300
    fps: int = 30

    def file(self) -> Path:
        """Return the y4m, made if need be."""
        return talk_file(self.width, self.height, self.pictures, self.fps)


class Endpoint(Protocol):
    """One end of a call."""

    kind: str
    events: asyncio.Queue[Event]

    @property
    def session_pid(self) -> int:
        """Session (see setsid) of all its processes, to count their processor time."""

    async def send(self, command: Event) -> None:
        """Give a command of the endpoint protocol (not ``prepare`` or ``finish``)."""

    async def finish(self) -> Recording:
        """End the call and return what was recorded."""


class BrowserEndpoint:
    """The page of ``endpoint.html`` in a Chromium of its own."""

    kind = "chromium"

    def __init__(self, page: Page, pid: int) -> None:
        self.page = page
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._pid = pid
        self._pump = asyncio.create_task(self._forward())

    @property
    def session_pid(self) -> int:
        """The browser leads a session of its own."""
        return self._pid

    async def send(self, command: Event) -> None:
        """Run it in the page."""
        await self.page.evaluate(f"endpoint.obey({json.dumps(command)})")

    async def finish(self) -> Recording:
        """Fetch the record out of the page."""
        numbers = await self.page.evaluate("endpoint.numbers()")
        said = await self.page.evaluate("endpoint.said()")
        heard = await self.page.evaluate("endpoint.heard()")
        samples = await self.page.evaluate("endpoint.samples()")
        return from_browser(numbers, said, heard, samples)

    async def close(self) -> None:
        """Stop listening; the browser itself is closed by who started it."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump

    async def _forward(self) -> None:
        while True:
            self.events.put_nowait(json.loads(await self.page.emitted.get()))


@asynccontextmanager
async def browser_endpoint(
    end: End, film: Film, *, patients_page: bool = True
) -> AsyncIterator[BrowserEndpoint]:
    """Start a browser on one side of a link, camera and microphone open.

    Args:
        patients_page: Answer as the patient's page does (no parity for itself); False = as any page.
    """
    camera = await asyncio.to_thread(film.file)
    microphone = await asyncio.to_thread(speech_file)
    options = BrowserOptions(
        namespace=end.namespace,
        camera_file=camera,
        microphone_file=microphone,
        hide_local_addresses=False,
    )
    routes = {
        f"{_ORIGIN}/": Route((_HERE / "endpoint.html").read_bytes()),
        f"{_ORIGIN}/endpoint.js": Route(
            (_HERE / "endpoint.js").read_bytes(), "text/javascript; charset=utf-8"
        ),
    }
    async with running_chromium(options) as browser:
        page = await browser.open_page(f"{_ORIGIN}/", routes=routes)
        wanted = {
            "width": film.width,
            "height": film.height,
            "fps": film.fps,
            "parity": not patients_page,
        }
        await page.evaluate(f"endpoint.prepare({json.dumps(wanted)})", _READY_TIMEOUT_S)
        endpoint = BrowserEndpoint(page, browser.pid)
        try:
            yield endpoint
        finally:
            await endpoint.close()


class ProgramEndpoint:
    """A program that speaks the endpoint protocol."""

    def __init__(self, kind: str, process: asyncio.subprocess.Process, out: Path) -> None:
        self.kind = kind
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._process = process
        self._out = out
        self._pump = asyncio.create_task(self._forward())

    @property
    def session_pid(self) -> int:
        """The program leads a session of its own."""
        return self._process.pid

    async def send(self, command: Event) -> None:
        """Write it as a line."""
        if self._process.stdin is None or self._process.returncode is not None:
            raise EndpointError(f"{self.kind} has ended with {self._process.returncode}")
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def prepare(self) -> None:
        """Wait until its devices are open."""
        await self.send({"cmd": "prepare"})
        while (event := await asyncio.wait_for(self.events.get(), _READY_TIMEOUT_S))[
            "ev"
        ] != "ready":
            if event["ev"] in ("error", "gone"):
                raise EndpointError(f"{self.kind}: {event}")

    async def finish(self) -> Recording:
        """Let it write its files and leave, and read them."""
        await self.send({"cmd": "finish", "out": str(self._out)})
        await asyncio.wait_for(self._process.wait(), _FINISH_TIMEOUT_S)
        return await asyncio.to_thread(from_files, self._out)

    async def close(self) -> None:
        """Kill what is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
        await self._process.wait()
        await self._pump

    async def _forward(self) -> None:
        if self._process.stdout is None:
            return
        while line := await self._process.stdout.readline():
            self.events.put_nowait(json.loads(line))
        self.events.put_nowait({"ev": "gone", "wall": 0.0})


@asynccontextmanager
async def program_endpoint(
    end: End, kind: str, command: Sequence[str], folder: Path
) -> AsyncIterator[ProgramEndpoint]:
    """Start a program on one side of a link, camera and microphone open.

    Args:
        end: The side.
        kind: Its name in reports.
        command: Program and arguments; where its film and speech come from is its own affair.
        folder: For its files and what it says on standard error.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with (folder / "stderr.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *end.command(*command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
    endpoint = ProgramEndpoint(kind, process, folder)
    try:
        try:
            await endpoint.prepare()
        except (EndpointError, TimeoutError) as error:
            said = (folder / "stderr.log").read_text(errors="replace")[-3000:]
            raise EndpointError(f"{kind} did not get ready: {said}") from error
        yield endpoint
    finally:
        await endpoint.close()
