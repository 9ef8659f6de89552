"""Pictures cross from one process to another: whole, newest first, and without leftovers."""

import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import Frame, FrameReader, frame_block_name, padded_stride
from telemed_desk.media.ports import Picture
from telemed_desk.media.shared_block import (
    SharedBlockMissing,
    make_block,
    new_block_name,
    remove_block,
    remove_orphans,
)

SHM = Path("/dev/shm")
WRITER = Path(__file__).with_name("torn_writer.py")


def picture(width: int, height: int, luma: int, u: int = 128, v: int = 128) -> Picture:
    half = (height // 2, width // 2)
    return Picture(
        np.full((height, width), luma, np.uint8),
        np.full(half, u, np.uint8),
        np.full(half, v, np.uint8),
        time.monotonic_ns(),
    )


@pytest.fixture
def writer() -> Iterator[FrameWriter]:
    writer = FrameWriter(frame_block_name("remote", 320, 240), 320, 240)
    yield writer
    writer.close()


def rgb(frame: Frame) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.stride)
    return rows[:, : frame.width * 3].reshape(frame.height, frame.width, 3)


def test_a_picture_arrives_once_with_its_colours(writer: FrameWriter) -> None:
    reader = FrameReader(writer.name)
    assert reader.newest() is None
    sent = picture(320, 240, 81, 90, 240)  # BT.601 red
    writer.present(sent)
    frame = reader.newest()
    assert frame is not None
    assert (frame.width, frame.height, frame.stride) == (320, 240, 960)
    assert frame.taken_ns == sent.taken_ns
    assert np.abs(rgb(frame).astype(int) - (255, 0, 0)).max() <= 4
    assert reader.newest() is None
    reader.close()


def test_only_the_newest_of_many_is_returned(writer: FrameWriter) -> None:
    reader = FrameReader(writer.name)
    for luma in range(16, 26):
        writer.present(picture(320, 240, luma))
    frame = reader.newest()
    assert frame is not None
    assert frame.sequence == 10
    assert reader.newest() is None
    reader.close()


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [(160, 120, (160, 120)), (162, 90, (162, 90)), (640, 480, (320, 240)), (640, 360, (320, 180))],
)
def test_the_resolution_may_change_between_pictures(
    writer: FrameWriter, width: int, height: int, shown: tuple[int, int]
) -> None:
    reader = FrameReader(writer.name)
    writer.present(picture(320, 240, 50))
    assert reader.newest() is not None
    writer.present(picture(width, height, 235))
    frame = reader.newest()
    assert frame is not None
    assert (frame.width, frame.height) == shown
    assert frame.stride == padded_stride(shown[0])
    assert frame.stride % 4 == 0
    assert rgb(frame).min() >= 250
    reader.close()


def test_a_half_written_picture_is_not_returned(writer: FrameWriter) -> None:
    reader = FrameReader(writer.name)
    writer.present(picture(320, 240, 50))
    path = SHM / writer.name
    with path.open("r+b") as raw:  # as if the writer had stopped in the middle of picture 1
        raw.seek(64 + 64)
        raw.write(struct.pack("<Q", 1))
    assert reader.newest() is None
    assert reader.torn > 0
    reader.close()


class LappedBlock(mmap.mmap):
    """The shared memory as a slow reader meets it: the writer laps it in the middle of its copy."""

    def lap(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile: Callable[[], None] | None = meanwhile

    def __getitem__(self, key: Any) -> Any:
        pixels = bytearray(super().__getitem__(key))
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
            half = len(pixels) // 2
            pixels[half:] = super().__getitem__(key)[half:]
        return bytes(pixels)


def test_a_picture_overwritten_during_the_copy_is_not_shown(writer: FrameWriter) -> None:
    reader = FrameReader(writer.name)
    reader.close()
    with (SHM / writer.name).open("r+b") as file:
        block = LappedBlock(file.fileno(), 0)
    reader._block = block
    writer.present(picture(320, 240, 50))

    def three_more() -> None:
        for luma in (100, 150, 200):
            writer.present(picture(320, 240, luma))

    block.lap(three_more)
    frame = reader.newest()
    assert frame is not None
    assert reader.torn == 1
    assert frame.sequence == 4
    pixels = np.frombuffer(frame.data, np.uint8)
    assert pixels.min() == pixels.max(), "two pictures in one"
    reader.close()


def test_a_size_that_does_not_fit_is_refused(writer: FrameWriter) -> None:
    reader = FrameReader(writer.name)
    writer.present(picture(320, 240, 50))
    with (SHM / writer.name).open("r+b") as raw:
        raw.seek(64 + 64 + 8)
        raw.write(struct.pack("<III", 40_000, 40_000, 120_000))
    assert reader.newest() is None
    reader.close()


def test_across_processes_no_torn_picture_is_ever_shown() -> None:
    with subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        reader = FrameReader(process.stdout.readline().strip())
        seen = 0
        last = 0
        deadline = time.monotonic() + 60
        while seen < 300 and time.monotonic() < deadline:
            frame = reader.newest()
            if frame is None:
                os.sched_yield()
                continue
            seen += 1
            assert frame.sequence > last
            last = frame.sequence
            pixels = np.frombuffer(frame.data, np.uint8)
            assert pixels.min() == pixels.max(), "two pictures in one"
        process.stdin.close()
        process.wait(20)
        assert seen == 300
        reader.close()


def test_the_copy_meets_tearing_and_says_so() -> None:
    """The check above can fail: read the slots without the guard, and torn pictures are met."""
    with subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        raw = np.memmap(SHM / process.stdout.readline().strip(), np.uint8, mode="r")
        slot = 640 * 3 * 360
        torn = False
        deadline = time.monotonic() + 60
        while not torn and time.monotonic() < deadline:
            pixels = raw[4096 : 4096 + slot].copy()
            torn = bool(pixels.min() != pixels.max())
        process.stdin.close()
        process.wait(20)
        assert torn


def test_a_reader_that_exits_leaves_the_memory_alone(writer: FrameWriter) -> None:
    code = (
        "import sys; from telemed_desk.media.frames import FrameReader;"
        "FrameReader(sys.argv[1]).newest()"
    )
    subprocess.run([sys.executable, "-c", code, writer.name], check=True, timeout=60)
    assert (SHM / writer.name).exists()
    FrameReader(writer.name).close()


def test_closing_removes_the_memory_and_it_was_private(writer: FrameWriter) -> None:
    path = SHM / writer.name
    assert path.stat().st_mode & 0o777 == 0o600
    writer.close()
    assert not path.exists()
    writer.present(picture(320, 240, 50))  # a decoder thread may be late
    with pytest.raises(SharedBlockMissing):
        FrameReader(writer.name)


def test_memory_of_a_killed_writer_is_swept() -> None:
    with subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert (SHM / name).exists()
    assert remove_orphans() >= 1
    assert not (SHM / name).exists()


@pytest.mark.parametrize("name", ["", "../etc/passwd", "telemed-video-1-remote-zz-10", "x" * 300])
def test_names_that_are_not_ours_are_refused(name: str) -> None:
    with pytest.raises(SharedBlockMissing):
        FrameReader(name)


def test_a_block_without_our_header_is_refused() -> None:
    name = new_block_name("remote", 8192)
    make_block(name).close()
    try:
        with pytest.raises(SharedBlockMissing):
            FrameReader(name)
    finally:
        remove_block(name)
