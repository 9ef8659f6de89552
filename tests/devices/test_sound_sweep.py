"""What a sweep that the microphone hears says of the speaker: heard, how late, how loud an echo."""

import os

import numpy as np
import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.sound import answered_findings, sweep_findings
from telemed_desk.devices.checks.sound_sweep import SweepHeard, agreed, listen_for_sweep, sweep
from telemed_desk.devices.findings import Outcome
from telemed_desk.devices.limits import LIMITS
from tests.support.devices.made_sounds import RATE, noise, sampled, spoken

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "3")))
PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL


def played(loss_db: float, delay_s: float, noise_dbfs: float, seed: int = 0) -> SweepHeard:
    rng = np.random.default_rng(seed)
    room = noise(noise_dbfs, 2.0, rng).astype(np.float64)
    at = 4800 + int(delay_s * RATE)
    room[at : at + sweep().size] += sweep()[: room.size - at] * 10 ** (-loss_db / 20)
    return listen_for_sweep(sampled(room), 4800)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loss_db", [3.0, 15.0, 31.0])
def test_delay_and_loss_are_measured(loss_db: float, seed: int) -> None:
    heard = played(loss_db, 0.0621, -65, seed)
    assert heard.delay_s == pytest.approx(0.0621, abs=0.0002)
    assert heard.loss_db == pytest.approx(loss_db, abs=0.3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loud_room_does_not_count_as_echo(seed: int) -> None:
    assert played(35, 0.06, -45, seed).loss_db == pytest.approx(35, abs=0.8)


def test_a_room_that_rings_counts_as_echo() -> None:
    rng = np.random.default_rng(3)
    room = rng.standard_normal(2400) * np.exp(-np.arange(2400) / 600)
    room *= 10 ** (-20 / 20) / np.sqrt((room**2).sum())
    sound = np.convolve(np.concatenate((np.zeros(7200), sweep(), np.zeros(20_000))), room)
    heard = listen_for_sweep(sampled(sound), 4800)
    assert heard.loss_db == pytest.approx(20, abs=1.5)
    assert heard.delay_s == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    ("over_db", "outcome"), [(25.0, PASS), (20.0, PASS), (19.9, WARN), (10.0, WARN), (9.9, FAIL)]
)
def test_heard_or_not(over_db: float, outcome: Outcome) -> None:
    found = sweep_findings(SweepHeard(over_db, 0.06, 31), 0.06, worn=False)
    assert found[0].outcome is outcome
    assert (found[1].outcome is PASS) == (outcome is not FAIL)


@pytest.mark.parametrize(
    ("delay_ms", "outcome"), [(150, PASS), (151, WARN), (300, WARN), (301, FAIL)]
)
def test_delay_of_the_loop(delay_ms: int, outcome: Outcome) -> None:
    found = sweep_findings(SweepHeard(40, 0.5, 31), delay_ms / 1000, worn=False)
    assert found[1].outcome is outcome


@pytest.mark.parametrize(
    ("loss_db", "outcome", "without"),
    [(30, PASS, PASS), (29.9, PASS, WARN), (6, PASS, WARN), (5.9, FAIL, FAIL)],
)
def test_a_loudspeaker_whose_echo_is_taken_out_is_no_fault(
    loss_db: float, outcome: Outcome, without: Outcome
) -> None:
    heard = SweepHeard(40, 0.06, loss_db)
    assert sweep_findings(heard, 0.06, worn=False)[2].outcome is outcome
    bare = sweep_findings(heard, 0.06, worn=False, cancels=False)[2]
    assert bare.outcome is without
    assert bool(bare.cause and bare.action) == (without is not PASS)


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_and_speech_are_no_sweep(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for first, second in (
        (noise(-20, 2, rng), noise(-20, 2, rng)),
        (spoken(-15, seed), spoken(-15, seed + 1000)),
    ):
        heard = agreed(listen_for_sweep(first, 4800), listen_for_sweep(second, 4800))
        found = sweep_findings(heard, heard.delay_s, worn=False)
        assert [f.outcome for f in found] == [FAIL, Outcome.CANNOT_TELL, Outcome.CANNOT_TELL]
    assert listen_for_sweep(np.zeros(96_000, np.float32), 4800).over_db == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sweep_is_heard_beside_a_voice(seed: int) -> None:
    room = spoken(-30, seed).astype(np.float64)
    room[6000 : 6000 + sweep().size] += 0.1 * sweep()
    heard = listen_for_sweep(sampled(room), 4800)
    assert heard.over_db > LIMITS["S1"].good
    assert heard.delay_s == pytest.approx(0.025, abs=0.0005)


def test_two_sweeps_must_agree() -> None:
    early, late = SweepHeard(40, 0.06, 20), SweepHeard(30, 0.065, 21)
    assert agreed(early, late) == late
    assert agreed(early, SweepHeard(40, 0.16, 20)).over_db == 0


def test_a_headset_that_nobody_hears_is_asked_about() -> None:
    silent = SweepHeard(4.0, 0.3, 80)
    worn = sweep_findings(silent, 0.3, worn=True)
    assert {finding.outcome for finding in worn} == {Outcome.CANNOT_TELL}
    assert "heard" in worn[0].action
    assert "headset" in sweep_findings(silent, 0.3, worn=False)[0].action
    assert {f.outcome for f in answered_findings(heard=True)} == {PASS}
    assert answered_findings(heard=False)[0].ceiling is Rung.PHONE
