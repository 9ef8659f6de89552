"""The wall clock, in the one place where the workflow asks for it."""

import time


def wall_ms() -> int:
    """Return Unix milliseconds UTC."""
    return time.time_ns() // 1_000_000
