"""The microphone as a call hears it: the device's blocks, processed, to whoever listens."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from telemed_desk.devices.problems import SoundProcessingMissing
from telemed_desk.media.levels import LevelMeter
from telemed_desk.media.ports import SoundBlock, SoundSource
from telemed_desk.media.sources.sound_hub import Listener, SoundHub

from .port import ProcessingLibrary
from .reference import FarReference
from .voice_chain import SoundMode, VoiceChain
from .webrtc import WebRtcProcessing

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessingState:
    """What is done to the sound now; ``problem`` is a code when it should be and cannot."""

    active: bool = False
    problem: str = ""


class VoicePath:
    """A :class:`~telemed_desk.media.ports.SoundSource` over a real microphone.

    The library is loaded on a thread of its own; until it is there, and for good when it cannot be
    loaded or fails, the sound goes through as it is: a call is never lost for want of an echo canceller.

    Args:
        load: Makes the library; may take a second.
        on_state: Told what is done; any thread.
    """

    def __init__(
        self,
        load: Callable[[], ProcessingLibrary] = WebRtcProcessing,
        on_state: Callable[[ProcessingState], None] = lambda _state: None,
    ) -> None:
        self._load = load
        self._on_state = on_state
        self._hub = SoundHub()
        self._chain: VoiceChain | None = None
        self._processed = False
        self._loading = False
        self._mode = SoundMode()
        self._end: Callable[[], None] = lambda: None
        self._sent = LevelMeter()
        self.reference = FarReference()
        self.latency_ms: Callable[[], float] = lambda: 0.0

    # ---- use ----------------------------------------------------------------------------------

    def subscribe(self, on_block: Listener) -> Callable[[], None]:
        """See :class:`~telemed_desk.media.ports.SoundSource`."""
        return self._hub.subscribe(on_block)

    def listen_to(self, microphone: SoundSource | None, *, processed: bool) -> None:
        """Take the blocks of this microphone instead of the one before.

        Args:
            microphone: None for none.
            processed: False for a stand-in, whose sound is to stay what it is.
        """
        self._end()
        self._processed = processed
        if processed and not self._loading:
            self._loading = True
            threading.Thread(target=self._make, name="sound-processing", daemon=True).start()
        self.microphone_broke(reopened=True)
        self._end = (lambda: None) if microphone is None else microphone.subscribe(self._on_block)

    @property
    def mode(self) -> SoundMode:
        """How the sound is treated."""
        return self._mode

    @mode.setter
    def mode(self, mode: SoundMode) -> None:
        self._mode = mode
        if self._chain is not None:
            self._chain.mode = mode

    def read_levels(self) -> tuple[float, float]:
        """Return dBFS since the last reading: of what is sent, and of the voice at this desk alone."""
        sent, chain = self._sent.read_dbfs(), self._chain if self._processed else None
        return sent, sent if chain is None else chain.near.read_dbfs()

    # ---- what the devices say -----------------------------------------------------------------

    def played(self, block: SoundBlock, now_ns: int) -> None:
        """These samples were handed to the speaker; its thread."""
        self.reference.played(block, now_ns)

    def speaker_broke(self, reopened: bool) -> None:  # noqa: FBT001 - a device's call-back
        """The speaker lost sound or was opened anew."""
        self.reference.speaker_restarted()
        if reopened:
            self._learn_anew()

    def microphone_broke(self, reopened: bool) -> None:  # noqa: FBT001 - a device's call-back
        """The microphone lost sound or was opened anew."""
        self.reference.microphone_restarted()
        if reopened:
            self._learn_anew()

    def _learn_anew(self) -> None:
        if self._chain is not None:
            self._guard(self._chain.restart)

    # ---- processing ---------------------------------------------------------------------------

    def _make(self) -> None:
        def make() -> None:
            chain = VoiceChain(self._load(), self.reference)
            chain.mode = self._mode
            self._chain = chain

        if self._guard(make):
            self._on_state(ProcessingState(active=True))

    def _guard(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except (SoundProcessingMissing, RuntimeError) as error:  # RuntimeError: what livekit raises
            self._chain = None
            _log.error("sound_processing_failed", error_type=type(error).__name__)
            self._on_state(ProcessingState(problem=SoundProcessingMissing.code))
            return False
        return True

    def _on_block(self, block: SoundBlock, taken_ns: int) -> None:
        now_ns = time.monotonic_ns()
        ready = [(block, taken_ns)]
        chain = self._chain if self._processed else None
        if chain is not None:

            def process() -> None:
                chain.device_latency_ms = self.latency_ms()
                ready[:] = chain.process(block, taken_ns, now_ns)

            self._guard(process)
        for one, at_ns in ready:
            self._sent.add(one)
            self._hub.publish(one, at_ns)
