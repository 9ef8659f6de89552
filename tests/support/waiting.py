"""Wait for a condition instead of sleeping a guessed time."""

import asyncio
import time
from collections.abc import Callable

_POLL_S = 0.02


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Return as soon as ``condition()`` holds. Raises AssertionError, naming ``what``, on time-out.

    For conditions that nobody can announce (another process, the kernel); where there is an event,
    await that.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}")
        await asyncio.sleep(_POLL_S)
