"""One picture, the newest, handed from a capture thread to whoever asks."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from telemed_desk.media.ports import Picture

StateListener = Callable[[str, str], None]
"""Called with (code, detail) when a device's state changes; empty code = works. Capture thread."""


PictureListener = Callable[[Picture], None]


class NewestPicture:
    """Newest picture wins; waiting readers are woken. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture: Picture | None = None
        self._listeners: tuple[PictureListener, ...] = ()

    def put(self, picture: Picture) -> None:
        """Replace the picture and wake who waits."""
        with self._changed:
            self._picture = picture
            self._changed.notify_all()
        for listener in self._listeners:
            listener(picture)

    def listen(self, on_picture: PictureListener) -> Callable[[], None]:
        """Hear of every single picture, for who must miss none; returns what ends it.

        The listener runs on the capture thread and must return within a few milliseconds.
        """
        with self._changed:
            self._listeners = (*self._listeners, on_picture)

        def end() -> None:
            with self._changed:
                self._listeners = tuple(one for one in self._listeners if one is not on_picture)

        return end

    def clear(self) -> None:
        """Say that there is no picture now."""
        with self._changed:
            self._picture = None

    def newest(self) -> Picture | None:
        """Return the newest picture, None when there is none now. Never blocks."""
        with self._changed:
            return self._picture

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        """Block until a picture taken later than ``than_ns`` is there; None on time-out."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._picture is None or self._picture.taken_ns <= than_ns:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)
            return self._picture


class Capture(ABC):
    """A thread that fills a :class:`NewestPicture` until it is closed; base of all cameras.

    Subclasses implement :meth:`_run`, which must return soon after ``_closing`` is set.

    Args:
        name: Of the thread.
        on_state: Told of each change of state, on the capture thread.
    """

    def __init__(self, name: str, on_state: StateListener) -> None:
        self._pictures = NewestPicture()
        self._closing = threading.Event()
        self._on_state = on_state
        self._state: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to capture; returns at once."""
        self._thread.start()

    def newest(self) -> Picture | None:
        """See :class:`telemed_desk.media.ports.PictureSource`."""
        return self._pictures.newest()

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        """See :class:`telemed_desk.media.ports.PictureSource`."""
        return self._pictures.wait_newer(than_ns, timeout_s)

    def listen(self, on_picture: PictureListener) -> Callable[[], None]:
        """See :meth:`NewestPicture.listen`."""
        return self._pictures.listen(on_picture)

    def close(self, timeout_s: float = 3.0) -> None:
        """Stop capturing and give the device back."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._pictures.clear()

    def _say(self, code: str, detail: str = "") -> None:
        """Report a state once, not at every retry."""
        if code != self._state and not self._closing.is_set():
            self._state = code
            self._on_state(code, detail)

    @abstractmethod
    def _run(self) -> None: ...


class RealTime:
    """Paces a thread at a steady rate; after a long stall it goes on from now, without a burst."""

    def __init__(self, interval_s: float, closing: threading.Event) -> None:
        self._interval_s = interval_s
        self._closing = closing
        self._due = time.monotonic()

    def next(self) -> bool:
        """Wait for the next turn; False when closing."""
        self._due += self._interval_s
        now = time.monotonic()
        if now - self._due > max(0.5, 10 * self._interval_s):
            self._due = now
        return not self._closing.wait(max(0.0, self._due - now))
