"""How long to wait before the next try."""

from typing import Final

RETRY_MS: Final = (5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000)
"""5 s, 15 s, 1, 5, 15 min, then each hour: a link that is gone for a day costs a few bytes."""


AFTER_SUCCESS_MS: Final = 1_000
"""The first wait when the line worked until now: most cuts of a weak line are over at once."""


class Backoff:
    """Counts failures in a row; pure, the time is handed in."""

    def __init__(self) -> None:
        self.failures = 0
        self.next_try_ms: int | None = None

    def failed(self, now_ms: int, at_least_ms: int = 0, *, worked: bool = False) -> None:
        """Note a failure and set the next try.

        Args:
            now_ms: Now.
            at_least_ms: How long somebody asked to be left alone.
            worked: It worked until now: one early try, which counts as none.
        """
        if worked:
            self.next_try_ms = now_ms + max(AFTER_SUCCESS_MS, at_least_ms)
            return
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
