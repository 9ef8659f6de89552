"""The black box packs small, comes back whole, and survives what it does not know."""

from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.call_record import (
    COLUMNS,
    CallEvent,
    CallSample,
    CallTrace,
    pack_samples,
    summarise,
    unpack_events,
    unpack_samples,
)
from telemed_desk.clinical.ladder import Rung

_figure = st.none() | st.integers(-(10**6), 10**6)
_sample = st.builds(
    CallSample,
    at_s=st.integers(0, 4000),
    rung=st.integers(0, 5),
    **{name: _figure for name in COLUMNS if name not in {"at_s", "rung"}},
)


@given(st.lists(_sample, max_size=30))
def test_what_was_packed_comes_back(samples: list[CallSample]) -> None:
    assert unpack_samples(pack_samples(samples)) == tuple(samples)


@given(
    st.dictionaries(
        st.sampled_from([*COLUMNS, "of a later version"]),
        st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=10),
    )
)
def test_any_columns_are_read_without_an_error(columns: dict[str, list[int | None]]) -> None:
    for sample in unpack_samples(columns):
        assert sample.at_s is not None
        assert sample.rung is not None


def test_events_with_impossible_words_are_left_out() -> None:
    rows = [(9, "phase", "connected"), (2, "path", "x" * 41), (1, "reason", "rate")]
    assert unpack_events(rows) == (
        CallEvent(1, "reason", "rate"),
        CallEvent(9, "phase", "connected"),
    )


def _trace(part: int, samples: list[CallSample], events: list[CallEvent]) -> CallTrace:
    return CallTrace(b"c" * 16, "one", part, 1000 + part, tuple(samples), tuple(events))


def test_a_summary_adds_the_parts_up_and_carries_a_reason_over_to_the_next() -> None:
    first = _trace(
        0,
        [CallSample(at_s=s, rung=5, rtt_ms=100 + s, concealed=20) for s in range(10)],
        [CallEvent(4, "reason", "rate"), CallEvent(5, "phase", "reconnecting")],
    )
    second = _trace(
        1,
        [CallSample(at_s=s, rung=3, frozen_ms=300, estimate_kbps=400) for s in range(20)],
        [CallEvent(15, "reason", "loss"), CallEvent(2, "path", "relay-tcp")],
    )
    summary = summarise([second, first])
    assert summary.seconds == 30
    assert summary.by_rung == {Rung.HD_VIDEO: 10, Rung.LOW_VIDEO: 20}
    assert summary.interruptions == 1
    assert (summary.frozen_ms, summary.concealed_ms) == (6000, 200)
    assert summary.reason == "rate"  # 21 s, loss 5 s
    assert (summary.rtt_ms, summary.estimate_kbps) == (105, 400)
    assert summary.relayed


def test_a_call_without_figures_has_an_empty_summary() -> None:
    summary = summarise([])
    assert (summary.seconds, summary.reason, summary.rtt_ms) == (0, "", None)


def test_two_quiet_minutes_are_small() -> None:
    import msgspec  # noqa: PLC0415 - what clinical itself must not know

    steady = [
        CallSample(at_s=s, rung=4, send_kbps=600 + s % 7, rtt_ms=200, sent_height=360, sent_fps=30)
        for s in range(120)
    ]
    assert len(msgspec.msgpack.encode(pack_samples(steady))) < 1000
