"""What differs between versions of one text, word by word, for somebody who has to choose.

Only marks: nothing here makes a text out of two. A changed word that may change what is given (a
number, a unit, a medicine, a side of the body) or that turns a finding round ("no", "not") carries
the stronger mark.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from telemed_desk.clinical.merging import is_delicate

_TOKEN: Final = re.compile(r"\s+|\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\S")
"""A figure is one token with its point or slash, so that 2.5 beside 25 is marked whole."""
_TURNING_WORDS: Final = (
    "no not non none never nil without denies denied absent negative stop stopped "
    "hapana si bila hakuna hana"
)
_TURNING: Final = frozenset(_TURNING_WORDS.split())
_LONGEST: Final = 1500
"""Tokens compared word by word; a longer stretch of differences is marked whole."""


class Mark(IntEnum):
    """How a piece of a version stands beside the others; the greater, the louder."""

    SAME = 0
    CHANGED = 1
    DELICATE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text under one mark."""

    text: str
    mark: Mark = Mark.SAME


def pieces_of(text: str, others: Sequence[str]) -> tuple[Piece, ...]:
    """Mark what a version has that at least one of the others has not.

    Args:
        text: The version; the pieces joined are this text, letter by letter.
        others: What it stands beside. Kinds of white space do not count as a difference.
    """
    tokens = _TOKEN.findall(text)
    words = [i for i, token in enumerate(tokens) if not token.isspace()]
    own = [tokens[i] for i in words]
    changed: set[int] = set()
    for other in others:
        theirs = [token for token in _TOKEN.findall(other) if not token.isspace()]
        changed |= {words[i] for i in _not_in(own, theirs)}
    marks = [_mark(token) if i in changed else Mark.SAME for i, token in enumerate(tokens)]
    for i, token in enumerate(tokens):
        if token.isspace() and 0 < i < len(tokens) - 1:
            # A gap between two marked words is marked like the quieter: one run, not confetti.
            marks[i] = min(marks[i - 1], marks[i + 1])
    joined: list[Piece] = []
    for token, mark in zip(tokens, marks, strict=True):
        if joined and joined[-1].mark is mark:
            joined[-1] = Piece(joined[-1].text + token, mark)
        else:
            joined.append(Piece(token, mark))
    return tuple(joined)


def is_grave(pieces: Sequence[Piece]) -> bool:
    """Whether a difference may change what is given, where, or whether at all."""
    return any(piece.mark is Mark.DELICATE for piece in pieces)


def _mark(token: str) -> Mark:
    turning = token.casefold() in _TURNING or token.casefold().endswith(("n't", "n\u2019t"))
    return Mark.DELICATE if turning or is_delicate(token) else Mark.CHANGED


def _not_in(own: list[str], theirs: list[str]) -> list[int]:
    """Return the places in ``own`` of tokens that a shortest way from ``theirs`` would add."""
    start = 0
    while start < min(len(own), len(theirs)) and own[start] == theirs[start]:
        start += 1
    end = 0
    while end < min(len(own), len(theirs)) - start and own[-1 - end] == theirs[-1 - end]:
        end += 1
    a, b = theirs[start : len(theirs) - end], own[start : len(own) - end]
    if max(len(a), len(b)) > _LONGEST:
        return list(range(start, start + len(b)))
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return [
        start + place
        for kind, _, _, b_from, b_to in matcher.get_opcodes()
        if kind in {"insert", "replace"}
        for place in range(b_from, b_to)
    ]
