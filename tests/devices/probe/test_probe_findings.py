"""How a measured link is judged: numbers, limits, causes, and which rung each of them allows."""

from dataclasses import replace

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.probe import (
    only_estimated,
    other_pc_measures,
    probe_findings,
)
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.probe.figures import LinkFigures, TrainFigures, VoiceFigures
from telemed_desk.devices.probe.plan import STANDARD
from tests.devices.probe.simulated_link import Simulation, Way

GOOD = LinkFigures(
    path="relay-udp",
    outcome="measured",
    base_rtt_ms=40,
    up=TrainFigures(3_000_000, True, 4.0, None, 0.0, "cap"),
    down=TrainFigures(2_100_000, False, 180.0, 12.0, 0.0, "held"),
    voice=VoiceFigures(42, 50, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 4.3),
)
ALL = {
    "N7.loss",
    "N7.jitter",
    "N7.rtt",
    "N8.down",
    "N8.up",
    "N8.exact",
    "N9",
    "N9.full",
    "N10",
    "N11",
}


def judged(figures: LinkFigures) -> dict[str, Finding]:
    found = probe_findings(figures)
    assert len({finding.check for finding in found}) == len(found)
    return {finding.check: finding for finding in found}


def test_a_good_link_passes_everything_but_what_others_may_do_to_it() -> None:
    found = judged(GOOD)
    assert set(found) == ALL
    assert {c for c, f in found.items() if f.outcome is not Outcome.PASS} == {"N9.full"}
    assert min(finding.ceiling for finding in found.values()) is Rung.HD_VIDEO
    assert found["N9"].value == 52
    assert found["N8.up"].value == 3000


@pytest.mark.parametrize(
    ("bps", "rung"),
    [
        (1_500_000, Rung.HD_VIDEO),
        (1_400_000, Rung.VIDEO),
        (500_000, Rung.LOW_VIDEO),
        (100_000, Rung.AUDIO_PHOTOS),
        (14_000, Rung.PHONE),
    ],
)
def test_capacity_allows_what_four_fifths_of_it_carry(bps: float, rung: Rung) -> None:
    found = judged(replace(GOOD, up=TrainFigures(bps, False, 50, 5, 0, "held")))
    assert (found["N8.up"].ceiling, found["N8.down"].ceiling) == (rung, Rung.HD_VIDEO)
    if rung < Rung.HD_VIDEO:
        assert found["N8.up"].cause
        assert found["N8.up"].action


@pytest.mark.parametrize(
    ("path", "rung"), [("relay-udp", Rung.LOW_VIDEO), ("relay-tls", Rung.AUDIO_PHOTOS)]
)
def test_through_tcp_a_call_has_less_of_it(path: str, rung: Rung) -> None:
    found = judged(replace(GOOD, path=path, up=TrainFigures(140e3, False, 50, 5, 0, "held")))
    assert (found["N8.up"].ceiling, found["N8.up"].value) == (rung, 140)


def test_a_voice_in_the_trains_own_queue_says_nothing_of_the_links_delay() -> None:
    late = replace(GOOD.voice, rtt_ms=664.0)
    drained = replace(GOOD, voice=late)
    short = replace(
        drained,
        up=TrainFigures(437_000, True, None, None, 0.0, "time"),
        down=TrainFigures(558_000, False, 308.0, None, 0.0, "held"),
    )
    found = judged(short)["N7.rtt"]
    assert (found.value, found.ceiling) == (40, Rung.HD_VIDEO)
    assert judged(drained)["N7.rtt"].ceiling is Rung.AUDIO_PHOTOS


