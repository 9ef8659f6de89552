"""The figures of a call, worked out from recordings whose truth is known."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calls.figures import DirectionFigures, direction_figures, lateness, spoilt_by
from tests.support.calls.picture_quality import FilmLuma, compare_samples
from tests.support.calls.pictures import compare_pictures, picture_back_ms
from tests.support.calls.recording import Pictures, Recording, Sample
from tests.support.calls.run import CallRecord
from tests.support.calls.voice import (
    QualityToolMissing,
    compare_voice,
    first_heard_ms,
    quality_of,
    require_quality_tool,
)
from tests.support.link.emulated import Counters
from tests.support.media import SAMPLE_RATE_HZ, Samples, make_speech, talk_file
from tests.support.sound import Sound

BEGAN_MS = 1_000_000.0
CLICK_MS = BEGAN_MS + 1000
SECONDS = 25.0
END_MS = CLICK_MS + SECONDS * 1000
SPEECH = make_speech(27)
WIRE = Counters(
    in_packets=1000,
    in_bytes=600_000,
    out_packets=900,
    out_bytes=500_000,
    lost=80,
    overflowed=20,
    longest_queue_ms=40.0,
    late_packets=0,
    latest_ms=1.0,
)


@pytest.fixture
def no_quality_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that never ran setup.sh bench."""
    monkeypatch.setitem(sys.modules, "pesq", None)


def _taken(seconds: float = 26.0) -> Pictures:
    return np.array(
        [[BEGAN_MS + n * 1000 / 30, n % 600, 320, 180] for n in range(int(seconds * 30))]
    )


def _shown(taken: Pictures, late_ms: float) -> Pictures:
    shown = taken.copy()
    shown[:, 0] += late_ms
    return shown


def _without(shown: Pictures, from_ms: float, to_ms: float) -> Pictures:
    return shown[(shown[:, 0] <= from_ms) | (shown[:, 0] >= to_ms)]


def _said() -> Sound:
    return Sound.from_start(SPEECH, BEGAN_MS)


def _heard(late_ms: float, samples: Samples | None = None) -> Sound:
    """What was said, later; nothing of it before the click."""
    sound = (SPEECH if samples is None else samples).copy()
    sound[: int((CLICK_MS - BEGAN_MS) * 48)] = 0
    return Sound.from_start(sound, BEGAN_MS + late_ms)


def _hush(samples: Samples, from_s: float, to_s: float) -> Samples:
    """Silence from one to another moment after the click, as the listener would have it."""
    holed = samples.copy()
    first = (CLICK_MS - BEGAN_MS) / 1000
    holed[int((first + from_s) * SAMPLE_RATE_HZ) : int((first + to_s) * SAMPLE_RATE_HZ)] = 0
    return holed


def _recording(**parts: object) -> Recording:
    nothing = np.zeros((0, 4))
    silence = Sound.from_start(np.zeros(0, np.int16), 0.0)
    made = Recording(nothing, nothing, silence, silence)
    return replace(made, **parts)  # type: ignore[arg-type]  # named parts of a dataclass


def _figures(
    sender: Recording, receiver: Recording, back_from: int | None = None, changes_s: float = 10.0
) -> DirectionFigures:
    call = CallRecord(
        CLICK_MS,
        END_MS,
        sender,
        receiver,
        events=[],
        link={"ab": WIRE, "ba": WIRE},
        cpu_cores={"a": 0.25, "b": 0.5},
        changes_ms=[CLICK_MS + changes_s * 1000],
        memory_mb={"a": 100.0, "b": 200.0},
    )
    film = talk_file(320, 180, pictures=60)
    return direction_figures(call, "ab", "oc", film, back_from)


