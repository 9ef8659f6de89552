"""What the doctor chose, over simulated links: never more than that, and more at once when lifted."""

import os
import random

import pytest

from telemed_desk.clinical.ladder import LADDER, Rung
from tests.media.engine.netsim import Bottleneck, Net
from tests.media.engine.simcall import SimCall, World

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "2")))
MOBILE = Net(kbps=3000, delay_ms=40, jitter_ms=5, queue_bytes=64_000)


def call_over(net: Net, seed: int) -> SimCall:
    """A call that runs as far as it is told to."""
    rng = random.Random(seed)
    return SimCall(World(), Bottleneck(net, rng), net, rng)


def choose(call: SimCall, rung: Rung, until_s: float) -> list[tuple[Rung, str, int]]:
    """Choose a rung and let time pass; returns what it stood on and sent, once a second."""
    call.steering.outside.chosen = rung
    seen = []
    while call.world.now_ms < until_s * 1000:
        call.world.run(call.world.now_ms / 1000 + 1)
        standing = call.steering.standing
        seen.append((standing.rung, standing.reason, call.steering.allocation.height))
    return seen


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rung", [Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS])
@pytest.mark.parametrize("from_s", [0, 15], ids=["from-the-start", "later"])
def test_a_choice_holds_for_as_long_as_it_stands_and_lifted_it_is_forgotten(
    rung: Rung, from_s: int, seed: int
) -> None:
    call = call_over(MOBILE, seed)
    choose(call, Rung.HD_VIDEO, from_s)
    seen = choose(call, rung, from_s + 25)
    settled = seen[from_s == 0 :]  # the first second of a call is its guess
    assert {(r, why) for r, why, _ in settled} == {(rung, "choice")}
    if rung is Rung.AUDIO_PHOTOS:
        assert call.video_bps(from_s + 2, from_s + 25) == 0
    else:
        assert max(height for _, _, height in settled) == LADDER[rung].height
    lifted = choose(call, Rung.HD_VIDEO, from_s + 37)
    assert Rung.HD_VIDEO in {r for r, _, _ in lifted}
    assert call.voice_p95_ms(from_s + 25, from_s + 37) < 300


@pytest.mark.parametrize("seed", SEEDS)
def test_a_choice_above_the_link_changes_nothing(seed: int) -> None:
    thin = Net(kbps=300, delay_ms=80, queue_bytes=20_000)
    free, bound = call_over(thin, seed), call_over(thin, seed)
    assert choose(free, Rung.HD_VIDEO, 60)[20:] == choose(bound, Rung.VIDEO, 60)[20:]
    assert "choice" not in {why for _, why, _ in choose(bound, Rung.VIDEO, 90)}
