"""Where a call stands, judged by what is heard of the other side. Pure: clocks are handed in."""

from typing import Final

from telemed_desk.media.control import CallPhase

SILENT_NS: Final = 2_500_000_000
LOST_NS: Final = 180_000_000_000
"""A call whose path is gone for two minutes comes back as the same call; then a fresh one is made."""
SETUP_NS: Final = 30_000_000_000


class Health:
    """Phases of one call. Each method returns (phase, reason) when that is news, else None."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._phase: CallPhase = "connecting"
        self._connected_ns: int | None = None

    @property
    def phase(self) -> CallPhase:
        """Where the call stands."""
        return self._phase

    def _go(self, phase: CallPhase, reason: str) -> tuple[CallPhase, str] | None:
        if self._phase in ("ended", "failed") or phase == self._phase:
            return None
        self._phase = phase
        return phase, reason

    def connected(self, now_ns: int) -> tuple[CallPhase, str] | None:
        """The path and its encryption are up."""
        self._connected_ns = now_ns
        return self._go("connected", "")

    def fail(self, reason: str) -> tuple[CallPhase, str] | None:
        """The connection gave up."""
        if self._connected_ns is not None:
            reason = "lost"
        return self._go("failed", reason)

    def end(self, reason: str) -> tuple[CallPhase, str] | None:
        """The call is over."""
        return self._go("ended", reason)

    def tick(self, now_ns: int, heard_ns: int | None) -> tuple[CallPhase, str] | None:
        """Judge the silence since the other side was last heard."""
        if self._connected_ns is None:
            return self._go("failed", "no-path") if now_ns - self._begun_ns > SETUP_NS else None
        silence_ns = now_ns - max(heard_ns or 0, self._connected_ns)
        if silence_ns > LOST_NS:
            return self._go("failed", "lost")
        if silence_ns > SILENT_NS:
            return self._go("reconnecting", "silent")
        return self._go("connected", "")
