"""Film and speech to call with, and the counter by which a picture is recognised on the far side.

Everything is made here from a fixed seed: no recording of a person, no speech program.
The counter is written down a second time on purpose (the product has its own in ``media/sources``):
a slip in either shows as a picture that nobody recognises.
"""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.cache import cached

SAMPLE_RATE_HZ = 48_000
COUNTER_MODULO = 600
SPEECH_S = 20
_VERSION = 1
"""Part of the cached files' names: raise it when what is drawn or spoken changes."""

Luma = NDArray[np.uint8]
Samples = NDArray[np.int16]

# ---- the counter ---------------------------------------------------------------------------------


def counter_bits(count: int) -> list[int]:
    """Return the 16 blocks: 1, 0, ten bits Gray code, four bits checksum; high bits first."""
    gray = count ^ (count >> 1)
    check = (count * 7 + 3) % 16
    return [1, 0, *(int(bit) for bit in f"{gray:010b}"), *(int(bit) for bit in f"{check:04b}")]


def draw_counter(luma: Luma, count: int) -> None:
    """Draw the counter over the full width in the top fifteenth of the picture."""
    height, width = luma.shape
    edges = np.arange(17) * (width // 16)
    for left, right, bit in zip(edges, edges[1:], counter_bits(count), strict=False):
        luma[: height * 48 // 720, left:right] = 225 if bit else 25


def read_counter(luma: Luma) -> int | None:
    """Return the counter of a picture, None when there is none that can be read."""
    height, width = luma.shape
    strip = height * 48 / 720
    rows = luma[int(strip * 0.3) : max(int(strip * 0.3) + 1, int(strip * 0.7))]
    block = width / 16
    level = [rows[:, int((i + 0.3) * block) : int((i + 0.7) * block)].mean() for i in range(16)]
    if level[0] - level[1] < 40:
        return None
    bits = [int(value > (level[0] + level[1]) / 2) for value in level]
    for count in _COUNTS.get(tuple(bits), ()):
        return count
    return None


_COUNTS = {tuple(counter_bits(n)): (n,) for n in range(COUNTER_MODULO)}

# ---- film ----------------------------------------------------------------------------------------


def talk_file(width: int = 640, height: int = 360, pictures: int = 300, fps: int = 30) -> Path:
    """Return a y4m of somebody talking in front of a shelf, so to say; loops without a jump.

    Picture n carries counter n. ``pictures`` at most 600. A call's delay can be told up to the
    length of the loop.
    """
    name = f"talk-{width}x{height}-{pictures}@{fps}-v{_VERSION}.y4m"
    return cached(name, lambda path: _write_talk(path, width, height, pictures, fps))


def _write_talk(path: Path, width: int, height: int, pictures: int, fps: int) -> None:
    shelf = _shelf(width, height)
    rng = np.random.default_rng(7)
    grain = [rng.normal(0, 1.6, (height, width)).astype(np.int16) for _ in range(7)]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    axes = (across, down)
    unit = height / 720
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for n in range(pictures):
            turn = 2 * np.pi * n / pictures
            head_x = width / 2 + (55 * np.sin(2 * turn) + 12 * np.sin(8 * turn)) * unit
            head_y = 370 * unit + 18 * np.sin(4 * turn) * unit
            luma = shelf.copy()
            body = _ellipse(axes, (head_x, 760 * unit), 330 * unit, 230 * unit)
            head = _ellipse(axes, (head_x, head_y), 135 * unit, 180 * unit)
            opening = (4 + 22 * abs(np.sin(pictures / fps * 2.2 * turn))) * unit
            mouth = _ellipse(axes, (head_x, head_y + 85 * unit), 42 * unit, opening)
            luma[body], luma[head], luma[mouth] = 80, 175, 60
            luma = np.clip(luma + grain[n * 3 % 7], 16, 235).astype(np.uint8)
            draw_counter(luma, n)
            blue, red = chroma.copy(), chroma.copy()
            blue[head[::2, ::2]], red[head[::2, ::2]] = 110, 150
            file.write(b"FRAME\n")
            for plane in (luma, blue, red):
                file.write(plane.tobytes())


def _shelf(width: int, height: int) -> NDArray[np.int16]:
    rng = np.random.default_rng(3)
    wall = np.full((height, width), 160, np.float64)
    for _ in range(140):
        x, y = rng.integers(0, width), rng.integers(0, height)
        across, down = (
            rng.integers(width // 80, width // 10),
            rng.integers(height // 24, height // 5),
        )
        wall[y : y + down, x : x + across] = rng.integers(40, 220)
    for _ in range(3):  # a camera's focus is never this sharp
        wall = (wall + np.roll(wall, 1, 0) + np.roll(wall, 1, 1) + np.roll(wall, -1, 0)) / 4
    return wall.astype(np.int16)


def _ellipse(
    axes: tuple[NDArray[np.float32], NDArray[np.float32]],
    middle: tuple[float, float],
    half_width: float,
    half_height: float,
) -> NDArray[np.bool_]:
    across, down = (axes[0] - middle[0]) / half_width, (axes[1] - middle[1]) / half_height
    inside: NDArray[np.bool_] = across**2 + down**2 < 1
    return inside


# ---- speech --------------------------------------------------------------------------------------


def speech_file() -> Path:
    """Return a wav (48 kHz, mono, 20 s) of babble with the rhythm and spectrum of speech."""
    return cached(f"speech-{SPEECH_S}s-v{_VERSION}.wav", _write_speech)


def read_wav(path: Path) -> Samples:
    """Samples of a 48 kHz mono 16-bit wav."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def _write_speech(path: Path) -> None:
    sound = make_speech(SPEECH_S)
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(sound.tobytes())


def make_speech(seconds: float, seed: int = 11) -> Samples:
    """Syllables (a hiss, then a vowel with gliding pitch and formants) with pauses between words.

    No two syllables are alike, so that correlation finds the one place where a piece belongs.
    """
    rng = np.random.default_rng(seed)
    total = int(seconds * SAMPLE_RATE_HZ)
    sound = np.zeros(total)
    at = SAMPLE_RATE_HZ // 4
    syllables_left = 5
    while at < total - SAMPLE_RATE_HZ // 2:
        hiss = _hiss(rng, rng.uniform(0.03, 0.08))
        vowel = _vowel(rng, rng.uniform(0.12, 0.28))
        for piece in (hiss, vowel):
            sound[at : at + piece.size] += piece
            at += int(piece.size * 0.9)
        syllables_left -= 1
        pause_s = rng.uniform(0.02, 0.08)
        if syllables_left == 0:
            pause_s, syllables_left = rng.uniform(0.2, 0.4), int(rng.integers(4, 9))
        at += int(pause_s * SAMPLE_RATE_HZ)
    scaled: Samples = (sound / np.abs(sound).max() * 16_000).astype(np.int16)
    return scaled


def _window(samples: int) -> NDArray[np.float64]:
    shape: NDArray[np.float64] = np.sin(np.pi * np.arange(samples) / samples) ** 0.6
    return shape


def _hiss(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    noise = rng.normal(0, 0.12, int(seconds * SAMPLE_RATE_HZ))
    noise[1:] -= 0.8 * noise[:-1]
    return np.asarray(noise * _window(noise.size))


def _vowel(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = np.linspace(rng.uniform(95, 190), rng.uniform(95, 190), time_s.size)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    formants_hz = [rng.uniform(300, 800), rng.uniform(900, 2200), rng.uniform(2400, 3200)]
    voice = np.zeros(time_s.size)
    for harmonic in range(1, int(4000 / 95)):
        frequency = harmonic * float(pitch_hz.mean())
        gain = sum(
            weight / (1 + ((frequency - formant) / 120) ** 2)
            for weight, formant in zip((1.0, 0.5, 0.25), formants_hz, strict=True)
        )
        voice += gain * np.sin(harmonic * phase + rng.uniform(0, 6.28))
    return voice * _window(time_s.size)
