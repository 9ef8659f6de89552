"""The endpoint protocol's frame: JSON lines, commands on standard input, events on standard output."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

MAX_LINE_CHARS = 1 << 20
"""An SDP is some kilobytes; whatever is longer is not for us."""


class JsonLines:
    """Reads on a thread of its own, so that it works where a loop cannot watch pipes (Windows)."""

    def __init__(self) -> None:
        self._writing = threading.Lock()

    def emit(self, event: str, **values: Any) -> None:
        """Write an event with the time of now (``wall``, Unix ms). Any thread."""
        line = json.dumps({"ev": event, "wall": time.time() * 1000, **values})
        with self._writing:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    async def commands(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each command, until standard input ends. A line that is no JSON object is an event."""
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[str] = asyncio.Queue()

        def read() -> None:
            while True:
                line = sys.stdin.readline(MAX_LINE_CHARS)
                try:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
                except RuntimeError:  # the loop has ended before its input did
                    return
                if not line:
                    return

        threading.Thread(target=read, name="commands", daemon=True).start()
        while line := await lines.get():
            try:
                command = json.loads(line)
            except ValueError:
                self.emit("error", e="a line that is not JSON")
                continue
            if isinstance(command, dict):
                yield command
            else:
                self.emit("error", e="a line that is not a JSON object")
