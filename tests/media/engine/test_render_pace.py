"""When pictures are shown: evenly in spite of repairs, at once where nothing is lost."""

import itertools
import random

import pytest

from telemed_desk.media.engine.render_pace import RenderPace

MS = 1_000_000


def shown(late_ms: list[float], fps: float = 30.0) -> list[float]:
    """Return when each picture is shown, in ms; the order of decoding is kept."""
    pace = RenderPace()
    out: list[float] = []
    whole = 0.0
    for n, late in enumerate(late_ms):
        taken = n * 1000 / fps
        whole = max(whole, 1000 + taken + late)
        due = pace.due_ns(int(taken * 90) & 0xFFFFFFFF, int(whole * MS)) / MS
        assert due >= whole - 0.001
        out.append(max(due, out[-1] if out else 0.0))
    return out


def test_on_a_clean_link_nothing_is_held_back() -> None:
    rng = random.Random(1)
    late = [rng.uniform(0, 15) for _ in range(600)]
    times = shown(late)
    delay = [t - 1000 - n * 1000 / 30 for n, t in enumerate(times)]
    assert max(delay) < 35


@pytest.mark.parametrize("seed", range(30))
def test_repaired_pictures_come_evenly_once_the_link_is_known(seed: int) -> None:
    rng = random.Random(seed)
    rtt = rng.choice([100.0, 200.0, 300.0])
    late = [rtt if rng.random() < 0.1 else rng.uniform(0, 10) for _ in range(900)]
    times = shown(late)[300:]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert sum(g for g in gaps if g > 200) / (times[-1] - times[0]) < 0.02
    delay = times[-1] - 1000 - 899 * 1000 / 30
    assert delay <= 1.1 * rtt + 70


def test_when_the_loss_ends_the_delay_goes() -> None:
    rng = random.Random(3)
    late = [200.0 if rng.random() < 0.15 else 0.0 for _ in range(300)] + [0.0] * 900
    times = shown(late)
    assert times[290] - 1000 - 290 * 1000 / 30 > 70
    assert times[-1] - 1000 - 1199 * 1000 / 30 < 5


def test_one_disturbance_holds_nothing_back() -> None:
    late = [0.0] * 300 + [max(0.0, 800.0 - 33 * n) for n in range(400)]
    times = shown(late)
    assert times[-1] - 1000 - 699 * 1000 / 30 < 5


def test_after_an_outage_the_count_begins_anew() -> None:
    late = [0.0] * 100 + [5000.0] * 100
    times = shown(late)
    assert times[-1] - 1000 - 199 * 1000 / 30 < 5100
