"""The files of a run: one small file a measurement, so that a run can be stopped and gone on with.

A run of many hours outlives the machine it was begun on: all its files, packed into one beside the
published tables, are gone on with anywhere. A table then names each machine.
"""

import lzma
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

PACKED = Path("benchmarks/runs")


class Result(Protocol):
    """What is kept of one measurement; a msgspec struct."""

    @property
    def kept(self) -> bool:
        """Whether it counts."""

    @property
    def began(self) -> str:
        """When, in ISO 8601."""


R = TypeVar("R", bound=Result)


class ResultFolder(Generic[R]):
    """Writes and reads results.

    Args:
        folder: Of the run; made if need be.
        kind: Of the results.
        name: Of a result's file, without its ending.
    """

    def __init__(self, folder: Path, kind: type[R], name: Callable[[R], str]) -> None:
        self._folder = folder
        self._decoder = msgspec.json.Decoder(kind)
        self._name = name
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, result: R) -> None:
        """Keep a result. A spoilt one never takes the place of a good one."""
        name = self._name(result)
        if not result.kept:
            name += f"-spoilt-{int(time.time())}"
        path = self._folder / f"{name}.json"
        fresh = path.with_suffix(".part")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
        fresh.replace(path)  # a killed run leaves no half file

    def results(self) -> list[R]:
        """All so far, spoilt ones too, oldest first."""
        found = [self._decoder.decode(path.read_bytes()) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda result: result.began)

    def pack(self, file: Path) -> None:
        """Write all so far into one file, the same bytes for the same results."""
        lines = [
            msgspec.json.encode({"name": path.stem, "result": msgspec.Raw(path.read_bytes())})
            for path in sorted(self._folder.glob("*.json"))
        ]
        compact = b"\n".join(msgspec.json.format(line, indent=-1) for line in lines)
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".part")
        fresh.write_bytes(lzma.compress(compact, preset=9))
        fresh.replace(file)

    def unpack(self, file: Path) -> int:
        """Take what an earlier machine measured; what is here already stays. Returns how many came."""
        came = 0
        for line in lzma.decompress(file.read_bytes()).splitlines():
            packed = msgspec.json.decode(line, type=_Packed)
            path = self._folder / f"{Path(packed.name).name}.json"
            if not path.exists():
                self._decoder.decode(packed.result)
                path.write_bytes(msgspec.json.format(packed.result, indent=1))
                came += 1
        return came


class _Packed(msgspec.Struct):
    name: str
    result: msgspec.Raw


def packed_file(bench: str, run: str) -> Path:
    """Return where a run is packed; ``bench`` is its folder's name."""
    return PACKED / f"{bench}-{run}.jsonl.xz"
