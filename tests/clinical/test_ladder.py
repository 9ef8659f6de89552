from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.ladder import LADDER, USABLE_SHARE, LinkMeasure, Rung, highest_rung

figures = st.builds(
    LinkMeasure,
    capacity_bps=st.none() | st.floats(0, 50e6),
    loss_ratio=st.none() | st.floats(0, 1),
    loaded_rtt_ms=st.none() | st.floats(0, 5000),
    queued_ms=st.none() | st.floats(0, 2000),
)


def test_a_good_link_carries_hd_video() -> None:
    assert highest_rung(LinkMeasure(4e6, 0.0, 40)) is Rung.HD_VIDEO


def test_only_the_usable_share_of_a_capacity_counts() -> None:
    need = LADDER[Rung.VIDEO].usable_bps
    assert highest_rung(LinkMeasure(need / USABLE_SHARE, 0, 0)) is Rung.VIDEO
    assert highest_rung(LinkMeasure(need / USABLE_SHARE * 0.99, 0, 0)) is Rung.LOW_VIDEO


def test_an_unknown_capacity_never_promises_a_picture() -> None:
    assert highest_rung(LinkMeasure(None, 0.0, 20)) is Rung.AUDIO_PHOTOS


def test_loss_and_delay_each_lower_the_rung() -> None:
    assert highest_rung(LinkMeasure(1e6, 0.08, 20)) is Rung.LOW_VIDEO
    assert highest_rung(LinkMeasure(10e6, 0.0, 900)) is Rung.AUDIO_PHOTOS
    assert highest_rung(LinkMeasure(10e6, 0.5, 20)) is Rung.PHONE


def test_with_plenty_of_rate_loss_is_made_good_by_sending_twice() -> None:
    assert highest_rung(LinkMeasure(10e6, 0.08, 20)) is Rung.VIDEO
    assert highest_rung(LinkMeasure(10e6, 0.02, 20)) is Rung.HD_VIDEO
    assert highest_rung(LinkMeasure(10e6, 0.05, 20)) is Rung.VIDEO  # no call may send that twice


def test_a_far_side_is_far_however_little_is_sent() -> None:
    assert highest_rung(LinkMeasure(10e6, 0.0, 900, 20)) is Rung.HD_VIDEO
    assert highest_rung(LinkMeasure(10e6, 0.0, 900, 300)) is Rung.AUDIO_PHOTOS


@given(figures, st.floats(0, 1))
def test_a_worse_figure_never_gives_a_higher_rung(link: LinkMeasure, share: float) -> None:
    worse = LinkMeasure(
        None if link.capacity_bps is None else link.capacity_bps * share,
        None if link.loss_ratio is None else min(1.0, link.loss_ratio + share),
        None if link.loaded_rtt_ms is None else link.loaded_rtt_ms + 1000 * share,
        None if link.queued_ms is None else link.queued_ms + 1000 * share,
    )
    assert highest_rung(worse) <= highest_rung(link)