def test_a_whole_direction_tells_what_was_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.calls.voice.quality_of", lambda *_: 3.21)
    taken = _taken()
    # From 5 s after the click 20 s are measured; nothing new for exactly 2 s of them.
    last_ms = taken[450, 0] + 100  # a picture's beat, in the middle of the stretch
    shown = _without(_shown(taken, 100), last_ms, last_ms + 2000)
    figures = _figures(
        _recording(taken=taken, said=_said()),
        _recording(shown=shown, heard=_heard(123), concealed_share=0.07),
    )
    assert (figures.sender, figures.receiver) == ("o", "c")
    assert figures.frozen_200 == pytest.approx(0.10, abs=1e-6)
    assert figures.frozen_1000 == pytest.approx(0.10, abs=1e-6)
    assert figures.longest_gap_s == pytest.approx(2.0)
    assert figures.fps == pytest.approx(27, abs=0.2)
    assert figures.picture_p50_ms == pytest.approx(100, abs=0.1)
    assert figures.picture_p95_ms == pytest.approx(100, abs=0.1)
    assert figures.lines == 180
    assert figures.ear_p50_ms == pytest.approx(123, abs=0.1)
    assert figures.ear_p95_ms == pytest.approx(123, abs=0.1)
    assert figures.recognised_share == 1.0
    assert figures.heard_share > 0.98
    assert figures.lip_ms == pytest.approx(-23, abs=0.2)
    assert figures.quality == pytest.approx(3.21)
    assert figures.concealed_share == 0.07
    assert figures.lost_share == pytest.approx(0.1)
    assert figures.wire_kbps == pytest.approx(160)
    assert (figures.sender_cores, figures.receiver_cores) == (0.25, 0.5)
    assert (figures.sender_mb, figures.receiver_mb) == (100, 200)
    assert figures.sound_back_s is None  # nothing was disturbed
    # The film began before the click, so the first picture is shown right after it.
    assert figures.first_picture_s == pytest.approx(-0.9, abs=0.01)


def test_freezes_are_counted_from_each_limit_on(no_quality_tool: None) -> None:
    taken = _taken()
    shown = _shown(taken, 50)
    beats = taken[200:, 0] + 50
    for at, length_ms in ((beats[0], 300), (beats[100], 700), (beats[200], 1500)):
        shown = _without(shown, at, at + length_ms)
    report = compare_pictures(taken, shown, CLICK_MS, CLICK_MS + 5000, END_MS)
    assert report.frozen_shares[200.0] == pytest.approx(2.5 / 20, abs=0.002)
    assert report.frozen_shares[400.0] == pytest.approx(2.2 / 20, abs=0.002)
    assert report.frozen_shares[1000.0] == pytest.approx(1.5 / 20, abs=0.002)


def test_delay_flatters_who_freezes_and_age_does_not() -> None:
    taken = _taken()
    shown = _shown(taken, 80)
    # Once a second one picture, at its time; all others never.
    rare = shown[::30]
    report = compare_pictures(taken, rare, CLICK_MS, CLICK_MS + 5000, END_MS)
    assert report.delay_p95_ms == pytest.approx(80)
    assert report.age_p50_ms == pytest.approx(80 + 500, abs=15)
    assert report.age_p95_ms == pytest.approx(80 + 950, abs=15)
    assert report.frozen_share == pytest.approx(1.0, abs=0.01)


def test_the_first_sound_is_found(no_quality_tool: None) -> None:
    for silent_s in (0.3, 1.5, 6.0):
        heard = _heard(200, _hush(SPEECH, 0, silent_s))
        first_ms = first_heard_ms(_said(), heard, CLICK_MS, END_MS)
        assert first_ms is not None
        # The speaker may pause just then, for 0.4 s at most.
        assert -0.03 <= (first_ms - CLICK_MS) / 1000 - (silent_s + 0.2) <= 0.45


