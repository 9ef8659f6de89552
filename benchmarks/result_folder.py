"""The files of a run: one small file a measurement, so that a run can be stopped and gone on with."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec


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
