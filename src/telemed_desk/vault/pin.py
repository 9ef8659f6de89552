"""A PIN that opens the vault again while this process lives; never on any disk.

Six digits are guessed in minutes by who has the sealed keys. They are safe only because what they
open lies in this process's memory: whoever can read that needs no PIN. Five tries, eight hours.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault.problems import PinGone, WeakPin, WrongPin
from telemed_desk.vault.slots import Argon2Cost, SlotSecret

DIGITS: Final = 6
TRIES: Final = 5
LASTS_S: Final = 8 * 3600.0
_COST: Final = Argon2Cost(19 * 1024, 2, 1)
_ROW: Final = "012345678901234"
_BACKWARDS: Final = _ROW[::-1]
_FEWEST_DIGITS: Final = 3


def elapsed_s() -> float:
    """Return seconds of a clock that goes on while the PC sleeps, where the system has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def is_weak(pin: str) -> bool:
    """Whether a PIN is not six digits, or is one that is tried first."""
    if len(pin) != DIGITS or not (pin.isascii() and pin.isdigit()):
        return True
    halves = pin[:3] == pin[3:] or pin[:2] == pin[2:4] == pin[4:]
    day, month = int(pin[:2]), int(pin[2:4])
    is_date = 1 <= day <= 31 and 1 <= month <= 12
    is_year = pin[:2] in {"19", "20"} and 1 <= int(pin[4:]) <= 12
    in_a_row = pin in _ROW or pin in _BACKWARDS
    return in_a_row or len(set(pin)) < _FEWEST_DIGITS or halves or is_date or is_year


@dataclass(slots=True)
class _Kept:
    clinician: Clinician
    salt: bytes
    memory: bytearray
    nonce: bytes
    sealed: bytes
    until_s: float
    tries: int = TRIES


class PinKeep:
    """Holds the keys of those who set a PIN, sealed. Thread-safe.

    Args:
        now_s: A clock that does not run back, asleep or awake.
    """

    def __init__(self, now_s: Callable[[], float] = elapsed_s) -> None:
        self._now_s = now_s
        self._gate = threading.Lock()
        self._kept: dict[bytes, _Kept] = {}

    def keep(self, clinician: Clinician, content: SlotSecret, pin: str) -> None:
        """Seal a clinician's keys under a PIN; an older one ends.

        Raises:
            WeakPin: It is guessed first.
        """
        if is_weak(pin):
            raise WeakPin
        salt, memory = secrets.token_bytes(16), bytearray(secrets.token_bytes(32))
        nonce = secrets.token_bytes(12)
        sealed = ChaCha20Poly1305(_key(pin, salt, memory)).encrypt(
            nonce, msgspec.msgpack.encode(content), clinician.entity
        )
        with self._gate:
            self._drop(clinician.entity)
            until_s = self._now_s() + LASTS_S
            self._kept[clinician.entity] = _Kept(clinician, salt, memory, nonce, sealed, until_s)

    def tries_left(self, clinician: bytes) -> int:
        """Return how many tries are left; 0 = there is no PIN."""
        with self._gate:
            kept = self._current(clinician)
            return 0 if kept is None else kept.tries

    def open(self, clinician: bytes, pin: str) -> tuple[SlotSecret, Clinician]:
        """Return the keys.

        Raises:
            WrongPin: It is another.
            PinGone: There is none, or not any more.
        """
        with self._gate:
            kept = self._current(clinician)
            if kept is None:
                raise PinGone
            kept.tries -= 1  # counted before it is tried: two at once are two
            try:
                plain = ChaCha20Poly1305(_key(pin, kept.salt, kept.memory)).decrypt(
                    kept.nonce, kept.sealed, clinician
                )
            except InvalidTag:
                if not kept.tries:
                    self._drop(clinician)
                    raise PinGone from None
                raise WrongPin from None
            kept.tries = TRIES
            return msgspec.msgpack.decode(plain, type=SlotSecret), kept.clinician

    def forget(self, clinician: bytes) -> None:
        """End a clinician's PIN."""
        with self._gate:
            self._drop(clinician)

    def _current(self, clinician: bytes) -> _Kept | None:
        kept = self._kept.get(clinician)
        if kept is not None and self._now_s() >= kept.until_s:
            self._drop(clinician)
            return None
        return kept

    def _drop(self, clinician: bytes) -> None:
        kept = self._kept.pop(clinician, None)
        if kept is not None:
            kept.memory[:] = bytes(len(kept.memory))


def _key(pin: str, salt: bytes, memory: bytearray) -> bytes:
    stretched = Argon2id(
        salt=salt,
        length=32,
        iterations=_COST.passes,
        lanes=_COST.lanes,
        memory_cost=_COST.memory_kib,
    ).derive(pin.encode())
    return hmac.digest(bytes(memory), stretched, "sha256")
