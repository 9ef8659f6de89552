"""Drives the shim between a process and its files, and replays what it wrote down up to a power cut.

The model is stricter than common file systems: data is durable after fsync of the file, a name after
fsync of its folder; what was not synced may be there or not, in any mixture, torn at 512 bytes. Only
the order of names within a folder is kept, as journalling file systems do.
"""

import ctypes
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

_HERE: Final = Path(__file__).parent
_HEAD: Final = struct.Struct("<BQII")
_SECTOR: Final = 512
_WHAT: Final = {1: "write", 2: "truncate", 3: "sync", 4: "rename", 5: "unlink", 6: "create"}

Loss = Literal["all", "none", "some", "torn"]


def build_shim(folder: Path) -> Path:
    """Compile it; return the library to preload."""
    library = folder / "disk_shim.so"
    source = _HERE / "disk_shim.c"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-o", str(library), str(source)],
        check=True,
        timeout=60,
    )
    return library


class Shim:
    """The shim inside this process, which was started with it preloaded."""

    def __init__(self, folder: Path) -> None:
        self._library = ctypes.CDLL(None)
        self._library.disk_watch(os.fsencode(folder))
        self._library.disk_fail.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_int]
        self._library.disk_calls.restype = ctypes.c_long

    def record(self, file: int) -> None:
        """Write every change to an open file descriptor; -1 stops."""
        self._library.disk_record(file)

    def fail(self, at: int, many: int, code: int) -> None:
        """Let calls number ``at`` and on, so many of them, fail; 0 = none."""
        self._library.disk_fail(at, many, code)

    @property
    def calls(self) -> int:
        """How many there were since :meth:`fail`."""
        return int(self._library.disk_calls())


class Event(NamedTuple):
    """One change; ``path`` as the process named it."""

    what: str
    path: str
    offset: int
    data: bytes


def read_events(log: Path) -> list[Event]:
    """Read what the shim wrote down."""
    data = log.read_bytes()
    events, at = [], 0
    while at < len(data):
        what, offset, name, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        path = os.fsdecode(data[at : at + name])
        events.append(Event(_WHAT[what], path, offset, data[at + name : at + name + length]))
        at += name + length
    return events


@dataclass
class _Inode:
    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def content(self, kept: list[tuple[int, bytes | None]]) -> bytes:
        data = bytearray(self.durable)
        for offset, piece in kept:
            if piece is None:
                data[:] = data[:offset].ljust(offset, b"\0")
            else:
                data[len(data) :] = bytes(max(0, offset - len(data)))
                data[offset : offset + len(piece)] = piece
        return bytes(data)

    def sync(self) -> None:
        self.durable, self.pending = self.content(self.pending), []


class Disk:
    """A folder as the disk may hold it after each event.

    Args:
        folder: As the process named it.
        base: A copy of it from before; all of that is durable.
    """

    def __init__(self, folder: Path, base: Path) -> None:
        self._folder = str(folder)
        self._names: dict[str, _Inode] = {}
        for path in base.rglob("*"):
            if path.is_file():
                name = f"{folder}/{path.relative_to(base)}"
                self._names[name] = _Inode(path.read_bytes())
        self._durable_names = dict(self._names)
        self._name_changes: list[tuple[str, _Inode | None]] = []

    def happen(self, event: Event) -> None:
        """Let one event happen."""
        match event.what:
            case "create":
                self._name(event.path, _Inode())
            case "write":
                self._inode(event.path).pending.append((event.offset, event.data))
            case "truncate":
                self._inode(event.path).pending.append((event.offset, None))
            case "sync" if event.path in self._names:
                self._names[event.path].sync()
            case "sync":
                self._durable_names = dict(self._names)
                self._name_changes = []
            case "rename":
                self._name(os.fsdecode(event.data), self._inode(event.path))
                self._name(event.path, None)
            case _:
                self._name(event.path, None)

    def after_power_cut(self, loss: Loss, rng: random.Random) -> dict[str, bytes]:
        """Return the files, by name within the folder."""
        names = dict(self._durable_names)
        changes = self._name_changes
        count = {"all": 0, "none": len(changes)}.get(loss, rng.randint(0, len(changes)))
        for name, inode in changes[:count]:
            if inode is None:
                names.pop(name, None)
            else:
                names[name] = inode
        return {
            name[len(self._folder) + 1 :]: inode.content(list(self._kept(inode, loss, rng)))
            for name, inode in names.items()
        }

    def _kept(
        self, inode: _Inode, loss: Loss, rng: random.Random
    ) -> Iterator[tuple[int, bytes | None]]:
        for offset, piece in inode.pending:
            if loss == "none" or (loss != "all" and rng.random() < 0.5):
                if loss == "torn" and piece is not None and len(piece) > _SECTOR:
                    sectors = rng.randrange(len(piece) // _SECTOR + 1)
                    yield offset, piece[: sectors * _SECTOR]
                else:
                    yield offset, piece

    def _name(self, name: str, inode: _Inode | None) -> None:
        self._name_changes.append((name, inode))
        if inode is None:
            self._names.pop(name, None)
        else:
            self._names[name] = inode

    def _inode(self, path: str) -> _Inode:
        if path not in self._names:  # opened before recording began
            self._name(path, _Inode())
        return self._names[path]


def write_files(files: dict[str, bytes], folder: Path) -> None:
    """Lay the files down, to be opened."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
