"""What unbroken stretches of a train say of a link that loses packets."""

from collections.abc import Iterable

import pytest

from telemed_desk.devices.probe.plan import STANDARD
from telemed_desk.devices.probe.seen import Held, Sample, filled_bps, unbroken
from telemed_desk.devices.probe.sizes import wire_share
from telemed_protocol import probe
from telemed_protocol.probe import Report, Unbroken
from tests.devices.probe.simulated_link import Simulation, Way

PACKET_US = 8_000
SIZE = 200
QUEUED = Held(150e3, at_least=False, queue_s=0.5)


def counted(numbers: Iterable[int], beside: int = 0) -> Unbroken:
    """Packets that each take 8 ms of a narrow place, those named arriving."""
    stretches = Unbroken()
    for number in numbers:
        stretches.also(beside)
        stretches.take(number, 1_000 + number * PACKET_US, SIZE)
    return stretches


def test_only_a_packet_right_behind_its_predecessor_counts() -> None:
    stretches = counted([0, 1, 2, 5, 6, 9])
    assert (stretches.us, stretches.size) == (3 * PACKET_US, 3 * SIZE)


def test_what_came_between_two_packets_counts_with_them_and_never_across_a_gap() -> None:
    assert counted([0, 1, 2], beside=50).size == 2 * (SIZE + 50)
    assert counted([0, 2, 4], beside=50).size == 0


def test_late_and_repeated_packets_change_nothing() -> None:
    stretches = counted([0, 1, 2])
    for number in (1, 2, 0):
        stretches.take(number, 900_000, SIZE)
    assert (stretches.us, stretches.size) == (2 * PACKET_US, 2 * SIZE)


def test_a_clock_that_was_set_back_is_not_counted() -> None:
    stretches = counted([0, 1])
    stretches.take(2, 5, SIZE)
    stretches.take(3, 5 + PACKET_US, SIZE)
    assert (stretches.us, stretches.size) == (2 * PACKET_US, 2 * SIZE)


def test_sums_of_an_hour_still_fit_their_fields() -> None:
    stretches = Unbroken()
    for number in range(100):
        stretches.take(number, number * 60_000_000, 60_000_000)
    report = Report(1, 1, 1, 0, 0, 1, 1, stretches.us, stretches.size)
    assert probe.read_report(probe.write_report(b"8 bytes.", report)) == report


def test_a_report_of_a_server_of_before_is_read_and_has_no_stretches() -> None:
    report = Report(1, 2, 3, 4, 5, 6, 7, 8, 9)
    data = probe.write_report(b"8 bytes.", report)
    assert len(data) == probe.REPORT_BYTES == 52
    assert probe.read_report(data[:44]) == report._replace(unbroken_us=0, unbroken_size=0)


def window(lost: set[int], packets: int = 100) -> list[Sample]:
    """A full link's 200 kbit/s."""
    stretches, samples, arrived = Unbroken(), [], 0
    for number in range(packets):
        if number in lost:
            continue
        arrived += 1
        at_us = number * PACKET_US
        stretches.take(number, at_us, SIZE)
        sums = (stretches.us, stretches.size)
        samples.append(
            Sample(0.0, 1, number, at_us / 1e6 - 0.5, at_us / 1e6, arrived, arrived * SIZE, *sums)
        )
    return samples


def test_the_rate_is_the_narrow_places_whatever_chance_lost() -> None:
    full = window(set(range(3, 95, 4)))
    for loss in (0.1, 0.2, 0.3):
        assert filled_bps(full, QUEUED, loss, 100) == pytest.approx(200e3, rel=0.001)


def test_a_policers_rate_is_not_read_from_stretches() -> None:
    """What it lets through comes as fast as it was sent, and nothing queues."""
    policed = QUEUED._replace(queue_s=0.001)
    assert filled_bps(window(set(range(3, 95, 4))), policed, 0.0, 100) == 150e3


def test_where_packets_come_unevenly_their_numbers_say_it_better() -> None:
    full = window({30, 60})
    rate, error = unbroken(full, 0.02) or (0.0, 0.0)
    assert rate == pytest.approx(200e3)
    assert error > 0.05
    assert filled_bps(full, QUEUED, 0.02, 100, 0.02) == pytest.approx(200e3, rel=0.001)


def test_a_server_that_counts_no_stretches_is_understood() -> None:
    full = [one._replace(unbroken_us=0, unbroken_size=0) for one in window({30, 60})]
    assert unbroken(full, 0.0) is None
    assert filled_bps(full, QUEUED, 0.02, 100) == pytest.approx(200e3, rel=0.001)


THIN = {
    "500 kbit/s, 10 %": Way(bps=5e5, queue_bytes=31_250, delay_ms=150, loss=0.1),
    "250 kbit/s, 20 %": Way(bps=2.5e5, queue_bytes=20_000, delay_ms=200, loss=0.2),
    "64 kbit/s, 20 %": Way(bps=64e3, queue_bytes=8_000, delay_ms=200, loss=0.2),
    "67 kbit/s, 6 %, shallow": Way(bps=67e3, queue_bytes=1_500, delay_ms=15, loss=0.06),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", THIN)
def test_on_a_thin_link_chance_in_loss_does_not_blur_its_rate(name: str, seed: int) -> None:
    """Before stretches were counted, half of such links were off by more than a twentieth."""
    way = THIN[name]
    figures = Simulation(way, way, STANDARD, seed).run().figures
    for train in (figures.up, figures.down):
        assert train.capacity_bps is not None
        assert train.capacity_bps < 1.05 * way.bps
        assert train.capacity_bps > 0.95 * way.bps or (train.at_least and train.ended == "time")


def test_a_relays_framing_is_counted_as_part_of_what_a_link_carries() -> None:
    assert wire_share(100, 4) == pytest.approx(1.04)
    assert wire_share(1228, 0) == 1


def test_uneven_arrival_at_rest_is_looked_at_for_longer() -> None:
    """Of eight pings the spread was now and then far too small, and jitter was taken for a queue."""
    uneven = Way(bps=1e6, queue_bytes=62_500, delay_ms=100, jitter_ms=30, loss=0.02)
    for seed in (11, 17, 37):
        figures = Simulation(uneven, uneven, STANDARD, seed).run().figures
        for train in (figures.up, figures.down):
            assert train.capacity_bps == pytest.approx(1e6, rel=0.08)
