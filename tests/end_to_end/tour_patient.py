"""The patient of the tour, on a thread of its own: Chromium, or else our own headless peer."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.end_to_end.patient import Patient, patient_at
from tests.support.chromium import BrowserOptions, ChromiumMissing, find_chromium
from tests.support.media import speech_file, talk_file

T = TypeVar("T")
Pump = Callable[[Callable[[], object], str], None]


class TourPatient(Protocol):
    """What the tour asks of a patient; every call returns at once, its future tells the end."""

    name: str
    is_degraded: bool

    def open(self, url: str) -> "Future[None]": ...
    def join(self, year: int) -> "Future[None]": ...
    def sees_and_hears(self) -> "Future[None]": ...
    def take_photo(self) -> "Future[None]": ...
    def ended(self) -> "Future[None]": ...
    def screenshot(self, path: Path) -> bool: ...
    def stop(self) -> None: ...


class _Threaded:
    """An asyncio loop beside Qt's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="patient", daemon=True)
        self._thread.start()
        self._stack = contextlib.AsyncExitStack()

    def _run(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Close the browser or the peer, then the loop."""
        self._run(self._stack.aclose()).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


HEARS = """(async () => {
  const stream = document.querySelector('#remote').srcObject;
  const context = new AudioContext();
  await context.resume();
  const ear = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(ear);
  const samples = new Float32Array(ear.fftSize);
  for (let n = 0; n < 200; n += 1) {
    await new Promise(done => setTimeout(done, 50));
    ear.getFloatTimeDomainData(samples);
    if (samples.some(s => Math.abs(s) > 0.02)) { await context.close(); return true; }
  }
  await context.close();
  return false;
})()"""


class ChromiumPatient(_Threaded):
    """Our page in a real browser."""

    name = "Chromium"
    is_degraded = False

    def __init__(self) -> None:
        super().__init__()
        self._patient: Patient | None = None

    @property
    def _page(self) -> Patient:
        assert self._patient is not None, "the link was not opened"
        return self._patient

    def open(self, url: str) -> "Future[None]":
        """Open the link on a phone."""

        async def run() -> None:
            options = BrowserOptions(
                camera_file=talk_file(1280, 720), microphone_file=speech_file()
            )
            self._patient = await self._stack.enter_async_context(patient_at(url, options))

        return self._run(run())

    def join(self, year: int) -> "Future[None]":
        """Say who it is, agree, and wait."""
        return self._run(self._page.join(year))

    def sees_and_hears(self) -> "Future[None]":
        """The doctor's picture moves and the sound is there."""

        async def run() -> None:
            await self._page.sees_the_doctor()
            if not await self._page.page.evaluate(HEARS):
                raise AssertionError("the doctor is not heard")

        return self._run(run())

    def take_photo(self) -> "Future[None]":
        """Agree to the photo that the doctor asks for."""
        return self._run(self._page.page.click("#take-photo"))

    def ended(self) -> "Future[None]":
        """See that the visit is over."""
        return self._run(
            self._page.page.wait_for("document.body.innerText.includes('has ended')", 60)
        )

    def screenshot(self, path: Path) -> bool:
        """Keep what the phone shows."""
        if self._patient is None:
            return False
        self._run(self._patient.page.screenshot(path)).result(30)
        return True


class PeerPatient(_Threaded):
    """Our own headless peer: the tour is degraded, since no browser is shown to work."""

    name = "headless peer"
    is_degraded = True

    def __init__(self) -> None:
        super().__init__()
        self._patient: Any = None

    @property
    def _peer(self) -> Any:
        assert self._patient is not None, "the link was not opened"
        return self._patient

    def open(self, url: str) -> "Future[None]":
        """Open the link."""

        async def run() -> None:
            # Only a machine without Chromium loads our own engine into this process.
            from tests.end_to_end.headless_patient import headless_patient_at  # noqa: PLC0415

            self._patient = await self._stack.enter_async_context(headless_patient_at(url))

        return self._run(run())

    def join(self, year: int) -> "Future[None]":
        """Say who it is, agree, and wait."""
        return self._run(self._peer.join(year))

    def sees_and_hears(self) -> "Future[None]":
        """The doctor's picture moves and the sound is there."""

        async def run() -> None:
            await self._peer.sees_the_doctor()
            await self._peer.hears_the_doctor()

        return self._run(run())

    def take_photo(self) -> "Future[None]":
        """Agree to the photo that the doctor asks for."""

        async def run() -> None:
            await self._peer.take_photo()

        return self._run(run())

    def ended(self) -> "Future[None]":
        """See that the visit is over."""

        async def run() -> None:
            await self._peer.ended()

        return self._run(run())

    def screenshot(self, path: Path) -> bool:
        """There is nothing to see."""
        del path
        return False


def make_patient(*, without_chromium: bool) -> ChromiumPatient | PeerPatient:
    """Return the best patient this machine has."""
    if without_chromium:
        return PeerPatient()
    try:
        find_chromium()
    except ChromiumMissing:
        return PeerPatient()
    return ChromiumPatient()
