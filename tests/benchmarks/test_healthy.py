"""What counts as all green, and what is published of it."""

from benchmarks.calls.figures import machine_spoilt
from benchmarks.healthy.rounds import NOT_HERE, Round, cries, is_green, report
from benchmarks.prediction.results import CheckResult, CheckSeen, Found
from telemed_desk.devices.limits import LIMITS
from tests.support.link.emulated import Counters


def found(check: str, outcome: str, value: float | None = None) -> Found:
    return Found(check, outcome, value, LIMITS[check].unit, 5, "said why")


def made(number: int, *findings: Found, rung: int = 5, why_busy: str = "") -> Round:
    seen = CheckSeen("standard", rung, [], [], 13.5, 2_000_000, False, list(findings), None)
    return Round(number, "2026-11-23T12:00:00Z", "abc", why_busy, CheckResult(seen, 2_500_000, 0.3))


GREEN = (found("C2", "pass", 0.2), found("N8.up", "pass", 3000), found("N6.nat", "cannot-tell"))


def test_what_a_bench_cannot_have_may_be_unknown_and_nothing_else_may() -> None:
    assert set(LIMITS) >= NOT_HERE
    assert cries(GREEN) == []
    assert [one.check for one in cries([*GREEN, found("C9", "cannot-tell")])] == ["C9"]
    assert [one.check for one in cries([*GREEN, found("N6.nat", "warn")])] == ["N6.nat"]
    assert cries([found("N3.vpn", "warn", 1)]) == []
    assert len(cries([found("N3.vpn", "fail", 1), found("N3.proxy", "warn", 1)])) == 2
    assert is_green(made(1, *GREEN))
    assert not is_green(made(1, *GREEN, rung=4))
    assert not is_green(made(1, *GREEN, found("M4", "warn", -50)))


def test_the_count_is_of_quiet_rounds_and_every_cry_is_told() -> None:
    text = report(
        [
            made(1, *GREEN),
            made(2, *GREEN, found("M4", "warn", -50)),
            made(3, *GREEN, found("P2.cpu", "fail", 90), why_busy="the processors were 97% busy"),
        ],
        ["a machine"],
        50,
    )
    assert "**1 of 2 standard checks all green" in text
    assert "wanted: 50 of 50); 1 more on a machine" in text
    assert "* round 2: M4 warn -50 dBFS: said why" in text
    assert "* 1 times on a busy machine: P2.cpu fail: said why" in text
    assert "| counted | 2 | 1 | 13.5 | 2.50 |" in text
    assert "Nothing." in report([made(1, *GREEN)], [], 50)


def test_a_stumble_of_the_emulator_counts_in_its_own_round_alone() -> None:
    start = Counters(10, 1000, 10, 1000, 1, 2, 3.0, 0, 0.0)
    stumbled = Counters(110, 9000, 100, 8000, 4, 2, 3.0, 40, 60.0)
    calm = Counters(210, 19_000, 200, 18_000, 5, 2, 9.0, 41, 60.0)
    assert stumbled.since(start) == Counters(100, 8000, 90, 7000, 3, 0, 0.0, 40, 60.0)
    assert machine_spoilt(0.1, {"ab": stumbled.since(start)})
    assert calm.since(stumbled) == Counters(100, 10_000, 100, 10_000, 1, 0, 9.0, 1, 0.0)
    assert not machine_spoilt(0.1, {"ab": calm.since(stumbled)})
