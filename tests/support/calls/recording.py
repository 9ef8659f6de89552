"""What one end of a test call took, showed, said and heard, on the wall clock of this machine."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.media import SAMPLE_RATE_HZ
from tests.support.sound import Sound

_CLOCK_SPAN = 20
"""Batches (100 ms each) on either side over which the browser's sound clock is smoothed."""

Pictures = NDArray[np.float64]
"""Rows of wall ms, counter (-1: not readable), width, height."""


@dataclass(frozen=True)
class Sample:
    """A picture kept of those shown, about one a second: brightness only, at most 640 wide or so."""

    counter: int
    shown_ms: float
    luma: NDArray[np.uint8]


@dataclass
class Recording:
    """One end's record.

    Attributes:
        taken: Pictures from the own camera.
        shown: Pictures of the other side.
        said: From the own microphone.
        heard: What the speaker was given.
        stats: One dict a second, as the endpoint has them.
        messages: What came through the data channel.
        concealed_share: Share of heard samples that the endpoint says it made up; None: not told.
        samples: Some of the pictures shown.
    """

    taken: Pictures
    shown: Pictures
    said: Sound
    heard: Sound
    stats: list[dict[str, Any]] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    concealed_share: float | None = None
    samples: list[Sample] = field(default_factory=list)


def _pictures(rows: Any) -> Pictures:
    table = np.asarray(rows, dtype=np.float64)
    return table[:, :4] if table.size else np.zeros((0, 4))


def from_browser(numbers: str, said: str, heard: str, samples: str = "") -> Recording:
    """Make a recording of what the page in ``endpoint.js`` handed over."""
    data = json.loads(numbers)
    clock = np.asarray(data["clock"], dtype=np.float64).reshape(-1, 3)
    starts, counts, noted = clock.T
    # The time is noted a little after the last sample; the least delayed notes nearby show the truth.
    ahead = noted - (starts + counts) * 1000 / SAMPLE_RATE_HZ
    floor = [ahead[max(0, i - _CLOCK_SPAN) : i + _CLOCK_SPAN + 1].min() for i in range(ahead.size)]
    wall_ms = np.array(floor) + starts * 1000 / SAMPLE_RATE_HZ
    index = np.concatenate([[0.0], np.cumsum(counts)[:-1]])
    said_sound, heard_sound = (
        Sound(np.frombuffer(base64.b64decode(text), np.int16), wall_ms, index)
        for text in (said, heard)
    )
    concealed = None
    for line in data["stats"]:
        inbound = line.get("inbound-rtp:audio", {})
        if inbound.get("totalSamplesReceived"):
            concealed = inbound.get("concealedSamples", 0) / inbound["totalSamplesReceived"]
    return Recording(
        _pictures(data["taken"]),
        _pictures(data["shown"]),
        said_sound,
        heard_sound,
        stats=data["stats"],
        messages=data["messages"],
        concealed_share=concealed,
        samples=_browser_samples(data.get("samples", []), base64.b64decode(samples)),
    )


def _browser_samples(rows: list[list[float]], raw: bytes) -> list[Sample]:
    samples, at = [], 0
    for counter, shown_ms, width, height in rows:
        size = int(width) * int(height)
        luma = np.frombuffer(raw, np.uint8, size, at).reshape(int(height), int(width))
        samples.append(Sample(int(counter), shown_ms, luma))
        at += size
    return samples


def _file_samples(path: Path) -> list[Sample]:
    if not path.exists():
        return []
    with np.load(path) as data:
        return [
            Sample(int(counter), float(shown_ms), data[f"t{i}"])
            for i, (counter, shown_ms) in enumerate(zip(data["n"], data["wall"], strict=True))
        ]


def from_files(folder: Path) -> Recording:
    """Make a recording of the files of an endpoint program (kind ``playout``)."""
    stats: list[dict[str, Any]] = json.loads((folder / "stats.json").read_text())
    concealed = [
        line["concealed_ratio"] for line in stats if line.get("concealed_ratio") is not None
    ]
    with np.load(folder / "data.npz") as data:
        if str(data["kind"]) != "playout":
            raise ValueError(f"recording of unknown kind {data['kind']}")
        return Recording(
            _pictures(data["vtx"]),
            _pictures(data["vrx"]),
            _sound(data["atx"], data["atx_t"], data["atx_n"]),
            _sound(data["arx"], data["arx_t"], data["arx_n"]),
            stats=stats,
            messages=json.loads(str(data["messages"])),
            # each line tells of the second before it
            concealed_share=sum(concealed) / len(concealed) if concealed else None,
            samples=_file_samples(folder / "thumbs.npz"),
        )


def _sound(samples: Any, wall_ms: Any, counts: Any) -> Sound:
    if counts.size == 0:
        return Sound.from_start(np.zeros(0, np.int16), 0.0)
    index = np.concatenate([[0.0], np.cumsum(counts)[:-1]])
    return Sound(samples, np.asarray(wall_ms, np.float64), index.astype(np.float64))
