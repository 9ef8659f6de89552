"""Tells when a camera came or went.

Linux: inotify on ``/dev``, where the kernel makes and removes the nodes (inotify(7)); a change of
permission counts too, because udev grants it a moment after the node is there. Elsewhere, or where the
system has no inotify to give, the list is read every two seconds.
"""

import ctypes
import os
import select
import struct
import threading
from collections.abc import Callable
from pathlib import Path

from telemed_desk.devices.cameras.listing import HERE, list_cameras
from telemed_desk.devices.system import ON_LINUX

LOOK_S = 2.0
SETTLE_S = 0.06
"""One camera makes several nodes; told once, when they are all there."""
_IN_ATTRIB, _IN_MOVED_FROM, _IN_MOVED_TO = 0x4, 0x40, 0x80
_IN_CREATE, _IN_DELETE = 0x100, 0x200
_CHANGES = _IN_ATTRIB | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
_EVENT = struct.Struct("iIII")
_NAME = b"video"


class CameraWatch:
    """Calls back when cameras changed. One thread for all listeners, while there are any.

    A listener runs on that thread and must return at once.

    Args:
        nodes: The folder that Linux makes camera nodes in.
    """

    def __init__(self, nodes: Path = HERE.nodes) -> None:
        self._nodes = nodes
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._ended: _End | None = None

    def subscribe(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """Register a listener; returns the function that ends it."""
        with self._lock:
            self._listeners = (*self._listeners, on_change)
            if self._ended is None:
                self._ended = _End()
                threading.Thread(
                    target=self._run, args=(self._ended,), name="camera-watch", daemon=True
                ).start()

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not on_change)
                if not self._listeners and self._ended is not None:
                    self._ended.set()
                    self._ended = None

        return end

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _run(self, ended: "_End") -> None:
        try:
            notices = _inotify(self._nodes) if ON_LINUX else None
            if notices is None:
                self._read_list(ended)
                return
            try:
                self._read_notices(notices, ended)
            finally:
                os.close(notices)
        finally:
            ended.close()

    def _read_notices(self, notices: int, ended: "_End") -> None:
        poller = select.poll()
        poller.register(notices, select.POLLIN)
        poller.register(ended.readable, select.POLLIN)
        self._tell()  # what changed before anybody watched
        while True:
            ready = {number for number, _ in poller.poll()}
            if ended.readable in ready:
                return
            if not _names_a_camera(os.read(notices, 65536)):
                continue
            if ended.wait(SETTLE_S):
                return
            self._tell()

    def _read_list(self, ended: "_End") -> None:
        before = list_cameras()
        while not ended.wait(LOOK_S):
            now = list_cameras()
            if now != before:
                before = now
                self._tell()


class _End:
    """Ends the thread: an event that poll(2) understands, too."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.readable, self._writable = os.pipe()

    def set(self) -> None:
        os.write(self._writable, b"x")
        self._event.set()  # last: with it the thread may close what was written to

    def wait(self, timeout_s: float) -> bool:
        return self._event.wait(timeout_s)

    def close(self) -> None:
        """Free what the system lent, on the thread that used it last."""
        self._event.wait()
        os.close(self.readable)
        os.close(self._writable)


def _inotify(folder: Path) -> int | None:
    """Return a descriptor that tells of changes in a folder; None when the system has none to give."""
    system = ctypes.CDLL(None, use_errno=True)
    notices = int(system.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
    if notices < 0:
        return None
    if system.inotify_add_watch(notices, os.fsencode(folder), _CHANGES) < 0:
        os.close(notices)
        return None
    return notices


def _names_a_camera(events: bytes) -> bool:
    at, found = 0, False
    while at + _EVENT.size <= len(events):
        _, _, _, length = _EVENT.unpack_from(events, at)
        at += _EVENT.size
        found = found or events[at : at + length].startswith(_NAME)
        at += length
    return found


WATCH = CameraWatch()
"""The one watch of this process."""
