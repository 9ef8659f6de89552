"""The history of checks: numbers only, ninety days, and what is worse than usual."""

import json
import stat
from pathlib import Path

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group, Outcome
from telemed_desk.devices.history import HISTORY_FILE, KEEP_MS, CheckHistory, PastCheck
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.site import place_text
from telemed_desk.devices.trend import WEEK_MS, mads_worse, trend_finding

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000


def past(days_ago: float, **values: float) -> PastCheck:
    named = {check.replace("_", "."): value for check, value in values.items()}
    return PastCheck(
        NOW_MS - round(days_ago * DAY_MS), "quick", Rung.VIDEO, ("N8.up",), values=named
    )


def test_what_is_kept_is_read_again_by_the_next_start(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    site = history.hashed("aa:bb:cc:dd:ee:ff")
    history.add(
        PastCheck(NOW_MS + 31_234, "standard", Rung.LOW_VIDEO, ("N9",), site, "", {"N8.up": 340.0})
    )
    (read,) = CheckHistory(tmp_path).last(14)
    assert read.at_ms == NOW_MS  # to the minute
    assert (read.rung, read.mode, read.decided_by) == (Rung.LOW_VIDEO, "standard", ("N9",))
    assert read.values == {"N8.up": 340.0}
    assert CheckHistory(tmp_path).hashed("aa:bb:cc:dd:ee:ff") == site == read.site


def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    CheckHistory(tmp_path).add(past(0))
    assert stat.S_IMODE((tmp_path / HISTORY_FILE).stat().st_mode) == 0o600


def test_a_place_cannot_be_read_from_it_and_differs_from_pc_to_pc(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = CheckHistory(tmp_path / "a"), CheckHistory(tmp_path / "b")
    assert one.hashed("aa:bb:cc:dd:ee:ff") != other.hashed("aa:bb:cc:dd:ee:ff")
    assert one.hashed("aa:bb:cc:dd:ee:ff") != one.hashed("aa:bb:cc:dd:ee:fe")
    assert one.hashed("") == ""


def test_after_ninety_days_a_check_goes(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    history.add(past(91))
    history.add(past(89))
    history.add(past(0))
    assert len(CheckHistory(tmp_path).last(99)) == 2
    assert KEEP_MS == 90 * DAY_MS


def test_what_is_damaged_is_left_out_and_stops_nothing(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    history.add(past(1, N9=120))
    history.add(past(0, N9=130))
    file = tmp_path / HISTORY_FILE
    lines = file.read_text("utf-8").splitlines()
    for broken in ('{"at":', "null", '{"at":1,"mode":2,"rung":99}', "\x00"):
        file.write_text("\n".join([lines[0], broken, lines[2]]), "utf-8")
        assert [check.values["N9"] for check in CheckHistory(tmp_path).last(9)] == [130]
    file.write_text("\n".join(["{}", *lines[1:]]), "utf-8")
    assert CheckHistory(tmp_path).last(9) == ()
    file.write_bytes(b"\xff\xfe\x00")
    assert CheckHistory(tmp_path).last(9) == ()


def test_a_disk_that_refuses_costs_the_line_only(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path / "gone")
    history.add(past(0))
    assert len(history.last(9)) == 1


def test_the_file_holds_numbers_and_no_words_but_names_of_checks(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    history.add(past(0, N8_up=340, C9=41))
    line = json.loads((tmp_path / HISTORY_FILE).read_text("utf-8").splitlines()[1])
    assert set(line) == {"at", "mode", "rung", "by", "site", "camera", "values"}
    assert set(line["values"]) <= set(LIMITS)


def test_a_cameras_usual_is_its_own(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    for day in range(6):
        for camera, sharp in (("a", 100.0 + day), ("b", 20.0)):
            check = past(day, C9=sharp)
            history.add(
                PastCheck(check.at_ms, "quick", Rung.VIDEO, camera=camera, values=check.values)
            )
    since_ms = NOW_MS - 30 * DAY_MS
    assert history.usual("C9", since_ms=since_ms, camera="b", least_days=6) == 20.0
    assert history.usual("C9", since_ms=since_ms, camera="a", least_days=6) == 102.5
    assert history.usual("C9", since_ms=since_ms, camera="a", least_days=7) is None
    assert history.usual("C9", since_ms=NOW_MS - 2 * DAY_MS, camera="a", least_days=6) is None


def test_many_checks_on_one_day_are_no_usual(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    for day in (1, 2, 3):
        for _ in range(20 if day == 2 else 1):
            check = past(day, C9=30.0 if day == 2 else 100.0)
            history.add(
                PastCheck(check.at_ms, "quick", Rung.VIDEO, camera="a", values=check.values)
            )
    since_ms = NOW_MS - 30 * DAY_MS
    assert history.usual("C9", since_ms=since_ms, camera="a", least_days=4) is None
    assert history.usual("C9", since_ms=since_ms, camera="a", least_days=3) == 100.0


# ---- worse than usual ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "mads"),
    [
        ([100] * 4, 900, None),  # too few to speak of a usual
        ([100] * 5, 100, 0.0),
        ([100] * 5, 90, 0.0),  # better
        ([100] * 5, 115, 3.0),  # no spread at all: a twentieth counts as one
        ([80, 90, 100, 110, 120], 130, 3.0),
        ([80, 90, 100, 110, 5000], 130, 3.0),  # one bad morning changes nothing
    ],
)
def test_distance_from_usual(before: list[float], now: float, mads: float | None) -> None:
    found = mads_worse(before, now, higher_is_better=False)
    assert found == (None if mads is None else pytest.approx(mads))


def test_what_is_worse_than_usual_is_said_with_both_figures_and_changes_no_verdict() -> None:
    week = {"N8.up": [4600.0, 4500, 4700, 4650, 4550], "N9": [140.0, 150, 145, 142, 139]}
    findings = [LIMITS["N8.up"].judge(2000), LIMITS["N9"].judge(146)]
    found = trend_finding(findings, week)
    assert found is not None
    assert (found.check, found.outcome, found.group) == ("T1", Outcome.FAIL, Group.NETWORK)
    assert "2000" in found.cause
    assert "4600" in found.cause
    assert found.ceiling is Rung.HD_VIDEO


def test_an_ordinary_day_is_within_the_usual() -> None:
    week = {"N8.up": [4600.0, 4500, 4700, 4650, 4550]}
    found = trend_finding([LIMITS["N8.up"].judge(4480)], week)
    assert found is not None
    assert found.outcome is Outcome.PASS
    assert trend_finding([LIMITS["N8.up"].judge(4480)], {}) is None


def test_another_place_or_an_older_week_is_not_compared(tmp_path: Path) -> None:
    history = CheckHistory(tmp_path)
    for day in (1, 2, 3, 8, 9):
        check = past(day, N9=100 + day)
        history.add(
            PastCheck(check.at_ms, "quick", Rung.VIDEO, (), f"site{day % 2}", "", check.values)
        )
    assert history.values("N9", since_ms=NOW_MS - WEEK_MS, site="site1") == [101, 103]


def test_the_router_is_found_in_the_kernels_tables(tmp_path: Path) -> None:
    routes, neighbours = tmp_path / "route", tmp_path / "arp"
    routes.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\n"
        "eth0\t0000A8C0\t00000000\t0001\t0\neth0\t00000000\t0101A8C0\t0003\t0\n"
    )
    neighbours.write_text(
        "IP address HW type Flags HW address Mask Device\n"
        "192.168.1.7 0x1 0x2 aa:aa:aa:aa:aa:aa * eth0\n"
        "192.168.1.1 0x1 0x2 02:00:00:00:00:01 * eth0\n"
    )
    assert place_text(routes, neighbours) == "02:00:00:00:00:01"
    assert place_text(routes, tmp_path / "none") == ""
    routes.write_text("Iface\n")
    assert place_text(routes, neighbours) == ""
