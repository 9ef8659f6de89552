"""What the headless peer writes down is what was there, on the wall clock."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from telemed_desk.media.peer_recorder import PeerRecorder, Tape
from telemed_desk.media.ports import BLOCK_SAMPLES, Picture
from tests.support.calls.recording import from_files
from tests.support.media import draw_counter


def _block(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.full(BLOCK_SAMPLES, value, np.int16)


def test_blocks_that_come_unevenly_lie_end_to_end() -> None:
    tape = Tape()
    for number, at_ms in enumerate((1000.0, 1013.0, 1019.0, 1042.0)):
        tape.add(_block(number), at_ms)
    assert tape.start_ms == 1000.0
    assert list(tape.cut()[0][::BLOCK_SAMPLES]) == [0, 1, 2, 3]


def test_a_clock_that_stood_still_leaves_silence() -> None:
    tape = Tape()
    tape.add(_block(1), 1000.0)
    tape.add(_block(2), 3010.0)
    sound, _ = tape.cut()
    assert sound.size == BLOCK_SAMPLES * 202  # 10 ms, 2 s of silence, 10 ms
    assert not sound[BLOCK_SAMPLES:-BLOCK_SAMPLES].any()
    assert sound[-1] == 2


def _laid(late_ms: list[float]) -> Tape:
    """A block each 10 ms, numbered, each this much later than it should have been."""
    tape = Tape()
    for number, late in enumerate(late_ms):
        tape.add(_block(number + 1), 1000.0 + 10 * number + late)
    return tape


def test_blocks_in_a_burst_after_a_stall_stay_where_they_belong() -> None:
    # 450 ms late, then faster than real time until it is made up for: the sound never moved.
    late = [0.0] * 50 + [450.0 - 10 * n for n in range(45)] + [0.0] * 200
    assert _laid(late).cut()[0].size == len(late) * BLOCK_SAMPLES


def test_a_stall_that_is_never_made_up_for_leaves_silence() -> None:
    late = [0.0] * 50 + [520.0] * 300  # a paced thread that goes on from now
    assert _laid(late).cut()[0].size == (len(late) + 52) * BLOCK_SAMPLES


def test_silence_put_in_too_soon_is_taken_back() -> None:
    # Late by 300 ms for longer than a second, and then made up for all the same: a starved thread.
    late = [0.0] * 50 + [300.0] * 150 + [300.0 - 10 * n for n in range(30)] + [0.0] * 200
    tape = _laid(late)
    sound, start_ms = tape.cut()
    assert start_ms == 1000.0
    assert sound.size == pytest.approx(len(late) * BLOCK_SAMPLES, abs=3 * BLOCK_SAMPLES)
    again = _laid([0.0] * 50 + [300.0] * 150)
    again.cut()  # with the silence
    for number in range(300):
        late_ms = max(0.0, 300.0 - 10 * number)
        again.add(_block(1), 1000.0 + 10 * (200 + number) + late_ms)
    _, start_ms = again.cut()
    assert start_ms == pytest.approx(1000.0 + 2000.0, abs=30)


def test_a_reused_block_is_kept_as_it_was() -> None:
    tape = Tape()
    block = _block(5)
    tape.add(block, 0.0)
    block[:] = 0
    assert tape.cut()[0][0] == 5


def test_a_cut_tape_goes_on_where_it_was_cut() -> None:
    tape = Tape()
    for number, at_ms in enumerate((1000.0, 1010.0, 1020.0)):
        tape.add(_block(number), at_ms)
    assert tape.cut()[1] == 1000.0
    tape.add(_block(9), 1037.0)  # a thread that woke late does not move the sound
    sound, start_ms = tape.cut()
    assert start_ms == 1030.0
    assert set(sound) == {9}


def test_what_was_written_is_not_written_again(tmp_path: Path) -> None:
    recorder = PeerRecorder()
    luma = np.full((360, 640), 100, np.uint8)
    draw_counter(luma, 5)
    assert recorder.show(luma)
    recorder.hear(_block(1))
    recorder.write(tmp_path / "first")
    draw_counter(luma, 6)
    assert not recorder.show(luma)  # the first picture of the call was before
    recorder.hear(_block(2))
    recorder.write(tmp_path / "second")
    first, second = from_files(tmp_path / "first"), from_files(tmp_path / "second")
    assert [row[1] for row in first.shown] == [5]
    assert [row[1] for row in second.shown] == [6]
    assert set(first.heard.samples) == {1}
    assert set(second.heard.samples) == {2}


def test_written_and_read_again(tmp_path: Path) -> None:
    recorder = PeerRecorder()
    luma = np.full((360, 640), 100, np.uint8)
    chroma = np.full((180, 320), 128, np.uint8)
    draw_counter(luma, 77)
    now_ns, now_ms = time.monotonic_ns(), time.time() * 1000
    recorder.take(Picture(luma, chroma, chroma, now_ns))
    assert recorder.show(luma)
    assert not recorder.show(np.full((360, 640), 100, np.uint8))
    recorder.say(_block(3), now_ns)
    recorder.hear(_block(4))
    recorder.messages.append("hello")
    recorder.stats.append({"concealed_ratio": 0.25})
    recorder.write(tmp_path / "out")

    read = from_files(tmp_path / "out")
    assert list(read.taken[0][1:]) == [77, 640, 360]
    assert read.taken[0][0] == pytest.approx(now_ms, abs=50)
    assert [row[1] for row in read.shown] == [77, -1]
    assert read.said.wall_ms[0] == pytest.approx(now_ms - 10, abs=50)
    assert set(read.said.samples) == {3}
    assert set(read.heard.samples) == {4}
    assert read.messages == ["hello"]
    assert read.concealed_share == 0.25
    assert json.loads((tmp_path / "out/stats.json").read_text()) == [{"concealed_ratio": 0.25}]
    with np.load(tmp_path / "out/thumbs.npz") as thumbs:
        assert thumbs["n"].tolist() == [77]
        assert thumbs["t0"].shape == (360, 640)
