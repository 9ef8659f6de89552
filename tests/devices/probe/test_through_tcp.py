"""Trains through TCP, where one lost packet holds up all behind it until it was sent again."""

import pytest

from telemed_desk.devices.probe.plan import STANDARD
from telemed_desk.devices.probe.seen import Sample, in_order_bps, slope_bps
from tests.devices.probe.simulated_link import Simulation, Way

LINKS = {
    "900 kbit/s, 1 %": Way(bps=9e5, queue_bytes=28_000, delay_ms=60, loss=0.01, resends=True),
    "150 kbit/s": Way(bps=15e4, queue_bytes=9_400, delay_ms=100, resends=True),
    "2 Mbit/s, 1 %": Way(bps=2e6, queue_bytes=62_500, delay_ms=30, loss=0.01, resends=True),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", LINKS)
def test_what_is_held_up_does_not_blur_the_rate(name: str, seed: int) -> None:
    """Read from a line through bytes over time, half of the lossy ones were off, some by 80 %."""
    way = LINKS[name]
    figures = Simulation(way, way, STANDARD, seed, stream=True).run().figures
    for train in (figures.up, figures.down):
        assert train.capacity_bps is not None
        assert train.capacity_bps < 1.05 * way.bps
        assert train.capacity_bps > 0.95 * way.bps or train.at_least


def arrivals(held_up: range, packets: int = 60) -> list[Sample]:
    """One packet of 100 bytes each 10 ms; those held up arrive with the last of them."""
    samples = []
    for number in range(packets):
        at_s = (max(held_up) if number in held_up else number) / 100
        samples.append(
            Sample(0.0, 1, number, number / 100 - 0.1, at_s, number + 1, (number + 1) * 100)
        )
    return samples


@pytest.mark.parametrize("held_up", [range(15), range(20, 35), range(45, 60)])
def test_bursts_at_either_end_of_the_time_are_seen_through(held_up: range) -> None:
    samples = arrivals(held_up)
    assert in_order_bps(samples) == pytest.approx(80_000, rel=0.01)
    assert held_up.start == 20 or abs(slope_bps(samples) / 80_000 - 1) > 0.03


def test_of_few_arrivals_a_line_is_all_there_is() -> None:
    few = arrivals(range(0), packets=4)
    assert in_order_bps(few) == slope_bps(few)
