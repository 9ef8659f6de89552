"""Who hears whom: everybody the others, nobody themself.

One clock: the speaker's thread pulls each remote voice exactly once a block, and from those blocks come
the doctor's mix and every leg's mix-minus. A leg's sound leaves on the microphone's clock, with the
doctor's voice untouched by who joins or leaves. Where nobody pulls (no speaker, or one that hangs) a
beat of our own does, for the others must go on hearing each other.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from telemed_desk.media.ports import BLOCK_SAMPLES, SoundBlock, SoundFeed, SoundSource
from telemed_desk.media.sources.newest import RealTime
from telemed_desk.media.sources.sound_hub import BLOCK_S, BlockCutter, SoundHub

from .crossing import Crossing
from .limiter import Limiter

_SPEAKER_STALLS_S: Final = 0.1
"""So long without a pull and the beat takes over; a busy PC's sound thread wakes up to 33 ms late."""


class Leg:
    """One other person: their voice in, and what they are to hear out."""

    def __init__(self) -> None:
        self.feed: SoundFeed | None = None
        self.hub = SoundHub()
        self.crossing = Crossing()
        self.others = Limiter()
        self.whole = Limiter()
        self.cutter = BlockCutter()


class SoundBridge:
    """Joins microphone, speaker and the voices of all legs.

    :meth:`pull` runs on the speaker's thread, the microphone's blocks come on its own; the rest is
    called on the loop.
    """

    def __init__(self) -> None:
        self._legs: dict[str, Leg] = {}  # replaced as a whole, never changed in place
        self._pulling = threading.Lock()
        self._tails: list[SoundBlock] = []
        self._mix = Limiter()
        self._unsubscribe: Callable[[], None] | None = None
        self._has_microphone = False
        self._pulled_at = 0.0
        self._beat: threading.Thread | None = None
        self._closing = threading.Event()
        self.muted = False

    # ---- who is there ---------------------------------------------------------------------------

    def join(self, name: str) -> SoundSource:
        """Let somebody in; returns what their call sends as its microphone."""
        leg = Leg()
        self._legs = {**self._legs, name: leg}
        if len(self._legs) > 1 and self._beat is None:
            self._closing = threading.Event()
            self._beat = threading.Thread(target=self._keep_beat, name="bridge-beat", daemon=True)
            self._beat.start()
        return leg.hub

    def hear(self, name: str, feed: SoundFeed) -> None:
        """From here comes the voice of somebody who was let in."""
        self._legs[name].feed = feed

    def leave(self, name: str) -> None:
        """Let somebody go: their last block fades, the others' sound goes on. Harmless twice."""
        with self._pulling:
            gone = self._legs.get(name)
            if gone is None:
                return
            self._legs = {other: leg for other, leg in self._legs.items() if other != name}
            if gone.feed is not None:
                tail = gone.feed.pull(BLOCK_SAMPLES).astype(np.float32)
                fade = np.linspace(1.0, 0.0, tail.size, dtype=np.float32)
                self._tails.append((tail * fade).astype(np.int16))
        if len(self._legs) < 2:
            self._stop_beat()

    def listen_to(self, microphone: SoundSource | None) -> None:
        """Use this microphone from now on."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._has_microphone = microphone is not None
        self._unsubscribe = microphone.subscribe(self._on_block) if microphone is not None else None

    # ---- the speaker's clock --------------------------------------------------------------------

    def pull(self, samples: int) -> SoundBlock:
        """Return what the doctor hears (:class:`telemed_desk.media.ports.SoundFeed`)."""
        self._pulled_at = time.monotonic()
        with self._pulling:
            return self._pull(samples)

    def _pull(self, samples: int) -> SoundBlock:
        legs = self._legs
        voices = {n: leg.feed.pull(samples) for n, leg in legs.items() if leg.feed is not None}
        tails = [_fitted(tail, samples) for tail in self._tails]
        self._tails = []
        for name, leg in legs.items():
            others = [voice for other, voice in voices.items() if other != name]
            if others or tails:
                self._send_on(leg, leg.others.mix([*others, *tails]))
            if tails and not others:
                leg.crossing.end()
        heard = [*voices.values(), *tails]
        return self._mix.mix(heard) if heard else np.zeros(samples, np.int16)

    def _send_on(self, leg: Leg, others: SoundBlock) -> None:
        if self._has_microphone:
            leg.crossing.push(others)
            return
        now_ns = time.monotonic_ns()
        for block in leg.cutter.feed(others):
            leg.hub.publish(block, now_ns)

    def _keep_beat(self) -> None:
        closing = self._closing
        pace = RealTime(BLOCK_S, closing)
        while pace.next():
            if time.monotonic() - self._pulled_at > _SPEAKER_STALLS_S:
                with self._pulling:
                    self._pull(BLOCK_SAMPLES)

    def _stop_beat(self) -> None:
        self._closing.set()
        if self._beat is not None:
            self._beat.join(1.0)
            self._beat = None

    # ---- the microphone's clock -----------------------------------------------------------------

    def _on_block(self, block: SoundBlock, taken_ns: int) -> None:
        own = np.zeros_like(block) if self.muted else block
        for leg in self._legs.values():
            others = leg.crossing.take(block.size)
            leg.hub.publish(leg.whole.mix((own,) if others is None else (own, others)), taken_ns)


def _fitted(sound: SoundBlock, samples: int) -> SoundBlock:
    """A tail that fades has nothing to say after its end."""
    if sound.size >= samples:
        return sound[:samples]
    return np.concatenate((sound, np.zeros(samples - sound.size, np.int16)))
