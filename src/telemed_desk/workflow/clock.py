"""The clocks, in the one place where the workflow asks for them."""

import time

from telemed_desk.vault.pin import elapsed_s

__all__ = ["elapsed_s", "wall_ms"]


def wall_ms() -> int:
    """Return Unix milliseconds UTC."""
    return time.time_ns() // 1_000_000
