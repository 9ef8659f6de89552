"""One wild packet number moves nothing; a stream that really jumped is followed."""

import pytest

from telemed_desk.media.transport.sequence import StrayGuard


def _running(last: int, count: int = 50) -> StrayGuard:
    guard = StrayGuard()
    for n in range(last - count, last + 1):
        assert guard.fits(n % 65_536)
    return guard


@pytest.mark.parametrize("last", [500, 65_530, 30_000])
@pytest.mark.parametrize("wild", [5_000, 20_000, 32_767, 40_000, 60_000])
def test_one_wild_number_is_left_out_and_the_stream_goes_on(last: int, wild: int) -> None:
    guard = _running(last)
    assert not guard.fits((last + wild) % 65_536)
    for n in range(1, 200):
        assert guard.fits((last + n) % 65_536)


def test_a_stream_that_jumped_is_followed_from_its_second_packet_on() -> None:
    guard = _running(500)
    assert not guard.fits(20_000)
    assert guard.fits(20_001)
    assert guard.fits(20_002)
    assert not guard.fits(503)


def test_losses_and_reordering_within_reason_are_no_strays() -> None:
    guard = _running(500)
    assert guard.fits(3_400)  # some seconds without a path
    assert guard.fits(3_390)
    assert guard.fits(2_000)


def test_a_repeat_may_be_of_a_lost_newest_packet_and_moves_nothing() -> None:
    guard = _running(500)
    assert guard.fits(480, repeated=True)
    assert guard.fits(503, repeated=True)
    assert not guard.fits(20_000, repeated=True)
    assert not guard.fits(20_001, repeated=True)
    assert guard.fits(501)
    fresh = StrayGuard()
    assert fresh.fits(9, repeated=True)
    assert fresh.fits(40_000)
    assert fresh.fits(40_001)
