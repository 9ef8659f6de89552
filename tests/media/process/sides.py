"""Desks with a media process each, which the tests connect as the server would."""

import asyncio
import wave
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.frames import Frame
from telemed_desk.media.sources.barcode import read_count
from tests.support.devices.media_desk import ListeningDesk, next_frame


class Side:
    """One desk with its media process."""

    def __init__(self) -> None:
        self.desk = ListeningDesk()
        self.media: MediaProcess = self.desk.media()

    async def picture(self, call: str) -> Frame:
        stream = await self.desk.first(
            control.VideoStream, lambda s: s.stream == "remote" and s.call == call
        )
        return await next_frame(stream.memory, lambda frame: counter(frame) is not None)

    async def phase(self, call: str, phase: control.CallPhase) -> control.CallState:
        return await self.desk.first(
            control.CallState, lambda s: s.call == call and s.phase == phase
        )


def counter(frame: Frame) -> int | None:
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.stride)
    return read_count(np.ascontiguousarray(rows[:, 1 : frame.width * 3 : 3]))


async def connect(caller: Side, called: Side, call: str, leg: str = "") -> None:
    """Carry offer and answer across, as the desks would through the server."""
    caller.media.send(control.StartCall(call, offer=True, start_rung=3, leg=leg))
    called.media.send(control.StartCall(call, offer=False, start_rung=3))
    offer = await caller.desk.first(control.LocalDescription, lambda d: d.call == call)
    called.media.send(control.RemoteDescription(call, "offer", offer.sdp, offer.revision))
    answer = await called.desk.first(control.LocalDescription, lambda d: d.call == call)
    assert (offer.kind, answer.kind) == ("offer", "answer")
    caller.media.send(control.RemoteDescription(call, "answer", answer.sdp, answer.revision))
    await asyncio.gather(caller.phase(call, "connected"), called.phase(call, "connected"))


def last_second(path: Path) -> NDArray[np.int16]:
    """Return what a file speaker played last; it may be shorter when it has just begun."""
    with wave.open(str(path), "rb") as file:
        file.setpos(max(0, file.getnframes() - 48_000))
        return np.frombuffer(file.readframes(48_000), "<i2")


def tones_in(path: Path, tones: Collection[int]) -> set[int]:
    """Return which of these were played within the last second.

    A tone is one that is at most 20 dB below the loudest: what a busy PC tears holes into is not pure.
    """
    try:
        sound = last_second(path)
    except (FileNotFoundError, EOFError, wave.Error):  # begun this moment: no header yet
        return set()
    if sound.size < 48_000:
        return set()
    level = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    strength = {hz: float(level[hz - 3 : hz + 4].max()) for hz in tones}
    least = max(2e6, 0.1 * max(strength.values()))
    return {hz for hz, found in strength.items() if found > least}


def loudest_hz(path: Path) -> float:
    """Return the strongest frequency of the last second that was played; 0 for silence."""
    sound = last_second(path)
    if sound.size < 48_000 or np.abs(sound.astype(int)).max() < 500:
        return 0.0
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum)) * 48_000 / sound.size
