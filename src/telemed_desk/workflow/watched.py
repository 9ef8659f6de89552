"""A value that lives on the core thread and is shown on the GUI thread."""

from collections.abc import Callable
from typing import Generic, TypeVar

from telemed_desk.workflow.core_thread import Post

T = TypeVar("T")


class Watched(Generic[T]):
    """Hands the newest value to its listeners on the GUI thread.

    Values that were replaced before the GUI came to them are skipped: a screen wants the newest.
    """

    def __init__(self, post: Post, value: T) -> None:
        self._post = post
        self._value = value
        self._scheduled = False
        self._listeners: list[Callable[[T], None]] = []

    @property
    def value(self) -> T:
        """The newest value; any thread."""
        return self._value

    def set(self, value: T) -> None:
        """Replace the value; any thread, though one writer at a time."""
        self._value = value
        if not self._scheduled:
            self._scheduled = True
            self._post(self._tell)

    def listen(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Register a listener and call it once now. GUI thread. Returns what ends it."""
        self._listeners.append(listener)
        listener(self._value)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def _tell(self) -> None:
        self._scheduled = False
        value = self._value
        for listener in list(self._listeners):
            listener(value)
