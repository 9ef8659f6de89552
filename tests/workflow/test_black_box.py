"""What a call was like is in its consultation, whatever ended it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.clinical.call_record import PART_S, CallEvent, summarise
from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import CallStats
from telemed_desk.workflow.black_box import BlackBox
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Clock, Place, booking, make_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


def _wait(place: Place) -> None:
    """The vault works in order: when this is done, all before it is."""
    place.vault.commit(booking(new_id(), new_id())).result()


def _second(n: int) -> CallStats:
    return CallStats(
        call="one",
        rung=int(Rung.VIDEO),
        reason="rate" if n > 3 else "",
        rtt_ms=200.4,
        send_bps=612_400.0,
        receive_bps=80_000.0,
        send_loss_ratio=0.0213,
        receive_loss_ratio=None,
        estimate_bps=700_000.0,
        shown_height=360,
        frozen_s=0.25 * n,
        concealed_ratio=0.011,
        path="relay-tcp" if n > 5 else "direct",
    )


def test_every_second_is_there_and_what_changed_is_an_event(place: Place) -> None:
    consultation, clock = new_id(), Clock()
    box = BlackBox(consultation, "one", place.vault.commit, clock)
    box.phase("connected")
    for n in range(PART_S + 10):
        clock.now_ms += 1000
        box.take(_second(n))
    box.phase("ended")
    box.close_part()
    _wait(place)
    first, rest = place.vault.call_traces_of(consultation)
    assert (first.part, len(first.samples), rest.part, len(rest.samples)) == (0, PART_S, 1, 10)
    sample = first.samples[7]
    assert (sample.at_s, sample.rtt_ms, sample.send_kbps, sample.send_loss) == (8, 200, 612, 21)
    assert (sample.receive_loss, sample.concealed, sample.frozen_ms) == (None, 11, 250)
    assert first.events == (
        CallEvent(0, "phase", "connected"),
        CallEvent(1, "reason", ""),
        CallEvent(1, "path", "direct"),
        CallEvent(5, "reason", "rate"),
        CallEvent(7, "path", "relay-tcp"),
    )
    assert rest.events == (CallEvent(10, "phase", "ended"),)
    summary = summarise([first, rest])
    assert (summary.seconds, summary.reason, summary.relayed) == (PART_S + 10, "rate", True)


def test_a_call_that_never_began_leaves_only_its_phases(place: Place) -> None:
    consultation = new_id()
    box = BlackBox(consultation, "one", place.vault.commit, Clock())
    box.phase("failed")
    box.close_part()
    box.close_part()  # nothing new: no second op
    _wait(place)
    (trace,) = place.vault.call_traces_of(consultation)
    assert (trace.samples, trace.events) == ((), (CallEvent(0, "phase", "failed"),))
