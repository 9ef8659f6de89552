"""Rules for a new passphrase, and the pause after many wrong ones."""

import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import zxcvbn

from telemed_desk.vault.problems import TooManyTries

MIN_CHARACTERS: Final = 10
MIN_SCORE: Final = 3
_SCORED_CHARACTERS: Final = 72  # zxcvbn refuses longer ones
FREE_TRIES: Final = 5
FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class PassphraseVerdict:
    """How good a new passphrase is.

    Attributes:
        ok: Whether it may be used.
        long_enough: At least :data:`MIN_CHARACTERS`.
        score: zxcvbn's 0 (guessed at once) to 4.
        warning: zxcvbn's remark in English, or empty; contains nothing of what was typed.
    """

    ok: bool
    long_enough: bool
    score: int
    warning: str


def judge_passphrase(passphrase: str, known_words: tuple[str, ...] = ()) -> PassphraseVerdict:
    """Judge a new passphrase; takes about 10 ms.

    Args:
        passphrase: As typed.
        known_words: The clinician's and clinic's names, which a thief knows too.
    """
    text = unicodedata.normalize("NFKC", passphrase)
    long_enough = len(text) >= MIN_CHARACTERS
    if not text:
        return PassphraseVerdict(ok=False, long_enough=False, score=0, warning="")
    words = [part for word in known_words for part in word.lower().split()]
    result = zxcvbn.zxcvbn(text[:_SCORED_CHARACTERS], user_inputs=words)
    score = int(result["score"])
    return PassphraseVerdict(
        ok=long_enough and score >= MIN_SCORE,
        long_enough=long_enough,
        score=score,
        warning=str(result["feedback"]["warning"] or ""),
    )


def passphrase_bytes(passphrase: str) -> bytes:
    """Return what is hashed: NFKC, so that two keyboards that compose é differently agree."""
    return unicodedata.normalize("NFKC", passphrase).encode("utf-8")


class TriesGuard:
    """Makes guessing at the keyboard slow; never erases anything. Thread-safe, in memory only.

    A thief with the file is held off by Argon2id instead; a child at the keyboard must not be able
    to destroy notes.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._misses: dict[bytes, int] = {}
        self._free_at: dict[bytes, float] = {}

    def check(self, who: bytes) -> None:
        """Let a try pass.

        Raises:
            TooManyTries: The pause is not over.
        """
        with self._lock:
            left_s = self._free_at.get(who, 0.0) - self._monotonic()
        if left_s > 0:
            raise TooManyTries(left_s)

    def missed(self, who: bytes) -> None:
        """Count a wrong passphrase: 30 s after the fifth, then 60, 120... up to 5 minutes."""
        with self._lock:
            misses = self._misses[who] = self._misses.get(who, 0) + 1
            if misses >= FREE_TRIES:
                pause_s = min(FIRST_PAUSE_S * 2 ** (misses - FREE_TRIES), LONGEST_PAUSE_S)
                self._free_at[who] = self._monotonic() + pause_s

    def hit(self, who: bytes) -> None:
        """Forget the misses after a right one."""
        with self._lock:
            self._misses.pop(who, None)
            self._free_at.pop(who, None)
