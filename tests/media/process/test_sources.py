"""Stand-ins for devices: counted pictures, looped films and sounds, in real time and without end."""

import itertools
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.devices.problems import CameraMissing, MicrophoneMissing, SpeakerFailed
from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.ports import BLOCK_SAMPLES, Picture, SoundBlock
from telemed_desk.media.sources.barcode import COUNT_MODULO, draw_count, read_count
from telemed_desk.media.sources.newest import NewestPicture
from telemed_desk.media.sources.opening import (
    Camera,
    open_camera,
    open_microphone,
    open_speaker,
)
from telemed_desk.media.sources.pattern import PatternCamera
from telemed_desk.media.sources.sound_hub import BlockCutter

WAIT_S = 30.0


def ignore(_code: str, _detail: str) -> None:
    return


def counts(camera: Camera, how_many: int) -> list[int]:
    """Return the counters of the next pictures, in order."""
    seen: list[int] = []
    last_ns = 0
    while len(seen) < how_many:
        picture = camera.wait_newer(last_ns, WAIT_S)
        assert picture is not None, "no further picture"
        assert picture.taken_ns > last_ns
        last_ns = picture.taken_ns
        count = read_count(picture.y)
        assert count is not None
        seen.append(count)
    return seen


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 180), (176, 144)])
def test_every_count_can_be_read_back(size: tuple[int, int]) -> None:
    for count in range(0, COUNT_MODULO, 7):
        luma = np.full((size[1], size[0]), 128, np.uint8)
        draw_count(luma, count)
        assert read_count(luma) == count


def test_a_picture_without_a_counter_has_none() -> None:
    assert read_count(np.full((360, 640), 128, np.uint8)) is None
    luma = np.full((360, 640), 128, np.uint8)
    draw_count(luma, 5)
    luma[:24, 15 * 40 :] = 235 - luma[0, 639]  # the last bit of the checksum turned over
    assert read_count(luma) is None


def test_the_pattern_counts_up_in_real_time() -> None:
    camera = open_camera("pattern:320x240@30", ignore)
    assert camera is not None
    seen = counts(camera, 10)
    camera.close()
    assert seen == sorted(seen)
    assert len(set(seen)) == 10
    assert camera.newest() is None


