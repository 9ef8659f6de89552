"""One uplink and one processor for all calls of a PC."""

import random

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.bridge.sharing import PIXELS_PER_S, Need, pixels_of, share

PATIENT = Need("patient", 3e6, first=True)


def test_a_call_that_is_alone_is_not_limited() -> None:
    limits = share([PATIENT])
    assert (limits["patient"].cap_bps, limits["patient"].most) == (None, Rung.HD_VIDEO)


def test_the_patient_has_the_larger_picture_where_only_one_can_be() -> None:
    limits = share([Need("guest", 3e6), PATIENT])
    assert limits["patient"].most is Rung.HD_VIDEO
    assert limits["guest"].most is Rung.VIDEO


def test_a_guest_without_a_camera_takes_nothing_from_the_picture() -> None:
    limits = share([PATIENT, Need("guest", 3e6, camera=False)])
    assert limits["patient"].most is Rung.HD_VIDEO
    assert limits["guest"].cap_bps is None


@pytest.mark.parametrize("count", range(2, 7))
def test_encoders_never_turn_over_more_than_the_processor_is_meant_for(count: int) -> None:
    needs = [Need(str(n), 5e6, first=n == 0) for n in range(count)]
    limits = share(needs)
    assert sum(pixels_of(limits[need.call].most) for need in needs) <= PIXELS_PER_S


def test_a_known_line_is_never_exceeded_and_voices_come_first() -> None:
    rng = random.Random(7)
    for _ in range(500):
        needs = [
            Need(str(n), rng.uniform(40_000, 5e6), rng.uniform(0, 0.2), first=n == 0)
            for n in range(rng.randint(2, 4))
        ]
        line = rng.uniform(150_000, 3e6)
        limits = share(needs, line)
        caps = [limits[need.call].cap_bps for need in needs]
        assert all(cap is not None and cap > 0 for cap in caps)
        assert sum(cap for cap in caps if cap is not None) <= line * 1.001
        for need, cap in zip(needs, caps, strict=True):
            assert cap is not None
            assert cap <= need.estimate_bps * 1.001
            assert cap >= min(need.estimate_bps, 30_000)
