"""What counts as truth, as agreement and as a goal that is met; the table of links; the files."""

import math
from pathlib import Path
from statistics import median

import pytest
from msgspec.structs import replace

from benchmarks.prediction.agreement import (
    agreement,
    capacity_errors,
    errors,
    flow_errors,
    goals,
    over_budget,
    rates,
    step,
)
from benchmarks.prediction.links import LINKS
from benchmarks.prediction.report import report
from benchmarks.prediction.results import (
    CallSeen,
    CheckResult,
    CheckSeen,
    FlowSeen,
    Found,
    LinkResult,
    WaySeen,
    result_folder,
)
from benchmarks.prediction.truth import Held, Moment, changes, held, lower, settle_s
from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.probe.figures import LinkFigures, TrainFigures

# ---- the truth


def trace(*rungs: tuple[int, int]) -> list[Moment]:
    """Pairs of a rung and how many seconds it was held, told once a second from 1 s on."""
    moments: list[Moment] = []
    for rung, seconds in rungs:
        moments += [
            Moment(len(moments) + 1.0 + i, rung, "rate" if rung < 5 else "") for i in range(seconds)
        ]
    return moments


def stood(moments: list[Moment], *, begin_s: float = 30, end_s: float = 120) -> Held:
    return held(moments, begin_s=begin_s, end_s=end_s, connected_s=0.5)


def test_the_truth_is_the_rung_held_for_most_of_the_time_after_the_beginning() -> None:
    found = stood(trace((4, 29), (3, 60), (2, 30)))
    assert (found.rung, found.reason) == (Rung.LOW_VIDEO, "rate")
    assert found.share == pytest.approx(60 / 90)
    assert stood(trace((5, 29), (2, 90))) == Held(Rung.AUDIO_PHOTOS, 1.0, "rate")


def test_of_two_rungs_held_equally_long_the_lower_counts() -> None:
    assert stood(trace((4, 29), (4, 45), (3, 45))).rung is Rung.LOW_VIDEO
    assert stood(trace((4, 29), (3, 45), (4, 45))).rung is Rung.LOW_VIDEO


def test_seconds_that_were_not_told_belong_to_what_was_told_last() -> None:
    told = [moment for moment in trace((4, 29), (4, 40), (3, 50)) if not 30 < moment.at_s < 60]
    assert stood(told).share == pytest.approx(50 / 90)


def test_a_call_that_never_connected_or_was_given_up_leaves_the_telephone() -> None:
    moments = trace((4, 120))
    never = held(moments, begin_s=30, end_s=120, connected_s=None)
    assert (never.rung, never.share) == (Rung.PHONE, 1.0)
    early = held(moments, begin_s=30, end_s=120, connected_s=2, given_up_s=60)
    assert early == Held(Rung.PHONE, pytest.approx(60 / 90), "no call")
    late = held(moments, begin_s=30, end_s=120, connected_s=2, given_up_s=100)
    assert late == Held(Rung.VIDEO, pytest.approx(70 / 90), "rate")
    slow = held(moments, begin_s=30, end_s=120, connected_s=90)
    assert slow.rung is Rung.PHONE
    assert held([], begin_s=30, end_s=120, connected_s=1).rung is Rung.PHONE


def test_the_lower_way_is_the_calls_rung() -> None:
    up, down = stood(trace((3, 120))), stood(trace((5, 120)))
    assert lower(up, down) is up
    assert lower(down, up) is up


def test_half_of_a_short_call_counts_and_all_but_thirty_seconds_of_a_long_one() -> None:
    assert settle_s(20) == 10
    assert settle_s(120) == 30
    assert changes(trace((4, 10), (3, 30), (4, 5), (3, 40)), 20) == 2


# ---- the table of links


def test_the_table_spans_what_is_promised() -> None:
    links = list(LINKS.values())
    assert len(links) == len(LINKS) >= 40
    rates_kbps = [rate for link in links for rate in (link.up_kbps, link.down_kbps)]
    assert (min(rates_kbps), max(rates_kbps)) == (30, 20_000)
    assert (min(x.loss_percent for x in links), max(x.loss_percent for x in links)) == (0, 20)
    assert (min(x.rtt_ms for x in links), max(x.rtt_ms for x in links)) == (5, 700)
    for asked in (
        [x for x in links if x.no_udp],
        [x for x in links if x.queue_ms <= 60],
        [x for x in links if x.queue_ms >= 1000],
        [x for x in links if x.up_kbps < x.down_kbps],
        [x for x in links if x.up_kbps > x.down_kbps],
        [x for x in links if x.clean],
    ):
        assert len(asked) >= 2
    assert 300 < median(rates_kbps) < 1500  # as many slow ones as fast ones


