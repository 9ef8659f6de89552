"""What a headless peer took, showed, said and heard, written down for whoever compares both ends."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import SAMPLE_RATE_HZ, Picture, SoundBlock
from telemed_desk.media.sources.barcode import read_count

THUMB_EVERY_MS = 1000.0
THUMB_WIDTH = 640
_SLIP_MS = 600.0
"""A clock this far behind has stood still (a stalled machine) and is set again, with silence between."""
_LATE_MS = 60.0
_LATE_BLOCKS = 100
_EARLY_MS = 2.0
"""Less than that is made up for by a burst of blocks (:class:`.sources.newest.RealTime`). What no block
of a second was early enough to make up for has stood still too."""


class WallClock:
    """Turns ``time.monotonic_ns`` of this machine into Unix milliseconds, steadily."""

    def __init__(self) -> None:
        self._ahead_ns = time.time_ns() - time.monotonic_ns()

    def at(self, monotonic_ns: int) -> float:
        """Unix ms of a monotonic moment."""
        return (monotonic_ns + self._ahead_ns) / 1e6

    def now(self) -> float:
        """Unix ms."""
        return self.at(time.monotonic_ns())


class Tape:
    """Sound laid end to end from the first block's time on. One thread adds, another may cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[SoundBlock] = []
        self._samples = 0
        self._least_late_ms = np.inf
        self._looked_at = 0
        self._gaps: list[int] = []
        self.start_ms: float | None = None

    def add(self, block: SoundBlock, begins_ms: float) -> None:
        """Append a block that begins at this wall time."""
        with self._lock:
            if self.start_ms is None:
                self.start_ms = begins_ms
            late_ms = begins_ms - self.start_ms - self._samples * 1000 / SAMPLE_RATE_HZ
            if late_ms < -_EARLY_MS:
                self._take_back(-late_ms)
                late_ms = 0.0
            self._least_late_ms = min(self._least_late_ms, late_ms)
            self._looked_at += 1
            stood_ms = late_ms if late_ms > _SLIP_MS else 0.0
            if self._looked_at >= _LATE_BLOCKS:
                stood_ms = max(stood_ms, self._least_late_ms)
            if self._looked_at >= _LATE_BLOCKS or stood_ms > _SLIP_MS:
                self._least_late_ms, self._looked_at = np.inf, 0
            if stood_ms > _LATE_MS:
                gap = int(stood_ms * SAMPLE_RATE_HZ / 1000)
                self._gaps.append(len(self._blocks))
                self._blocks.append(np.zeros(gap, np.int16))
                self._samples += gap
            self._blocks.append(block.copy())
            self._samples += block.size

    def cut(self) -> tuple[SoundBlock, float]:
        """Hand out all of it and the wall time of its first sample; go on where it ended."""
        with self._lock:
            blocks, self._blocks = self._blocks, []
            self._gaps = []
            start_ms = self.start_ms or 0.0
            if self.start_ms is not None:
                self.start_ms += self._samples * 1000 / SAMPLE_RATE_HZ
            self._samples = 0
        return (np.concatenate(blocks) if blocks else np.zeros(0, np.int16)), start_ms

    def _take_back(self, early_ms: float) -> None:
        """Shorten the newest silences: nothing plays before its time, so the thread did catch up."""
        surplus = int(early_ms * SAMPLE_RATE_HZ / 1000)
        while surplus and self._gaps:
            at = self._gaps[-1]
            taken = min(surplus, self._blocks[at].size)
            self._blocks[at] = self._blocks[at][taken:]
            self._samples -= taken
            surplus -= taken
            if not self._blocks[at].size:
                self._gaps.pop()
        if surplus and self.start_ms is not None:  # the silence was handed out already
            self.start_ms -= surplus * 1000 / SAMPLE_RATE_HZ


