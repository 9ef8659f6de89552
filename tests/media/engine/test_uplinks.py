"""The microphone's way out: timing in spite of stalls and swaps, silence in place of nothing."""

import asyncio
import itertools
from collections.abc import Callable

import numpy as np

from telemed_desk.media.codecs.opus import OpusDecoder
from telemed_desk.media.engine.voice_out import VoiceUplink
from telemed_desk.media.ports import SoundBlock
from tests.media.engine.engine_calls import until


class HandFed:
    """A microphone whose blocks the test hands out."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[SoundBlock, int], None]] = []

    def subscribe(self, on_block: Callable[[SoundBlock, int], None]) -> Callable[[], None]:
        self.listeners.append(on_block)
        return lambda: self.listeners.remove(on_block)


async def test_without_a_microphone_silence_keeps_the_timing() -> None:
    got: list[tuple[bytes, int, int, bool]] = []
    uplink = VoiceUplink(asyncio.get_running_loop(), lambda *a: got.append(a))
    uplink.start()
    try:
        await until(lambda: len(got) > 40, "silence")
    finally:
        await asyncio.to_thread(uplink.stop)
    stamps = [at for _, at, *_ in got]
    assert all(later - earlier == 960 for earlier, later in itertools.pairwise(stamps))
    decoder = OpusDecoder()
    assert max(int(np.abs(decoder.decode(p)).max()) for p, *_ in got) < 50


async def test_time_lost_at_the_microphone_is_skipped_and_slow_drift_is_not() -> None:
    uplink = VoiceUplink(asyncio.get_running_loop(), lambda *_: None)
    stamps = [uplink._timestamp(n * 20_002_000, 960) for n in range(10_000)]
    assert stamps[-1] == 9_999 * 960
    after = uplink._timestamp(9_999 * 20_002_000 + 520_000_000, 960)
    assert after - stamps[-1] == 26 * 960


async def test_stopping_lets_go_of_the_microphone() -> None:
    microphone = HandFed()
    uplink = VoiceUplink(asyncio.get_running_loop(), lambda *_: None)
    uplink.set_source(microphone)
    assert len(microphone.listeners) == 1
    other = HandFed()
    uplink.set_source(other)
    assert (microphone.listeners, len(other.listeners)) == ([], 1)
    uplink.start()
    await asyncio.to_thread(uplink.stop)
    assert other.listeners == []
    assert not uplink._thread.is_alive()
