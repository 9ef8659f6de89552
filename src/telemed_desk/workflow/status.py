"""The one model behind the status line: link, what is on disk, what has travelled.

Every screen that repeats one of these facts reads it here, so that no two can contradict.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from telemed_desk.sync.status import SyncStatus
from telemed_desk.vault import SpaceLeft
from telemed_protocol.errors import KnownError

LinkWord = Literal["connecting", "online", "offline"]


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Facts for the status line. Times are Unix milliseconds UTC; None = not known.

    ``relay`` says what is wrong with the way of calls: ``away``, ``gaps``, ``no-udp``; empty = nothing
    known.
    ``held`` says why this PC may send nothing, however good the link is.
    ``space`` is the room on the disk; below ``low`` photos are refused and notes go on.
    """

    link: LinkWord = "connecting"
    rtt_ms: float | None = None
    relay: str = ""
    link_since_ms: int | None = None
    last_contact_ms: int | None = None
    saved_ms: int | None = None
    unsaved: bool = False
    save_problem: str = ""
    waiting_to_sync: int = 0
    waiting_bytes: int = 0
    sync: SyncStatus | None = None
    held: KnownError | None = None
    space: SpaceLeft | None = None


class StatusModel:
    """Holds the newest status; core thread only."""

    def __init__(self, on_status: Callable[[DeskStatus], None], now_ms: Callable[[], int]) -> None:
        self._on_status = on_status
        self._now_ms = now_ms
        self.status = DeskStatus()

    def _set(self, **changes: object) -> None:
        changed = replace(self.status, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.status:
            self.status = changed
            self._on_status(changed)

    def link(self, state: LinkWord, rtt_ms: float | None) -> None:
        """The desk's line to the server came, went, or answered a ping."""
        now = self._now_ms()
        since = self.status.link_since_ms if state == self.status.link else now
        contact = now if state == "online" else self.status.last_contact_ms
        self._set(link=state, rtt_ms=rtt_ms, link_since_ms=since, last_contact_ms=contact)

    def relay(self, word: str) -> None:
        """The relays were asked as a call would ask them."""
        self._set(relay=word)

    def sync(self, status: SyncStatus) -> None:
        """Sync moved."""
        self._set(sync=status)

    def outbox(self, waiting: int, size: int, held: KnownError | None) -> None:
        """How many recorded facts the server has no receipt for, and why none may be sent."""
        self._set(waiting_to_sync=waiting, waiting_bytes=size, held=held)

    def saved(self, at_ms: int | None, *, unsaved: bool, problem: str) -> None:
        """The note being written: when it was last on disk, and whether typing is ahead of it."""
        self._set(saved_ms=at_ms, unsaved=unsaved, save_problem=problem)

    def stuck_photos(self) -> frozenset[bytes]:
        """Photos whose file needs a person."""
        return self.status.sync.stuck if self.status.sync is not None else frozenset()

    def space(self, left: SpaceLeft) -> None:
        """Somebody looked how much room the disk has."""
        before = self.status.space
        # Every byte written would redraw the line: what counts is the level, and some MB.
        if before is None or (before.level, before.free_bytes >> 24) != (
            left.level,
            left.free_bytes >> 24,
        ):
            self._set(space=left)
