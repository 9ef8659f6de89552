"""What the versions screen shows. Plain values."""

from dataclasses import dataclass, field
from typing import Literal

from telemed_desk.clinical.differences import Piece
from telemed_desk.clinical.notes import Section

Tone = Literal["info", "ok", "warn", "danger"]


@dataclass(frozen=True, slots=True)
class VersionCard:
    """One text of one section, and who wrote it: several people when they wrote the same.

    Attributes:
        key: What ``take`` is called with.
        who: ``Yours``, or a name.
        where: PC and time.
        pieces: The text with its marks.
        use: Word of the button.
        chosen: Whether it is taken.
        signed: Chip text for the signed one, or for what stands beside a signed one.
    """

    key: int
    who: str
    where: str
    pieces: tuple[Piece, ...] = field(repr=False)
    use: str
    chosen: bool = False
    signed: str = ""

    @property
    def spoken(self) -> str:
        """For screen readers."""
        text = "".join(piece.text for piece in self.pieces)
        return ", ".join(part for part in (self.who, self.where, self.signed, text) if part)


@dataclass(frozen=True, slots=True)
class SectionView:
    """One section.

    Attributes:
        section: Which.
        differs: Whether there is something to choose; else ``same`` holds the one text.
        same: The text that all versions share.
        cards: The different texts.
        grave: Whether a number, unit, medicine, side or a "no" differs.
        editing: Whether it is written by hand, ``text`` being what is written.
        text: The text in the field.
        settled: Whether a choice stands.
        again: Whether something new arrived after the choice was made.
        edit: Word of the button that opens the field.
    """

    section: Section
    differs: bool = False
    same: str = field(default="", repr=False)
    cards: tuple[VersionCard, ...] = ()
    grave: bool = False
    editing: bool = False
    text: str = field(default="", repr=False)
    settled: bool = False
    again: bool = False
    edit: str = ""


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One section of the preview; ``open`` = nothing is chosen yet."""

    section: Section
    text: str = field(default="", repr=False)
    open: bool = False
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A version that there ever was."""

    title: str
    state: str
    sections: tuple[tuple[Section, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """Everything the screen shows."""

    there: bool = False
    name: str = ""
    facts: str = ""
    title: str = ""
    words: str = ""
    tone: Tone = "warn"
    newer: str = ""
    newer_words: str = ""
    problem: str = ""
    problem_words: str = ""
    sections: tuple[SectionView, ...] = ()
    result: tuple[ResultLine, ...] = ()
    read_only: bool = False
    nothing: bool = False
    may_save: bool = False
    why_not: str = ""
    saving: bool = False
    may_undo: bool = False
    history: tuple[HistoryEntry, ...] = ()
