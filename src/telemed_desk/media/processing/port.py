"""What the sound path asks of a sound-processing library, and what is wrong when there is none."""

from collections.abc import Callable
from typing import Protocol

from telemed_desk.media.ports import SoundBlock


class EchoCanceller(Protocol):
    """Takes what the speaker played out of what the microphone heard. One thread.

    Blocks are 10 ms (48 kHz, mono, int16). :meth:`played` and :meth:`heard` are called in turn.
    """

    def played(self, block: SoundBlock) -> None:
        """Take the sound of the speaker that belongs to the next block of the microphone."""
        ...

    def heard(self, block: SoundBlock, delay_ms: int) -> SoundBlock:
        """Return the block without its echo.

        Args:
            block: From the microphone.
            delay_ms: From handing ``played`` sound to the speaker to its echo in this block, as far
                as the devices' own latency goes; a hint.
        """
        ...


Filter = Callable[[SoundBlock], SoundBlock]
"""Takes a block of 10 ms and returns one. One thread."""


class ProcessingLibrary(Protocol):
    """Makes the stages of the voice's way; each call gives one that has heard nothing yet."""

    def echo_canceller(self) -> EchoCanceller:
        """Echo cancellation with its high-pass."""
        ...

    def noise_suppressor(self) -> Filter:
        """Suppression of steady noise."""
        ...

    def gain(self) -> Filter:
        """Automatic gain."""
        ...