def test_loss_and_delay_each_allow_their_rung() -> None:
    lossy = judged(replace(GOOD, down=replace(GOOD.down, loss_ratio=0.1)))
    assert (lossy["N7.loss"].outcome, lossy["N7.loss"].value) == (Outcome.FAIL, 10.0)
    assert lossy["N7.loss"].ceiling is Rung.VIDEO  # at its rate all of that is sent twice
    thin = TrainFigures(1_000_000, False, 50, 5, 0.1, "held")
    lossy = judged(replace(GOOD, down=thin))
    assert lossy["N7.loss"].ceiling is Rung.LOW_VIDEO
    for loss, rung in ((0.135, Rung.LOW_VIDEO), (0.14, Rung.AUDIO_PHOTOS)):  # 0.15 less its swings
        edge = judged(replace(GOOD, down=replace(thin, capacity_bps=3e5, loss_ratio=loss)))
        assert edge["N7.loss"].ceiling is rung
    far = judged(replace(GOOD, voice=replace(GOOD.voice, rtt_ms=700.0), base_rtt_ms=690))
    assert far["N7.rtt"].ceiling is far["N9"].ceiling is Rung.HD_VIDEO  # but nothing queues
    assert far["N7.rtt"].outcome is Outcome.FAIL
    full = judged(replace(GOOD, voice=replace(GOOD.voice, rtt_ms=1000.0), base_rtt_ms=690))
    assert full["N7.rtt"].ceiling is Rung.AUDIO_PHOTOS
    busy = judged(replace(GOOD, up=TrainFigures(2e6, False, 900, 420, 0, "held")))
    assert (busy["N9"].value, busy["N9"].ceiling) == (460, Rung.LOW_VIDEO)
    assert busy["N9.full"].outcome is Outcome.FAIL
    assert busy["N9.full"].ceiling is Rung.HD_VIDEO  # a call of ours does not fill the link


def test_what_could_not_be_measured_is_never_green() -> None:
    none = judged(
        replace(GOOD, up=TrainFigures(ended="starved"), down=TrainFigures(), voice=VoiceFigures())
    )
    for check in ("N8.up", "N8.down", "N9", "N7.loss", "N11"):
        assert none[check].outcome is Outcome.CANNOT_TELL
        assert none[check].cause
    assert none["N8.up"].ceiling is Rung.AUDIO_PHOTOS
    assert "stopped answering" in none["N8.up"].cause


def test_at_least_this_much_is_a_promise_only_of_this_much() -> None:
    short = TrainFigures(700_000, True, None, None, None, "bytes")
    found = judged(replace(GOOD, up=short))["N8.up"]
    assert (found.outcome, found.value, found.ceiling) == (Outcome.CANNOT_TELL, 700, Rung.VIDEO)


def test_an_estimate_and_a_busy_site_are_said_as_such() -> None:
    estimate = only_estimated("The speed is an estimate over HTTPS.")
    assert (estimate.check, estimate.value) == ("N8.exact", None)
    assert estimate.outcome is not Outcome.PASS
    assert estimate.ceiling is Rung.HD_VIDEO
    waiting = other_pc_measures()
    assert {f.check for f in waiting} == {"N8.down", "N8.up", "N9"}
    assert all(f.outcome is Outcome.CANNOT_TELL and "Another PC" in f.cause for f in waiting)


@pytest.mark.parametrize(
    ("way", "rung"),
    [
        (Way(bps=20e6, delay_ms=20), Rung.HD_VIDEO),
        (Way(bps=800e3, delay_ms=50), Rung.VIDEO),
        (Way(bps=250e3, delay_ms=50), Rung.LOW_VIDEO),
        (Way(bps=64e3, delay_ms=100, queue_bytes=8_000), Rung.AUDIO_PHOTOS),
        (Way(bps=4e6, delay_ms=50, loss=0.1), Rung.VIDEO),
        (Way(bps=1e6, delay_ms=50, loss=0.1), Rung.LOW_VIDEO),
        (Way(bps=4e6, delay_ms=350), Rung.HD_VIDEO),
    ],
)
def test_an_imagined_link_allows_the_rung_it_should(way: Way, rung: Rung) -> None:
    found = judged(Simulation(way, way, STANDARD).run().figures)
    assert min(finding.ceiling for finding in found.values()) is rung
