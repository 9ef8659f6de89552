"""A camera for tests: compiles the double, paints its film, and turns its knobs while it runs."""

import mmap
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.pattern import PatternCamera

_HERE = Path(__file__).parent
_FIELDS = (
    "open_errno",
    "streamon_errno",
    "dqbuf_errno",
    "stall",
    "black",
    "freeze",
    "raw_only",
    "fps",
)
FILM_PICTURES = 12


class CameraDouble:
    """One camera that does not exist. Its knobs may be turned at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        source, library = _HERE / "v4l2double.c", folder / "v4l2double.so"
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-o", str(library), str(source)],
            check=True,
            timeout=60,
        )
        self._paint()
        control = folder / "control"
        control.write_bytes(bytes(4096))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 4096)

    def set(self, **knobs: int) -> None:
        """Turn knobs; see ``struct control`` in the C source."""
        for name, value in knobs.items():
            struct.pack_into("<I", self._control, 4 * _FIELDS.index(name), value)

    def reset(self) -> None:
        """Turn all knobs back: a good camera."""
        self.set(**dict.fromkeys(_FIELDS, 0))

    def command(
        self, *, present: bool = True, program: Sequence[str] = ("-m", "telemed_desk.media")
    ) -> list[str]:
        """Return the command for a Python program that sees this camera, or no device at all."""
        as_user = [] if os.geteuid() == 0 else ["--map-root-user"]
        return [
            *("unshare", "--mount", *as_user),
            *("sh", str(_HERE / "own_dev.sh"), str(self._folder)),
            "camera" if present else "no-camera",
            *(sys.executable, *program),
        ]

    def close(self) -> None:
        self._control.close()

    def _paint(self) -> None:
        large = PatternCamera(UsePattern(1280, 720, 30), _ignore)
        small = PatternCamera(UsePattern(640, 480, 30), _ignore)
        jpegs = [_jpeg(large.draw(count)) for count in range(FILM_PICTURES)]
        (self._folder / "1280x720.mjpgs").write_bytes(b"".join(map(_framed, jpegs)))
        raws = [_yuyv(small.draw(count)) for count in range(FILM_PICTURES)]
        (self._folder / "640x480.yuyv").write_bytes(b"".join(raws))
        black = cv2.imencode(".jpg", np.zeros((720, 1280, 3), np.uint8))[1].tobytes()
        (self._folder / "black.mjpgs").write_bytes(_framed(black))


def _ignore(_code: str, _detail: str) -> None:
    return


def _framed(jpeg: bytes) -> bytes:
    return struct.pack("<I", len(jpeg)) + jpeg


def _jpeg(picture: Picture) -> bytes:
    planes = (picture.y.reshape(-1), picture.u.reshape(-1), picture.v.reshape(-1))
    i420 = np.concatenate(planes).reshape(picture.height * 3 // 2, picture.width)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420))
    assert done
    return bytes(data)


def _yuyv(picture: Picture) -> bytes:
    packed: NDArray[np.uint8] = np.empty((picture.height, picture.width * 2), np.uint8)
    packed[:, 0::2] = picture.y
    packed[:, 1::4] = picture.u.repeat(2, axis=0)
    packed[:, 3::4] = picture.v.repeat(2, axis=0)
    return packed.tobytes()