def test_a_snippet_by_itself_is_not_the_first_sound() -> None:
    heard = np.zeros(SPEECH.size, np.int16)
    at = int((CLICK_MS - BEGAN_MS) * 48)
    snippet = slice(at, at + 38_400)
    heard[at + 24_000 : at + 24_000 + 38_400] = SPEECH[snippet]  # 0.8 s, half a second late
    rest = at + 2 * SAMPLE_RATE_HZ
    heard[rest + 9600 :] = SPEECH[rest:-9600]  # and from 2 s on all of it, 0.2 s late
    first_ms = first_heard_ms(_said(), Sound.from_start(heard, BEGAN_MS), CLICK_MS, END_MS)
    assert first_ms is not None
    assert 2.15 <= (first_ms - CLICK_MS) / 1000 <= 2.65


def test_what_never_came_is_told_as_nothing() -> None:
    silent = Sound.from_start(np.zeros(SPEECH.size, np.int16), BEGAN_MS)
    assert first_heard_ms(_said(), silent, CLICK_MS, CLICK_MS + 10_000) is None
    report = compare_voice(_said(), silent, CLICK_MS, END_MS, quality=False)
    assert (report.found_share, report.delay_p50_ms, report.heard_share) == (0, None, 0)
    other = Sound.from_start(make_speech(27, seed=5), BEGAN_MS)
    assert first_heard_ms(_said(), other, CLICK_MS, CLICK_MS + 10_000) is None
    assert compare_voice(_said(), other, CLICK_MS, END_MS, quality=False).found_share < 0.02


def test_coming_back_after_an_outage_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.calls.voice.quality_of", lambda *_: None)
    taken = _taken()
    up_ms = CLICK_MS + 15_000  # the link is back; the last of before was heard at 10 s
    shown = _without(_shown(taken, 90), CLICK_MS + 10_000, up_ms + 800)
    heard = _heard(0, _hush(SPEECH, 10, 15.6))
    late = Sound(heard.samples, heard.wall_ms + 60, heard.index)
    figures = _figures(
        _recording(taken=taken, said=_said()),
        _recording(shown=shown, heard=late),
        back_from=0,
        changes_s=15.0,
    )
    assert figures.picture_back_s == pytest.approx(0.8, abs=0.04)
    assert figures.sound_back_s is not None
    assert 0.63 <= figures.sound_back_s <= 1.1


def test_a_picture_of_before_the_outage_is_not_the_picture_back() -> None:
    taken = _taken()
    up_ms = CLICK_MS + 15_000
    shown = _without(_shown(taken, 90), CLICK_MS + 10_000, up_ms + 2000)
    held = taken[(taken[:, 0] > CLICK_MS + 10_000)][:1].copy()
    held[0, 0] = up_ms + 100  # taken 5 s ago, shown now
    rows = np.concatenate([shown, held])
    ordered = rows[np.argsort(rows[:, 0])]
    back_ms = picture_back_ms(taken, ordered, up_ms)
    assert back_ms == pytest.approx(up_ms + 2000, abs=40)


def test_a_voice_that_never_stopped_is_back_at_once() -> None:
    back_ms = first_heard_ms(_said(), _heard(80), CLICK_MS + 10_000, END_MS)
    assert back_ms is not None
    assert back_ms - (CLICK_MS + 10_000) < 450


def _film_samples(spoil: float = 0.0) -> list[Sample]:
    film = FilmLuma(talk_file(320, 180, pictures=60))
    rng = np.random.default_rng(1)
    samples = []
    for n in range(20):
        luma = film.picture(n * 3).astype(np.float64)
        noisy = np.clip(luma + rng.normal(0, spoil, luma.shape), 0, 255).astype(np.uint8)
        samples.append(Sample(n * 3, CLICK_MS + 1000 * n, noisy))
    return samples


def test_the_likeness_of_the_same_picture_is_one_and_falls_with_noise() -> None:
    film = FilmLuma(talk_file(320, 180, pictures=60))
    same = compare_samples(_film_samples(), film, CLICK_MS, END_MS)
    assert same.sampled == 20
    assert same.mean == pytest.approx(1.0)
    slight = compare_samples(_film_samples(3), film, CLICK_MS, END_MS).mean
    strong = compare_samples(_film_samples(20), film, CLICK_MS, END_MS).mean
    assert slight is not None
    assert strong is not None
    assert 1 > slight > strong + 0.2
    assert compare_samples(_film_samples(), film, END_MS, END_MS + 1).mean is None