class PeerRecorder:
    """Collects from the capture, decoder and sound threads; what is written out is forgotten.

    ``data.npz`` holds ``vtx`` and ``vrx`` (rows of wall ms, counter or -1, width, height: pictures
    taken and shown), ``atx`` and ``arx`` (int16 mono 48 kHz: said and heard) with ``atx_t``/``arx_t``
    (wall ms of the first sample) and ``atx_n``/``arx_n`` (samples from there), ``mic_t0`` (as
    ``atx_t``), ``messages`` (JSON) and ``kind``. ``thumbs.npz``: one small luma picture a second.
    """

    def __init__(self) -> None:
        self.clock = WallClock()
        self.said = Tape()
        self.heard = Tape()
        self.stats: list[dict[str, Any]] = []
        self.messages: list[str | int] = []
        self._lock = threading.Lock()
        self._seen = False
        self._taken: list[tuple[float, int, int, int]] = []
        self._shown: list[tuple[float, int, int, int]] = []
        self._thumbs: list[tuple[int, float, NDArray[np.uint8]]] = []

    def take(self, picture: Picture) -> None:
        """Note a picture from the camera."""
        row = self._row(picture.y, self.clock.at(picture.taken_ns))
        with self._lock:
            self._taken.append(row)

    def show(self, luma: NDArray[np.uint8]) -> bool:
        """Note a picture of the other side, shown now; True for the very first."""
        row = self._row(luma, self.clock.now())
        with self._lock:
            self._shown.append(row)
            if row[1] >= 0 and (not self._thumbs or row[0] - self._thumbs[-1][1] >= THUMB_EVERY_MS):
                self._thumbs.append((row[1], row[0], _shrink(luma)))
            first, self._seen = not self._seen, True
            return first

    def say(self, block: SoundBlock, taken_ns: int) -> None:
        """Note a block from the microphone; ``taken_ns`` is when it was complete."""
        length_ms = block.size * 1000 / SAMPLE_RATE_HZ
        self.said.add(block, self.clock.at(taken_ns) - length_ms)

    def hear(self, block: SoundBlock) -> None:
        """Note a block that the speaker begins to play now."""
        self.heard.add(block, self.clock.now())

    def write(self, folder: Path) -> None:
        """Write everything since the start or the last time; then go on. The folder is made."""
        folder.mkdir(parents=True, exist_ok=True)
        said, said_ms = self.said.cut()
        heard, heard_ms = self.heard.cut()
        with self._lock:
            taken, self._taken = self._taken, []
            shown, self._shown = self._shown, []
            pictures, self._thumbs = self._thumbs, []
        stats, self.stats = self.stats, []
        messages, self.messages = self.messages, []
        np.savez(
            folder / "data.npz",
            vtx=_table(taken),
            vrx=_table(shown),
            atx=said,
            atx_t=np.array([said_ms]),
            atx_n=np.array([said.size]),
            arx=heard,
            arx_t=np.array([heard_ms]),
            arx_n=np.array([heard.size]),
            mic_t0=np.array(said_ms),
            messages=np.array(json.dumps(messages)),
            kind=np.array("playout"),
        )
        thumbs: dict[str, Any] = {f"t{i}": luma for i, (_, _, luma) in enumerate(pictures)}
        thumbs["n"] = np.array([count for count, _, _ in pictures])
        thumbs["wall"] = np.array([wall_ms for _, wall_ms, _ in pictures])
        np.savez(folder / "thumbs.npz", allow_pickle=False, **thumbs)
        (folder / "stats.json").write_text(json.dumps(stats))

    @staticmethod
    def _row(luma: NDArray[np.uint8], wall_ms: float) -> tuple[float, int, int, int]:
        count = read_count(luma)
        return (wall_ms, -1 if count is None else count, int(luma.shape[1]), int(luma.shape[0]))


def _shrink(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = max(1, luma.shape[1] // THUMB_WIDTH)
    height, width = luma.shape[0] // step * step, luma.shape[1] // step * step
    blocks = luma[:height, :width].reshape(height // step, step, width // step, step)
    small: NDArray[np.uint8] = blocks.mean(axis=(1, 3)).astype(np.uint8)
    return small


def _table(rows: list[tuple[float, int, int, int]]) -> NDArray[np.float64]:
    return np.array(rows, np.float64) if rows else np.zeros((0, 4))
