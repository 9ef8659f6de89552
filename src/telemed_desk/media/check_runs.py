"""The self-check's runs inside the media process: at most one of each kind, and a call ends them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from telemed_desk.media.camera_check import look_for_the_chart
from telemed_desk.media.control import (
    ChecksDone,
    Fault,
    FromMedia,
    LookForChart,
    RunDeviceChecks,
    RunLinkProbe,
    RunLinkTrial,
)
from telemed_desk.media.device_checks import run_device_checks
from telemed_desk.media.station import Station
from telemed_protocol.errors import KnownError

Send = Callable[[FromMedia], object]
Run = RunDeviceChecks | RunLinkTrial | RunLinkProbe | LookForChart


class CheckRuns:
    """Starts and stops them. Loop thread.

    Args:
        station: The devices.
        send: Tells the desk something.
    """

    def __init__(self, station: Station, send: Send) -> None:
        self._station = station
        self._send = send
        self._runs: dict[type, tuple[str, asyncio.Task[None]]] = {}

    def start(self, message: Run, *, in_call: bool) -> None:
        """Begin a run; one of the same kind ends. Never beside a call."""
        if in_call:
            self._send(Fault("checks-in-call", message.run))
            self._send(ChecksDone(message.run))
            return
        held = self._runs.get(type(message))
        if held is not None:
            held[1].cancel()
        task = asyncio.create_task(self._carry_out(message), name=f"checks {message.run}")
        self._runs[type(message)] = (message.run, task)

    def stop(self, run: str) -> None:
        """End a run, if it is still going on."""
        for held, task in self._runs.values():
            if held == run:
                task.cancel()

    def stop_all(self) -> None:
        """End all runs: a call begins."""
        for _, task in self._runs.values():
            task.cancel()

    async def close(self) -> None:
        """End all runs, and wait until they have let go."""
        self.stop_all()
        await asyncio.gather(*(task for _, task in self._runs.values()), return_exceptions=True)

    async def _carry_out(self, message: Run) -> None:
        moved_bytes = 0
        try:
            if isinstance(message, RunLinkTrial):
                trial = await asyncio.to_thread(_load_link_trial)
                moved_bytes = await trial(message, self._send)
            elif isinstance(message, RunLinkProbe):
                begun = time.monotonic()
                probe = await asyncio.to_thread(_load_link_probe)
                late_s = message.late_s + time.monotonic() - begun
                moved_bytes = await probe(replace(message, late_s=late_s), self._send)
            elif isinstance(message, LookForChart):
                await look_for_the_chart(message.run, self._station, self._send)
            else:
                await run_device_checks(message, self._station, self._send)
        except KnownError as error:
            self._send(Fault(error.code, error.detail))
        finally:
            self._send(ChecksDone(message.run, moved_bytes))


def _load_link_trial() -> Callable[[RunLinkTrial, Send], Awaitable[int]]:
    from telemed_desk.media.link_trial import (  # noqa: PLC0415 - aiortc takes most of a second to load
        run_link_trial,
    )

    return run_link_trial


def _load_link_probe() -> Callable[[RunLinkProbe, Send], Awaitable[int]]:
    from telemed_desk.media.probe.run import (  # noqa: PLC0415 - as above
        run_link_probe,
    )

    return run_link_probe
