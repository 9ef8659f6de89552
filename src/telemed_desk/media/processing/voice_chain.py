"""The voice's way from the microphone to the coder: canceller, suppression, gain.

Which of them work is decided by :class:`SoundMode`; switching does not make the canceller learn anew.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from telemed_desk.media.levels import EchoRest, NearVoice
from telemed_desk.media.ports import BLOCK_SAMPLES, SoundBlock

from .port import Filter, ProcessingLibrary
from .reference import FarReference

_MOST_WAITING: Final = 3
"""Blocks of the microphone (10 ms each) that wait for a speaker thread that is late."""
_LIFT_STEP: Final = 0.2
"""Gain comes and goes within 50 ms, faster than a syllable."""
_SHORT_MS: Final = 5
_FADE: Final = np.linspace(0.0, 1.0, BLOCK_SAMPLES, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SoundMode:
    """How the doctor's voice is treated.

    Attributes:
        clinical: Suppression and gain are bypassed: cough, breath and stethoscope sound as they are.
        headphones: There is no echo to cancel.
    """

    clinical: bool = False
    headphones: bool = False

    @property
    def cancels_echo(self) -> bool:
        """With headphones a clinical sound is left whole: the canceller would cut it at 13 kHz."""
        return not (self.clinical and self.headphones)


class VoiceChain:
    """Processes one microphone against one speaker. Microphone's thread, but for ``mode``.

    Args:
        library: Makes the stages.
        reference: What the speaker plays.
    """

    def __init__(self, library: ProcessingLibrary, reference: FarReference) -> None:
        self._library = library
        self._reference = reference
        self._canceller = library.echo_canceller()
        self._suppress: Filter = library.noise_suppressor()
        self._gain: Filter = library.gain()
        self._waiting: deque[tuple[SoundBlock, float, int]] = deque()
        self._lock = threading.Lock()
        self._used = SoundMode()
        self.mode = SoundMode()
        self.device_latency_ms = 0.0
        self.near = NearVoice()
        self._rest = EchoRest()
        self._lift = 1.0

    def restart(self) -> None:
        """A device was opened anew: what was learnt of the old one is of no use."""
        fresh = self._library.echo_canceller()
        with self._lock:
            self._canceller = fresh
            self._waiting.clear()

    def process(
        self, block: SoundBlock, taken_ns: int, now_ns: int
    ) -> list[tuple[SoundBlock, int]]:
        """Take a block; return the blocks that are ready: one as a rule, none while one waits.

        Args:
            block: 10 ms from the microphone.
            taken_ns: When it was spoken; comes back with it.
            now_ns: When it arrived.
        """
        with self._lock:
            self._waiting.append((block, self._reference.heard(block.size, now_ns), taken_ns))
            ready = []
            while self._waiting:
                waits = len(self._waiting) <= _MOST_WAITING
                raw, first, taken_ns = self._waiting[0]
                far = self._reference.beside(first, now_ns, wait=waits)
                if far is None:
                    break
                self._waiting.popleft()
                ready.append((self._treat(raw, far), taken_ns))
            return ready

    def _treat(self, raw: SoundBlock, far: SoundBlock) -> SoundBlock:
        mode, before = self.mode, self._used
        self._canceller.played(far)
        near = self._canceller.heard(raw, self._delay_ms())
        treated, calm = self._stage(mode, raw, near)
        self.near.add(raw, calm, far)
        if not mode.clinical:
            treated = self._lifted(calm, treated, rest=self._rest.is_rest(raw, calm, far))
        if mode != before:
            self._used = mode
            old, _ = self._stage(before, raw, near)
            mixed = old * (1 - _FADE) + treated * _FADE
            treated = np.rint(mixed).astype(np.int16)
        return treated

    def _lifted(self, calm: SoundBlock, loud: SoundBlock, *, rest: bool) -> SoundBlock:
        """Leave a rest of echo as weak as it is: gain is for the voice. Both blocks lie in step."""
        step = -_LIFT_STEP if rest else _LIFT_STEP
        before, self._lift = self._lift, min(max(self._lift + step, 0.0), 1.0)
        if before == self._lift == 1.0:
            return loud
        share = before + (self._lift - before) * _FADE
        lifted: SoundBlock = np.rint(calm + share * (loud.astype(np.float32) - calm)).astype(
            np.int16
        )
        return lifted

    def _stage(
        self, mode: SoundMode, raw: SoundBlock, near: SoundBlock
    ) -> tuple[SoundBlock, SoundBlock]:
        """Return what is sent, and the same before gain."""
        if mode.clinical:
            return (near if mode.cancels_echo else raw), near
        calm = self._suppress(near)
        return self._gain(calm), calm

    def _delay_ms(self) -> int:
        """What the devices are known to delay, less what the reference already leads; in steps."""
        left_ms = self.device_latency_ms - self._reference.lead_ms
        return max(0, round(left_ms / _SHORT_MS) * _SHORT_MS)
