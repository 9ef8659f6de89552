"""The link as places and legs between them. Plain Python."""

from dataclasses import dataclass
from typing import Literal

LegTone = Literal["ok", "warn", "danger", "none"]


@dataclass(frozen=True, slots=True)
class Node:
    """A place on the path."""

    name: str
    icon: str


@dataclass(frozen=True, slots=True)
class Leg:
    """What joins two nodes: figures in words, and how good it is."""

    words: str
    tone: LegTone = "ok"


@dataclass(frozen=True, slots=True)
class PathState:
    """Nodes, and one leg fewer than nodes."""

    nodes: tuple[Node, ...] = ()
    legs: tuple[Leg, ...] = ()
