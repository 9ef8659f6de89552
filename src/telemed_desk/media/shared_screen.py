"""The screen that is shared with all others of a consultation: grabbed once, sent by each call."""

import asyncio
from collections.abc import Callable

from telemed_desk.media import control
from telemed_desk.media.ports import PictureSource
from telemed_desk.media.sources.screen import open_screen


class SharedScreen:
    """Loop thread.

    Args:
        report: Thread-safe way to tell the desk something.
    """

    def __init__(self, report: Callable[[control.FromMedia], None]) -> None:
        self._report = report
        self._close: Callable[[], None] | None = None
        self.source: PictureSource | None = None

    async def open(self, text: str) -> None:
        """Grab what the spec names, in place of what was grabbed. Raises SpecNotUnderstood."""
        await self._stop()
        self.source, self._close = open_screen(text, self._on_state)
        self._report(control.ScreenState(on=True))

    async def close(self) -> None:
        """Grab no longer; harmless when nothing is."""
        if self.source is not None:
            await self._stop()
            self._report(control.ScreenState(on=False))

    async def _stop(self) -> None:
        close, self._close, self.source = self._close, None, None
        if close is not None:
            await asyncio.to_thread(close)

    def _on_state(self, code: str, detail: str) -> None:
        self._report(control.ScreenState(on=self.source is not None, code=code, detail=detail))
