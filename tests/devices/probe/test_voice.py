"""What is read from packets like those of a voice, with ITU-T G.107 worked by hand."""

import pytest

from telemed_desk.devices.probe.voice import (
    VoiceTally,
    burst_ratio,
    mos,
    mos_of,
    rating,
    share_lost,
    worst_burst,
)
from telemed_protocol.probe import Pong


def tally_of(up: list[bool], down: list[bool], *, every_s: float = 0.02) -> VoiceTally:
    """Send all; what arrives over there is answered after 40 ms, unless lost on the way back."""
    tally = VoiceTally()
    for number in range(len(up)):
        tally.send(number, number * every_s)
    came = 0
    for number, (there, back) in enumerate(zip(up, down, strict=True)):
        at = number * every_s
        if there and back:
            us = int(1e6 * (at + 0.025))
            tally.hear(at + 0.04, Pong(number, int(at * 1e6), us, 0, came))
        came = (came << 1 | there) & (1 << 64) - 1
    return tally


def test_each_way_is_told_apart_by_what_later_answers_say() -> None:
    up = [number % 5 != 2 for number in range(100)]
    down = [number % 10 != 4 for number in range(100)]
    tally = tally_of(up, down)
    assert tally.up == up
    assert share_lost(tally.up) == pytest.approx(0.2)
    assert share_lost(tally.down) == pytest.approx(10 / 80)
    figures = tally.figures(0.02)
    assert figures.rtt_ms == pytest.approx(40, abs=0.1)
    assert figures.up_jitter_ms == pytest.approx(0, abs=0.01)


def test_the_fate_of_the_last_ones_is_not_made_up() -> None:
    tally = tally_of([True] * 90 + [False] * 10, [True] * 100)
    assert len(tally.up) == 90
    assert share_lost(tally.up) == 0


def test_too_few_tell_nothing() -> None:
    assert tally_of([True] * 5, [True] * 5).figures(0.02).mos is None
    assert tally_of([True] * 100, [False] * 99 + [True]).figures(0.02).rtt_ms is None


def test_answers_that_were_never_asked_for_or_come_twice_are_passed_over() -> None:
    tally = tally_of([True] * 20, [True] * 20)
    before = tally.figures(0.02)
    tally.hear(9.0, Pong(3, 0, 0, 0, 0))
    tally.hear(9.0, Pong(1_000_000, 0, 0, 0, (1 << 64) - 1))
    assert tally.figures(0.02) == before


@pytest.mark.parametrize(
    ("lost", "every_s", "worst"),
    [
        ([], 0.02, 0.0),
        ([50], 0.02, 0.1),  # one of the ten that fit into 200 ms
        ([50, 53, 59], 0.02, 0.3),
        ([50, 60], 0.02, 0.1),
        ([50], 0.06, 0.125),  # of slow packets no fewer than eight are looked at
    ],
)
def test_bursts_are_looked_for_within_200_ms(lost: list[int], every_s: float, worst: float) -> None:
    came = [number not in lost for number in range(100)]
    assert worst_burst(came, every_s) == pytest.approx(worst)


def test_the_rating_is_the_standards() -> None:
    # G.107 with nothing wrong but 100 ms: 93.2 - 0.024 * 100
    assert rating(100, 0) == pytest.approx(90.8)
    # 300 ms: 93.2 - 7.2 - 0.11 * 122.7
    assert rating(300, 0) == pytest.approx(93.2 - 7.2 - 13.497)
    # 5 % lost at random, G.711 with concealment: 95 * 5 / (5 + 25.1)
    assert rating(0, 0.05) == pytest.approx(93.2 - 15.781, abs=0.001)
    # twice as bursty is worse: 95 * 5 / (2.5 + 25.1)
    assert rating(0, 0.05, 2.0) == pytest.approx(93.2 - 17.210, abs=0.001)
    assert mos_of(93.2) == pytest.approx(4.41, abs=0.005)
    assert mos_of(50) == pytest.approx(2.58, abs=0.01)
    assert (mos_of(-5), mos_of(120)) == (1.0, 4.5)


def test_a_copy_in_the_next_packet_makes_single_losses_good() -> None:
    single = [number % 10 != 5 for number in range(200)]
    double = [number % 20 not in (5, 6) for number in range(200)]
    assert mos(40, 0, single) == pytest.approx(mos(40, 0, [True] * 200))
    assert mos(40, 0, double) < mos(40, 0, single) - 0.2


def test_losses_in_a_row_are_a_burst() -> None:
    assert burst_ratio([True, False, True, True]) == 1.0
    assert burst_ratio([True] * 90 + [False] * 10) == pytest.approx(9.0)
    assert burst_ratio([True] * 10) == burst_ratio([False] * 10) == 1.0
