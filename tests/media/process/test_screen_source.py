"""What is grabbed of a screen, and what of it is worth sending."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from telemed_desk.devices.specs import SpecNotUnderstood
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.screen import (
    ALIVE_NS,
    REFINING,
    SCREEN_FPS,
    ChangeFilter,
    grabber,
    open_screen,
)
from tests.support.waiting import until

WHITE = 0xFFFFFF


@contextmanager
def display() -> Iterator[str]:
    """Run an X server without a screen, for this test alone."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "640x360x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


def show_window(name: str) -> tuple[ctypes.CDLL, int]:
    """Open a white window over the left half of a display."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.restype = x11.XCreateSimpleWindow.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(name.encode()))
    root = ctypes.c_ulong(x11.XDefaultRootWindow(connection))
    window = x11.XCreateSimpleWindow(connection, root, 0, 0, 320, 360, 0, 0, WHITE)
    x11.XMapWindow(connection, ctypes.c_ulong(window))
    x11.XSync(connection, 0)
    return x11, connection.value or 0


async def test_what_is_on_the_screen_is_grabbed_and_changes_are_seen() -> None:
    states: list[str] = []
    with display() as name:
        screen, close = open_screen(f"screen:{name}", lambda code, _detail: states.append(code))
        try:
            await until(lambda: screen.newest() is not None, "a picture")
            first = screen.newest()
            assert first is not None
            assert (first.width, first.height) == (640, 360)
            x11, connection = show_window(name)
            await until(
                lambda: (p := screen.newest()) is not None and int(p.y[180, 100]) > 200,
                "the window",
            )
            seen = screen.newest()
            assert seen is not None
            assert int(seen.y[180, 500]) < 60
            x11.XCloseDisplay(ctypes.c_void_p(connection))
        finally:
            close()
    assert states[0] == ""


async def test_a_screen_that_cannot_be_grabbed_is_told() -> None:
    states: list[str] = []
    _, close = open_screen("screen::65000", lambda code, _detail: states.append(code))
    try:
        await until(lambda: bool(states), "a word")
    finally:
        close()
    assert states[0].startswith("TD-")


def test_an_unchanged_screen_is_refined_and_then_hardly_sent() -> None:
    changes = ChangeFilter()
    step = 1_000_000_000 // SCREEN_FPS
    plane = np.zeros((8, 8), np.uint8)
    passed = 0
    for n in range(200):
        passed += changes.passes(Picture(plane.copy(), plane, plane, 1 + n * step))
    assert REFINING + 30 < passed < REFINING + 200 * step // ALIVE_NS + 5
    plane[3, 3] = 9
    assert changes.passes(Picture(plane, plane, plane, 1 + 200 * step))


def test_each_system_has_its_own_grabber_and_strange_specs_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telemed_desk.media.sources.screen.ON_WINDOWS", True)
    assert grabber("", 5)[:2] == ("desktop", "gdigrab")
    monkeypatch.setattr("telemed_desk.media.sources.screen.ON_WINDOWS", False)
    monkeypatch.setattr("telemed_desk.media.sources.screen.ON_MAC", True)
    assert grabber("", 5)[1] == "avfoundation"
    monkeypatch.setattr("telemed_desk.media.sources.screen.ON_MAC", False)
    assert grabber(":7", 5) == (":7", "x11grab", {"framerate": "5"})
    for text in ("none", "default", "screens", "id:x"):
        with pytest.raises(SpecNotUnderstood):
            open_screen(text, lambda _code, _detail: None)