def write_film(path: Path, pictures: int) -> None:
    pattern = PatternCamera(UsePattern(320, 240, 30), ignore)
    with av.open(str(path), "w", format="yuv4mpegpipe") as film:
        stream = film.add_stream("rawvideo", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(pictures):
            picture = pattern.draw(number)
            planes = np.concatenate([p.reshape(-1) for p in (picture.y, picture.u, picture.v)])
            frame = av.VideoFrame.from_ndarray(planes.reshape(360, 320), format="yuv420p")
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def test_a_film_is_played_round_and_round(tmp_path: Path) -> None:
    write_film(tmp_path / "film.y4m", 6)
    camera = open_camera(f"file:{tmp_path}/film.y4m", ignore)
    assert camera is not None
    seen = counts(camera, 14)
    camera.close()
    assert set(seen) <= set(range(6))
    assert any(later < earlier for earlier, later in itertools.pairwise(seen))


@pytest.mark.parametrize("content", [None, b"no film", b""])
def test_a_film_that_cannot_be_played_is_a_missing_camera(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "film.y4m"
    if content is not None:
        path.write_bytes(content)
    told = threading.Event()
    codes: list[str] = []

    def on_state(code: str, _detail: str) -> None:
        codes.append(code)
        told.set()

    camera = open_camera(f"file:{path}", on_state)
    assert camera is not None
    assert told.wait(WAIT_S)
    assert codes == [CameraMissing.code]
    assert camera.newest() is None
    write_film(path, 3)  # and when it is there, it plays
    assert camera.wait_newer(0, WAIT_S) is not None
    camera.close()


def test_waiting_for_a_newer_picture_ends_in_time() -> None:
    newest = NewestPicture()
    luma = np.zeros((2, 2), np.uint8)
    newest.put(Picture(luma, luma[:1, :1], luma[:1, :1], 5))
    assert newest.wait_newer(5, 0.01) is None
    assert newest.wait_newer(4, 0.01) is not None
    newest.clear()
    assert newest.newest() is None


# ---- sound ---------------------------------------------------------------------------------------


def listen(text: str, blocks: int, on_state: Callable[[str, str], None] = ignore) -> SoundBlock:
    microphone = open_microphone(text, on_state)
    assert microphone is not None
    heard: list[SoundBlock] = []
    enough = threading.Event()

    def on_block(block: SoundBlock, _taken_ns: int) -> None:
        heard.append(block)
        if len(heard) >= blocks:
            enough.set()

    end = microphone.subscribe(on_block)
    assert enough.wait(WAIT_S)
    end()
    microphone.close()
    assert all(block.size == BLOCK_SAMPLES for block in heard)
    return np.concatenate(heard[:blocks])


def test_a_tone_goes_on_without_a_click() -> None:
    sound = listen("tone:1000", 20).astype(int)
    assert np.abs(np.diff(sound)).max() < 8000 * 2 * np.pi * 1000 / 48_000 + 2


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (16_000, 1), (44_100, 2)])
def test_a_wav_is_looped_at_its_pitch(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    tone = (8000 * np.sin(2 * np.pi * 500 * np.arange(rate // 10) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone, channels).tobytes())
    sound = listen(f"file:{path}", 50)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    assert np.argmax(spectrum) * 48_000 / sound.size == pytest.approx(500, abs=4)


def test_a_wav_that_is_none_is_a_missing_microphone(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF....")
    told = threading.Event()
    codes: list[str] = []

    def on_state(code: str, _detail: str) -> None:
        codes.append(code)
        told.set()

    microphone = open_microphone(f"file:{tmp_path}/a.wav", on_state)
    assert microphone is not None
    assert told.wait(WAIT_S)
    microphone.close()
    assert codes == [MicrophoneMissing.code]


@given(st.lists(st.integers(0, 1500), max_size=20))
def test_blocks_are_cut_without_losing_a_sample(sizes: list[int]) -> None:
    cutter = BlockCutter()
    sound = np.arange(sum(sizes)).astype(np.int16)
    out: list[SoundBlock] = []
    at = 0
    for size in sizes:
        out += cutter.feed(sound[at : at + size])
        at += size
    whole = sound.size // BLOCK_SAMPLES * BLOCK_SAMPLES
    joined = np.concatenate(out) if out else np.zeros(0, np.int16)
    assert np.array_equal(joined, sound[:whole])


def test_what_is_played_is_in_the_file_while_it_is_open(tmp_path: Path) -> None:
    """As after a kill: nobody closes the file."""
    pulled = 0

    def pull(samples: int) -> SoundBlock:
        nonlocal pulled
        pulled += samples
        return np.full(samples, 1234, np.int16)

    speaker = open_speaker(f"file:{tmp_path}/out.wav", pull, ignore)
    assert speaker is not None
    deadline = time.monotonic() + WAIT_S
    sound = np.zeros(0, np.int16)
    while sound.size < 48_000:
        assert time.monotonic() < deadline
        try:
            with wave.open(str(tmp_path / "out.wav"), "rb") as file:
                sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        except (EOFError, FileNotFoundError):
            continue
    speaker.close()
    assert set(sound.tolist()) == {1234}
    with wave.open(str(tmp_path / "out.wav"), "rb") as file:
        assert file.getnframes() == pulled


def test_a_speaker_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    told = threading.Event()
    codes: list[str] = []

    def on_state(code: str, _detail: str) -> None:
        codes.append(code)
        told.set()

    speaker = open_speaker(
        f"file:{tmp_path}/no/such/out.wav", lambda n: np.zeros(n, np.int16), on_state
    )
    assert speaker is not None
    assert told.wait(WAIT_S)
    speaker.close()
    assert codes == [SpeakerFailed.code]
