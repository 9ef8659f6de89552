"""The files of a run."""

import time
from pathlib import Path

import msgspec

from benchmarks.calls.figures import CallFigures


class RunFolder:
    """One file a call: ``<condition>-<pair>-<lines>-<round>.json``, with a number more if spoilt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, figures: CallFigures) -> None:
        """Keep a call. A spoilt one never takes the place of a good one."""
        name = f"{figures.condition}-{figures.pair}-{figures.film}-{figures.round:02}"
        if not figures.kept:
            name += f"-spoilt-{int(time.time())}"
        path = self._folder / f"{name}.json"
        fresh = path.with_suffix(".part")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))
        fresh.replace(path)  # a killed run leaves no half file

    def calls(self) -> list[CallFigures]:
        """All calls so far, spoilt ones too, oldest first."""
        decoder = msgspec.json.Decoder(CallFigures)
        found = [decoder.decode(path.read_bytes()) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda figures: figures.began)