def test_a_link_becomes_what_the_emulator_is_told() -> None:
    link = LINKS["d24"]
    up, down = link.up, link.down
    assert (up.rate_kbps, down.rate_kbps) == (2500, 1400)
    assert up.delay_ms + down.delay_ms == link.rtt_ms
    assert up.queue_bytes == 2500 * 60 / 8
    assert LINKS["d05"].up.queue_bytes == 5_000  # 60 ms of it would not hold one packet
    assert "no_udp=1.0" in LINKS["no-udp-thin"].up.order()
    assert "no_udp=0.0" in up.order()


# ---- agreement and goals


def train(kbps: float | None, *, at_least: bool = False) -> TrainFigures:
    return TrainFigures(None if kbps is None else kbps * 1000, at_least)


def check(
    mode: str,
    rung: int,
    figures: LinkFigures | None = None,
    *,
    seconds: float = 5.0,
    wire_bytes: int = 100_000,
    over_https: float | None = None,
) -> CheckResult:
    found = [Found("N8.up", "pass", over_https, "kbit/s", 5, "")] if over_https else []
    seen = CheckSeen(mode, rung, ["N8.up"], [], seconds, None, False, found, figures)
    return CheckResult(seen, wire_bytes, 0.2)


def result(
    link: str,
    predicted: int,
    true: int,
    *more: CheckResult,
    figures: LinkFigures | None = None,
    tcp: FlowSeen | None = None,
    kept: bool = True,
) -> LinkResult:
    way = WaySeen(true, 0.9, "rate", 1, 100.0, [true] * 120, 150.0, "direct")
    best = WaySeen(5, 1.0, "", 0, 100.0, [5] * 120, 150.0, "direct")
    call = CallSeen(true, best, way, 1.0, False, 0.3, [])
    return LinkResult(
        *(link, 1, 1001, 120.0, "2026-01-01T00:00:00Z", "abc", kept, "" if kept else "busy"),
        checks=[*more, check("standard", predicted, figures)],
        call=call,
        tcp=tcp,
    )


def test_no_link_and_the_telephone_are_one() -> None:
    assert step(result("bad", 0, 1), "standard") == 0
    assert step(result("bad", 4, 2), "standard") == 2
    assert step(result("bad", 2, 3), "standard") == -1
    assert step(result("bad", 2, 3), "quick") is None


def test_agreement_counts_what_is_the_same_and_what_is_too_high() -> None:
    rungs = [(4, 4), (5, 3), (3, 4), (4, 3), (0, 1)]
    seen = agreement([result("bad", *one) for one in rungs], "standard")
    assert (seen.count, seen.agreed, seen.high, seen.too_high, seen.low) == (5, 2, 2, 1, 1)
    assert seen.share == pytest.approx(0.4)
    assert agreement([], "standard").share == 0.0


def test_a_lower_bound_is_no_error_unless_it_says_more_than_there_is() -> None:
    figures = LinkFigures("direct", "measured", up=train(1030), down=train(3000, at_least=True))
    seen = {rate.way: rate for rate in rates(result("dsl", 4, 4, figures=figures), "standard")}
    assert seen["up"].error == pytest.approx(0.03)
    assert seen["down"].error is None
    boast = LinkFigures("direct", "measured", up=train(1100, at_least=True), down=train(None))
    seen = {rate.way: rate for rate in rates(result("dsl", 4, 4, figures=boast), "standard")}
    assert seen["up"].error == pytest.approx(0.1)
    assert seen["down"].error is None


def test_from_relay_to_relay_the_narrower_direction_is_measured() -> None:
    figures = LinkFigures("loop-udp", "measured", up=train(1000), down=train(1000))
    assert capacity_errors([result("dsl", 4, 4, figures=figures)], "standard") == [0.0, 0.0]


def test_an_estimate_over_https_is_counted_apart() -> None:
    estimated = result("no-udp-rural", 4, 4, check("quick", 4, over_https=1080.0))
    assert capacity_errors([estimated], "quick") == []
    assert capacity_errors([estimated], "quick", exact=False) == [pytest.approx(0.2)]


