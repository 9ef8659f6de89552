"""One uplink for several calls: voice of all first, then pictures."""

import os
import random

import pytest

from telemed_desk.media.engine.allocation import VOICE_OVERHEAD_BPS
from telemed_desk.media.engine.budget import LEAST_VIDEO_BPS, Claim, UplinkBudget, split

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "300")))


def test_every_voice_fits_before_any_picture_does() -> None:
    shares = split(130_000, [Claim("a", 90_000), Claim("b", 90_000)])
    assert all(share.voice_bps >= 16_000 + VOICE_OVERHEAD_BPS for share in shares.values())
    assert [share.video_bps for share in shares.values()] == [46_000.0, 0.0]


def test_where_not_even_voices_fit_all_shrink_alike() -> None:
    shares = split(40_000, [Claim("a", 100_000), Claim("b", 100_000)])
    assert shares["a"] == shares["b"]
    assert shares["a"].total_bps == 20_000
    assert not shares["a"].video_bps


def test_what_one_cannot_use_goes_to_the_other() -> None:
    claims = [Claim("phone", 150_000), Claim("desk", 3_000_000)]
    shares = split(2_000_000, claims)
    assert shares["phone"].total_bps == pytest.approx(150_000)
    assert shares["desk"].total_bps == pytest.approx(1_850_000)


def test_weights_count_and_no_picture_wanted_means_none() -> None:
    claims = [
        Claim("patient", 2e6, weight=2.0),
        Claim("carer", 2e6),
        Claim("interpreter", 2e6, weight=0.0),
    ]
    shares = split(1_000_000, claims)
    assert shares["interpreter"].video_bps == 0
    assert shares["patient"].video_bps == pytest.approx(2 * shares["carer"].video_bps)


@pytest.mark.parametrize("seed", SEEDS)
def test_never_more_than_there_is_and_never_crumbs(seed: int) -> None:
    rng = random.Random(seed)
    claims = [
        Claim(
            str(n),
            10 ** rng.uniform(4, 6.5),
            rng.choice([0, 0.1]),
            rng.choice([0, 0.5, 1, 2]),
            rng.choice([float("inf"), 500_000]),
        )
        for n in range(rng.randint(1, 5))
    ]
    uplink = 10 ** rng.uniform(4, 7)
    shares = split(uplink, claims)
    assert sum(share.total_bps for share in shares.values()) <= uplink * 1.000001
    for claim in claims:
        share = shares[claim.call]
        assert share.total_bps <= min(claim.estimate_bps, claim.most_bps) * 1.000001
        assert share.video_bps == 0 or share.video_bps >= LEAST_VIDEO_BPS
        assert share.voice_bps > 0
    more = split(2 * uplink, claims)
    assert sum(s.total_bps for s in more.values()) >= sum(s.total_bps for s in shares.values()) - 1


def test_the_line_is_what_its_calls_have_found_or_a_known_limit() -> None:
    budget = UplinkBudget()
    budget.claim(Claim("a", 400_000))
    budget.claim(Claim("b", 300_000))
    assert budget.uplink_bps == 700_000
    budget.limit_bps = 500_000
    assert sum(share.total_bps for share in budget.shares().values()) <= 500_000
    budget.leave("b")
    budget.leave("b")
    assert set(budget.shares()) == {"a"}
