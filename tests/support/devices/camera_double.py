"""Cameras for tests: compiles the double, paints its films, plugs cameras in and turns their knobs."""

import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.devices.camera_films import Film, paint

_HERE = Path(__file__).parent
_FIELDS = (
    "open_errno",
    "streamon_errno",
    "dqbuf_errno",
    "stall",
    "freeze",
    "raw_only",
    "fps",
    "film",
    "privacy",
    "power_line",
)
NODES = 3
_MACHINE_NODES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True)
class Plugged:
    """What a USB camera says of itself, and where it sits."""

    name: str = "Test Camera: Test Camera"
    model: tuple[str, str] = ("046d", "0825")
    serial: str = ""
    port: str = "1-4"

    @property
    def stable_id(self) -> str:
        """How it is listed."""
        return f"usb:{':'.join(self.model)}:{self.serial}@{self.port}:1.0"


class CameraDouble:
    """Cameras that do not exist. Plugged in and out, and their knobs turned, at any time."""

    def __init__(self, folder: Path, films: Collection[Film] = ()) -> None:
        self.folder = folder
        source, library = _HERE / "v4l2double.c", folder / "v4l2double.so"
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-o", str(library), str(source)],
            check=True,
            timeout=60,
        )
        paint(folder, films)
        self._nodes, self._classes, self._bus = (
            folder / name for name in ("nodes", "classes", "bus")
        )
        for made in (self._nodes, self._classes, self._bus, self._nodes / "shm"):
            made.mkdir()
        for name in _MACHINE_NODES:
            (self._nodes / name).touch()
        self._controls = []
        for node in range(NODES):
            control = folder / f"control{node}"
            control.write_bytes(bytes(4096))
            with control.open("r+b") as file:
                self._controls.append(mmap.mmap(file.fileno(), 4096))

    def set(self, node: int = 0, **knobs: int) -> None:
        """Turn knobs of one camera; see ``struct control`` in the C source."""
        for name, value in knobs.items():
            struct.pack_into("<I", self._controls[node], 4 * _FIELDS.index(name), value)

    def reset(self) -> None:
        """One good camera, as it was in the beginning."""
        for node in range(NODES):
            self.unplug(node)
            self.set(node, **dict.fromkeys(_FIELDS, 0))
        self.plug()

    def plug(self, node: int = 0, camera: Plugged | None = None) -> Plugged:
        """Plug a camera in; the kernel tells of it before its node is there."""
        camera = camera or Plugged()
        device = self._bus / camera.port
        interface = device / f"{camera.port}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        vendor, product = camera.model
        for name, text in (("idVendor", vendor), ("idProduct", product), ("serial", camera.serial)):
            (device / name).write_text(text + "\n")
        about = self._classes / f"video{node}"
        about.mkdir()
        (about / "name").write_text(camera.name + "\n")
        (about / "index").write_text("0\n")
        (about / "device").symlink_to(interface)
        self.node(node).touch()
        return camera

    def unplug(self, node: int = 0) -> None:
        """Pull a camera out, if it is in."""
        self.node(node).unlink(missing_ok=True)
        shutil.rmtree(self._classes / f"video{node}", ignore_errors=True)

    def node(self, node: int = 0) -> Path:
        """Return what a program has open that has this camera."""
        return self._nodes / f"video{node}"

    def command(self, program: Sequence[str] = ("-m", "telemed_desk.media")) -> list[str]:
        """Return the command for a Python program that sees these cameras and no others."""
        as_user = [] if os.geteuid() == 0 else ["--map-root-user"]
        return [
            *("unshare", "--mount", *as_user),
            *("sh", str(_HERE / "own_dev.sh"), str(self.folder)),
            *(sys.executable, *program),
        ]

    def close(self) -> None:
        for control in self._controls:
            control.close()
