"""Allergies and medicines: sets in which an addition always wins over what did not know of it.

An observed-remove set. Each addition has a name of its own; taking an entry off names the additions
that were on the screen, and nothing else. So two desks that work without a link can never take away
what the other one added, and a changed dose on two desks stands as two entries until somebody, who
sees both, takes one off. Nothing is forgotten: what was taken off keeps who, when and why.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Id = tuple[bytes, int]
"""Names a recorded fact: 16 bytes of the PC, and that PC's count."""
Tag = tuple[Id, str]
"""One addition: the fact, and the entry's words as compared; an earlier version's fact lists many."""


class EntryKind(StrEnum):
    """Which list; the value is stored."""

    ALLERGY = "allergy"
    MEDICINE = "medicine"


@dataclass(frozen=True, slots=True)
class Added:
    """An addition. ``instead_of`` are the entries that it replaces, as the author saw them."""

    fact: Id
    what: str
    by: bytes
    at_ms: int
    instead_of: frozenset[Tag] = frozenset()

    @property
    def tag(self) -> Tag:
        """Its name."""
        return self.fact, compared(self.what)


@dataclass(frozen=True, slots=True)
class TakenOff:
    """Additions that somebody saw and took off."""

    tags: frozenset[Tag]
    by: bytes
    at_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is shown as one line: all additions of the same words.

    Attributes:
        what: The words, as added last.
        facts: The additions that it stands for: what taking it off names.
        by: Who added it first, 16 bytes.
        at_ms: When.
        beside: Others that replaced the same entry at the same time, in other words, stand too.
        gone: Who took it off, when and why; None while it stands.
    """

    what: str
    facts: tuple[Id, ...]
    by: bytes
    at_ms: int
    beside: bool = False
    gone: TakenOff | None = None


def compared(what: str) -> str:
    """Return an entry's words as they are compared: case, spaces and composed letters do not count."""
    return " ".join(unicodedata.normalize("NFC", what).casefold().split())


def entries(added: Sequence[Added], taken_off: Sequence[TakenOff]) -> list[Entry]:
    """Return what stands, in the order of first addition; then what was taken off, likewise.

    Args:
        added: In the order of the log, the same on every desk.
        taken_off: In that order too.
    """
    gone: dict[Tag, TakenOff] = {}
    for off in taken_off:
        for tag in off.tags:
            gone[tag] = off
    for add in added:
        for tag in add.instead_of - {add.tag}:
            gone[tag] = TakenOff(frozenset({tag}), add.by, add.at_ms)
    standing: dict[str, list[Added]] = {}
    dropped: dict[str, list[Added]] = {}
    for add in added:
        (dropped if add.tag in gone else standing).setdefault(add.tag[1], []).append(add)
    beside = _beside(standing)
    found = [_entry(group, beside=word in beside) for word, group in standing.items()]
    for word, group in dropped.items():
        if word not in standing:
            found.append(_entry(group, gone=gone[group[-1].tag]))
    return found


def _entry(group: list[Added], *, beside: bool = False, gone: TakenOff | None = None) -> Entry:
    first, last = group[0], group[-1]
    facts = tuple(sorted({add.fact for add in group}))
    return Entry(last.what, facts, first.by, first.at_ms, beside, gone)


def _beside(standing: Mapping[str, Iterable[Added]]) -> set[str]:
    """Return the words that stand beside others which replaced the same entry."""
    replaced: dict[Tag, set[str]] = {}
    for word, group in standing.items():
        for add in group:
            for tag in add.instead_of:
                replaced.setdefault(tag, set()).add(word)
    return {word for words in replaced.values() if len(words) > 1 for word in words}