def test_errors_are_summed_up_by_their_size() -> None:
    seen = errors([-0.2, 0.01, 0.05, -0.04])
    assert seen is not None
    assert (seen.count, seen.worst, seen.within) == (4, 0.2, 3)
    assert seen.median == pytest.approx(0.045)
    assert errors([]) is None
    lossy = result("bad", 3, 3, figures=LinkFigures("direct", "measured", up=train(600)))
    assert capacity_errors([lossy], "standard") == [pytest.approx(0.2)]
    assert capacity_errors([lossy], "standard", most_loss=3) == []
    tcp = result("thin-30", 2, 2, tcp=FlowSeen(60.0, None))
    assert flow_errors([tcp], "tcp") == [1.0]
    assert flow_errors([tcp], "data") == []
    assert flow_errors([replace(tcp, data=FlowSeen(15.0, 30.0))], "data") == [-0.5, 0.0]
    assert flow_errors([result("bad", 3, 3, tcp=FlowSeen(60.0, None))], "tcp", most_loss=3) == []


def test_a_budget_is_of_the_mode_and_a_slow_link_has_longer() -> None:
    long = check("standard", 4, seconds=20.0, wire_bytes=3_100_000)
    assert over_budget(result("office", 5, 5), long) == ["20.0 s of 15", "3.10 MB of 3.0"]
    assert over_budget(result("bad", 3, 3), long) == ["3.10 MB of 3.0"]
    assert over_budget(result("bad", 3, 3), check("quick", 3, seconds=6.1)) == ["6.1 s of 6"]


def _met(results: list[LinkResult]) -> dict[str, bool | None]:
    return {goal.what.split()[0]: goal.met for goal in goals(results)}


def test_goals_are_met_missed_or_not_measured() -> None:
    assert set(_met([]).values()) == {False, None}
    exact = LinkFigures("direct", "measured", up=train(0), down=train(0))
    good = []
    for name, link in LINKS.items():
        figures = LinkFigures(
            "direct", "measured", up=train(link.up_kbps * 0.96), down=train(link.down_kbps * 1.04)
        )
        good.append(result(name, 3, 3, check("quick", 3), figures=figures))
    assert set(_met(good).values()) == {True}
    words = list(_met(good))
    assert len(words) == len(goals(good)) - 1  # time and data begin alike
    two = [result(name, 5, 3, figures=exact) for name in list(LINKS)[:2]]
    worse = _met([*two, *good[2:]])
    assert worse["never"] is False
    assert worse["standard"] is True  # 44 of 46
    assert worse["capacity"] is False
    slow = result("office", 3, 3, check("quick", 3, seconds=7.0))
    assert _met([slow, *good[1:]])["first"] is False
    assert _met(good[:39])["40"] is False


# ---- report and files


def test_the_report_tells_goals_links_and_what_was_thrown_away() -> None:
    figures = LinkFigures("direct", "measured", up=train(495), down=train(2000, at_least=True))
    results = [
        result("bad", 5, 3, check("quick", 3, seconds=6.5), figures=figures, tcp=FlowSeen(400, 1)),
        result("d01", 2, 2),
        result("d02", 2, 2, kept=False),
    ]
    results[0] = replace(results[0], data=FlowSeen(250, None))
    text = report(results, ["a machine"], "nothing")
    assert "| never two rungs too high | 1 of 2 | missed |" in text
    assert "| standard | 2 | 1 (50%) | 1 | 1 | 0 |" in text
    row = next(line for line in text.splitlines() if line.startswith("| bad "))
    assert [cell.strip() for cell in row.split("|")][6:9] == ["5", "3 (90%)", "+2"]
    heads = next(line for line in text.splitlines() if line.startswith("| link "))
    assert row.count("|") == heads.count("|")
    assert "-1.0%" in row
    assert "-20.0%" in row
    assert "-50.0%" in row
    assert "| a data channel, 3 s | all | 1 | 50.0% | 50.0% | 0 |" in text
    assert "* bad: check HD_VIDEO by N8.up; call LOW_VIDEO" in text
    assert "* d02, round 1: thrown away: busy" in text
    assert "the quick check took 6.5 s of 6" in text
    assert "| d02 " not in text
    assert "prove nothing" not in text
    assert "nothing measured yet" in report([], [], "")


def test_a_spoilt_file_never_takes_the_place_of_a_good_one(tmp_path: Path) -> None:
    folder = result_folder(tmp_path / "run")
    good = result("bad", 4, 4, figures=LinkFigures("direct", "measured", up=train(500)))
    folder.add(good)
    folder.add(result("bad", 1, 1, kept=False))
    read = folder.results()
    assert sorted(one.kept for one in read) == [False, True]
    assert next(one for one in read if one.kept) == good
    assert not math.isnan(read[0].seconds)