def test_a_picture_of_another_moment_is_less_alike() -> None:
    film = FilmLuma(talk_file(320, 180, pictures=60))
    wrong = [replace(s, counter=(s.counter + 15) % 60) for s in _film_samples()]
    mean = compare_samples(wrong, film, CLICK_MS, END_MS).mean
    assert mean is not None
    assert mean < 0.97


def test_speech_quality_knows_same_from_holed_or_says_that_it_is_not_there() -> None:
    if importlib.util.find_spec("pesq") is None:
        with pytest.raises(QualityToolMissing, match=r"setup\.sh bench"):
            quality_of(_said(), _heard(0), CLICK_MS + 5000, 0)
        return
    at = CLICK_MS + 5000
    same = quality_of(_said(), _heard(40), at, 40)
    holed = SPEECH.copy().reshape(-1, SAMPLE_RATE_HZ // 50)[: SPEECH.size * 50 // SAMPLE_RATE_HZ]
    lost = np.random.default_rng(2).random(len(holed)) < 0.1
    holed[lost] = 0
    worse = quality_of(_said(), _heard(40, holed.reshape(-1)), at, 40)
    assert same is not None
    assert same > 4.5
    assert worse is not None
    assert worse < 2.5
    silent = Sound.from_start(np.zeros(SPEECH.size, np.int16), BEGAN_MS)
    assert quality_of(_said(), silent, at, 0) == 1.0


def test_without_the_quality_tool_one_is_told_how_to_get_it(
    no_quality_tool: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(QualityToolMissing, match=r"setup\.sh bench"):
        quality_of(_said(), _heard(0), CLICK_MS + 5000, 0)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(QualityToolMissing, match="python3-dev"):
        require_quality_tool()


def _held(busy: float, late_packets: int, latest_ms: float) -> CallRecord:
    wire = replace(WIRE, late_packets=late_packets, latest_ms=latest_ms)
    nothing = _recording()
    return CallRecord(
        CLICK_MS,
        END_MS,
        nothing,
        nothing,
        events=[],
        link={"ab": wire, "ba": WIRE},
        busy_shares=[busy - 0.05, busy + 0.05],
    )


def test_a_busy_machine_or_a_late_emulator_spoils_a_run() -> None:
    assert spoilt_by(_held(0.84, 0, 3)) == ""
    assert "86% busy" in spoilt_by(_held(0.86, 0, 3))
    assert lateness(_held(0.5, 36, 12)) == pytest.approx((0.02, 12))
    assert "late" in spoilt_by(_held(0.5, 36, 12))
    assert "late" in spoilt_by(_held(0.5, 1, 150))


def test_who_gave_up_is_told_by_the_last_state() -> None:
    def states(*values: str) -> CallRecord:
        call = _held(0.5, 0, 0)
        call.events = [{"ev": "connectionState", "who": "a", "v": value} for value in values]
        return call

    assert states("connected", "failed").ended_by("a")
    assert states("connected", "closed").ended_by("a")
    assert not states("connected", "failed", "connected").ended_by("a")
    assert not states("connected", "disconnected").ended_by("a")
    gone = states("connected")
    gone.events.append({"ev": "gone", "who": "a"})
    assert gone.ended_by("a")


def test_the_film_is_read_as_it_was_drawn(tmp_path: Path) -> None:
    film = FilmLuma(talk_file(640, 360, pictures=60))
    assert film.picture(3).shape == (360, 640)
    assert np.array_equal(film.picture(3), film.picture(63))  # it loops
    assert not np.array_equal(film.picture(3), film.picture(4))
