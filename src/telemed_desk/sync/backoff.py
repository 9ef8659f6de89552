"""How long to wait before the next try."""

from typing import Final

RETRY_MS: Final = (5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000)
"""5 s, 15 s, 1, 5, 15 min, then each hour: a link that is gone for a day costs a few bytes."""


class Backoff:
    """Counts failures in a row; pure, the time is handed in."""

    def __init__(self) -> None:
        self.failures = 0
        self.next_try_ms: int | None = None

    def failed(self, now_ms: int, at_least_ms: int = 0) -> None:
        """Note a failure and set the next try."""
        wait_ms = RETRY_MS[min(self.failures, len(RETRY_MS) - 1)]
        self.failures += 1
        self.next_try_ms = now_ms + max(wait_ms, at_least_ms)

    def reset(self) -> None:
        """Forget the failures: it worked, the link is back, or a person asked."""
        self.failures = 0
        self.next_try_ms = None

    def may_try(self, now_ms: int) -> bool:
        """Return whether the wait is over."""
        return self.next_try_ms is None or now_ms >= self.next_try_ms
