"""The files of a run of calls."""

from pathlib import Path

from benchmarks.calls.figures import CallFigures
from benchmarks.result_folder import ResultFolder


def _name(figures: CallFigures) -> str:
    return f"{figures.condition}-{figures.pair}-{figures.film}-{figures.round:02}"


class RunFolder(ResultFolder[CallFigures]):
    """One file a call: ``<condition>-<pair>-<lines>-<round>.json``, with a number more if spoilt."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CallFigures, _name)

    def calls(self) -> list[CallFigures]:
        """All calls so far, spoilt ones too, oldest first."""
        return self.results()
