"""A disk that may fill up, lose its power, or turn out damaged."""

from dataclasses import dataclass, field
from typing import Any

from telemed_desk.vault.problems import DiskFull

Entry = tuple[Any, ...]


class Crash(BaseException):
    """The PC lost its power; no code of ours may catch it."""


@dataclass
class Disk:
    """Transactions in order; only the first ``durable`` of them survive a power cut."""

    log: list[Entry] = field(default_factory=list)
    durable: int = 0
    full: bool = False
    damaged: bool = False

    def write(self, entry: Entry) -> None:
        if self.full:
            raise DiskFull
        self.log.append(entry)

    def flush(self) -> None:
        self.durable = len(self.log)

    def power_cut(self) -> None:
        del self.log[self.durable :]

    def copy(self) -> "Disk":
        """What a backup of this moment holds."""
        return Disk(self.log[: self.durable], self.durable)
