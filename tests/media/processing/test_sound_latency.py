"""Buffers grow after real losses only, and shrink only where nobody hears it."""

from telemed_desk.media.sources.sound_latency import STEPS_S, SteadyLatency

S = 1_000_000_000


def opened() -> SteadyLatency:
    latency = SteadyLatency()
    latency.opened(0)
    return latency


def test_it_begins_low_and_one_loss_changes_nothing() -> None:
    latency = opened()
    assert latency.latency_s == 0
    assert not latency.lost(5 * S)
    assert not latency.lost(30 * S)
    assert not latency.lost(60 * S)
    assert latency.latency_s == 0
    assert latency.losses == 3


def test_it_grows_after_three_losses_within_ten_seconds() -> None:
    latency = opened()
    assert [latency.lost(n * S) for n in (5, 6, 7)] == [False, False, True]
    assert latency.latency_s == STEPS_S[1]


def test_what_is_lost_while_a_stream_settles_says_nothing() -> None:
    latency = opened()
    assert not any(latency.lost(S * n // 10) for n in range(10))
    assert latency.losses == 0


def test_it_has_an_end() -> None:
    latency = opened()
    grown = sum(latency.lost(n * S) for n in range(2, 100))
    assert grown == len(STEPS_S) - 1
    assert latency.latency_s == STEPS_S[-1]


def test_it_shrinks_by_a_step_only_when_opened_after_a_clean_stretch() -> None:
    latency = opened()
    for n in range(2, 30):
        latency.lost(n * S)
    assert latency.latency_s == STEPS_S[-1]
    latency.opened(100 * S)
    assert latency.latency_s == STEPS_S[-1]
    latency.opened(400 * S)
    assert latency.latency_s == STEPS_S[-2]
    latency.opened(401 * S)
    assert latency.latency_s == STEPS_S[-2]
