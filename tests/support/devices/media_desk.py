"""The desk's ear in tests of the media process: keeps what it hears and waits for more."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from telemed_desk.media import control
from telemed_desk.media.client import COMMAND, MediaProcess
from telemed_desk.media.frames import Frame, FrameReader
from tests.support.waiting import until

WAIT_S = 45.0
MessageT = TypeVar("MessageT", bound=control.FromMedia)


class ListeningDesk:
    """Give its two methods to a :class:`MediaProcess`."""

    def __init__(self) -> None:
        self.heard: list[control.FromMedia] = []
        self.deaths = 0
        self._changed = asyncio.Event()

    def on_message(self, message: control.FromMedia) -> None:
        self.heard.append(message)
        self._changed.set()

    def on_died(self) -> None:
        self.deaths += 1
        self._changed.set()

    def media(self, command: Sequence[str] = COMMAND) -> MediaProcess:
        return MediaProcess(self.on_message, self.on_died, command=command)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            told = [m for m in self.heard if not isinstance(m, control.Level | control.CallStats)]
            raise AssertionError(f"not within {WAIT_S:.0f} s: {what}; heard {told}") from None

    def of(self, kind: type[MessageT]) -> list[MessageT]:
        return [message for message in self.heard if isinstance(message, kind)]

    async def first(
        self, kind: type[MessageT], fits: Callable[[MessageT], bool] = lambda _message: True
    ) -> MessageT:
        await self.until(lambda: any(map(fits, self.of(kind))), f"a {kind.__name__}")
        return next(message for message in self.of(kind) if fits(message))


async def next_frame(memory: str, fits: Callable[[Frame], bool] = lambda _frame: True) -> Frame:
    """Return the next picture in a stream's memory that fits."""
    reader = FrameReader(memory)
    frames: list[Frame] = []

    def came() -> bool:
        frame = reader.newest()
        if frame is not None and fits(frame):
            frames.append(frame)
        return bool(frames)

    try:
        await until(came, "a picture", WAIT_S)
    finally:
        reader.close()
    return frames[0]
