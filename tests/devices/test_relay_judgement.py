"""What relays' answers, a router's and a test call's figures are judged to mean. Pure."""

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.loop import LoopSeen, loop_findings
from telemed_desk.devices.checks.nat import NatSeen, nat_findings
from telemed_desk.devices.checks.relay import (
    RELAY_WORDS,
    RelayAnswer,
    Way,
    best_reason,
    relay_findings,
)
from telemed_desk.devices.findings import Finding, Outcome


def said(way: Way, code: str = "", ms: float | None = None, host: str = "r.test") -> RelayAnswer:
    works = 20.0 if ms is None and code == "" else ms
    return RelayAnswer(f"{way} {host}", way, host, code, works)


def judged(*answers: RelayAnswer, proxied: bool = False) -> dict[str, Finding]:
    return {f.check: f for f in relay_findings(answers, proxied=proxied)}


def test_three_ways_that_work_are_green() -> None:
    found = judged(said("udp"), said("tcp"), said("tls"))
    assert set(found) == {"N5", "N5.udp", "N5.tcp", "N5.tls"}
    assert {f.outcome for f in found.values()} == {Outcome.PASS}


def test_no_relay_cannot_be_told_and_is_not_green() -> None:
    (found,) = judged().values()
    assert (found.check, found.outcome) == ("N5", Outcome.CANNOT_TELL)


def test_a_far_relay_warns() -> None:
    assert judged(said("udp", ms=700))["N5"].outcome is Outcome.WARN
    assert judged(said("udp", ms=700))["N5"].value == 700


def test_blocked_udp_is_told_from_a_relay_that_is_away() -> None:
    blocked = judged(said("udp", "relay-silent"), said("tcp"), said("tls"))
    assert blocked["N5"].outcome is Outcome.WARN
    assert "UDP" in blocked["N5"].cause
    assert blocked["N5"].ceiling is Rung.HD_VIDEO
    assert blocked["N5.udp"].cause == RELAY_WORDS["relay-udp-blocked"][0]
    assert blocked["N5.tls"].outcome is Outcome.PASS
    refused = judged(said("udp", "relay-silent"), said("tcp", "relay-refused"))
    assert refused["N5.udp"].cause == RELAY_WORDS["relay-udp-blocked"][0]
    away = judged(said("udp", "relay-silent"), said("tcp", "relay-silent"))
    assert away["N5"].cause == RELAY_WORDS["relay-silent"][0]
    assert away["N5"].ceiling is Rung.PHONE
    elsewhere = judged(said("udp", "relay-silent"), said("tcp", host="other.test"))
    assert elsewhere["N5.udp"].cause == RELAY_WORDS["relay-silent"][0]


def test_behind_a_proxy_silence_has_a_name() -> None:
    found = judged(said("udp", "relay-silent"), said("tls", "relay-silent"), proxied=True)
    assert found["N5"].cause == RELAY_WORDS["relay-proxy"][0]
    one = judged(said("udp", "relay-refused"), said("tls", "relay-silent"), proxied=True)
    assert one["N5"].cause == RELAY_WORDS["relay-refused"][0]


@pytest.mark.parametrize("code", sorted(set(RELAY_WORDS) - {"relay-udp-blocked", "relay-proxy"}))
def test_every_reason_is_said_with_something_to_do(code: str) -> None:
    found = judged(said("udp", code), said("tcp", "relay-silent", host="other.test"))
    assert found["N5"].outcome is Outcome.FAIL
    assert (found["N5"].cause, found["N5"].action) == RELAY_WORDS[code]


def test_of_several_reasons_the_one_that_says_most() -> None:
    assert best_reason(["relay-silent", "relay-expired", "relay-closed"]) == "relay-expired"
    assert best_reason(["relay-silent", "", "relay-refused"]) == ""
    assert best_reason([]) == "relay-silent"
    assert best_reason(["something new"]) == "relay-silent"


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_a_relay_that_answers_late_is_a_relay(way: str) -> None:
    silent = [said("udp", "relay-silent")] if way == "tcp" else []
    found = judged(*silent, said(way, ms=4327))
    assert (found["N5"].outcome, found["N5"].ceiling) == (Outcome.FAIL, Rung.HD_VIDEO)
    assert "slowly" in found["N5"].cause


# ---- the router ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "outcome"),
    [
        ("none", Outcome.PASS),
        ("same", Outcome.PASS),
        ("other", Outcome.WARN),
        ("unknown", Outcome.CANNOT_TELL),
        ("silent", Outcome.CANNOT_TELL),
    ],
)
def test_routers(mapping: str, outcome: Outcome) -> None:
    found = {
        f.check: f
        for f in nat_findings(NatSeen(mapping, ipv6=False, multicast=False))  # type: ignore[arg-type]
    }
    assert found["N6.nat"].outcome is outcome
    assert (found["N6.ipv6"].outcome, found["N6.ipv6"].value) == (Outcome.PASS, 0)
    assert found["N6.mdns"].outcome is Outcome.WARN
    assert {f.ceiling for f in found.values()} == {Rung.HD_VIDEO}


# ---- a test call ---------------------------------------------------------------------------------

GOOD = {
    "relay_codes": ("", ""),
    "limit_s": 8.0,
    "connected_s": 0.8,
    "first_picture_s": 1.2,
    "loss_ratio": 0.002,
    "jitter_ms": 4.0,
    "rtt_ms": 60.0,
    "sent_fps": 15.0,
    "shown_fps": 14.8,
    "concealed_ratio": 0.0,
}
ALL = {
    *("loop", "loop.loss", "loop.jitter", "loop.rtt", "loop.picture", "loop.frames", "loop.voice")
}


def call(*, relayed: bool = True, **changes: object) -> dict[str, Finding]:
    seen = LoopSeen(relayed, **{**GOOD, **changes})  # type: ignore[arg-type]
    return {f.check: f for f in loop_findings(seen)}


def test_a_good_call_is_green() -> None:
    found = call()
    assert set(found) == ALL
    assert {f.outcome for f in found.values()} == {Outcome.PASS}
    assert found["loop.rtt"].value == 30  # both ends are here


def test_a_call_inside_this_pc_says_nothing_of_the_link() -> None:
    found = call(relayed=False, relay_codes=())
    grey = {check for check, f in found.items() if f.outcome is Outcome.CANNOT_TELL}
    assert grey == {"loop.loss", "loop.jitter", "loop.rtt"}
    assert found["loop.frames"].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "check", "outcome", "ceiling"),
    [
        ({"loss_ratio": 0.02}, "loop.loss", Outcome.WARN, Rung.HD_VIDEO),
        ({"loss_ratio": 0.05}, "loop.loss", Outcome.FAIL, Rung.HD_VIDEO),  # 2.5 % each way
        ({"loss_ratio": 0.12}, "loop.loss", Outcome.FAIL, Rung.VIDEO),
        ({"loss_ratio": 0.4}, "loop.loss", Outcome.FAIL, Rung.LOW_VIDEO),  # sent twice, at best
        ({"loss_ratio": 0.6}, "loop.loss", Outcome.FAIL, Rung.AUDIO_PHOTOS),
        ({"loss_ratio": None}, "loop.loss", Outcome.CANNOT_TELL, Rung.HD_VIDEO),
        ({"jitter_ms": 30.0}, "loop.jitter", Outcome.WARN, Rung.HD_VIDEO),
        ({"jitter_ms": 55.0}, "loop.jitter", Outcome.FAIL, Rung.HD_VIDEO),
        ({"rtt_ms": 700.0}, "loop.rtt", Outcome.FAIL, Rung.HD_VIDEO),  # far, but not by our load
        ({"first_picture_s": None}, "loop.picture", Outcome.FAIL, Rung.AUDIO_PHOTOS),
        (
            {"first_picture_s": None, "picture_fits": False},
            "loop.picture",
            Outcome.CANNOT_TELL,
            Rung.HD_VIDEO,
        ),
        ({"first_picture_s": 9.0}, "loop.picture", Outcome.FAIL, Rung.AUDIO_PHOTOS),
        ({"shown_fps": 11.0}, "loop.frames", Outcome.WARN, Rung.HD_VIDEO),
        ({"shown_fps": 3.0}, "loop.frames", Outcome.FAIL, Rung.LOW_VIDEO),
        ({"sent_fps": 0.0}, "loop.frames", Outcome.CANNOT_TELL, Rung.HD_VIDEO),
        ({"concealed_ratio": 0.05}, "loop.voice", Outcome.WARN, Rung.HD_VIDEO),
        ({"concealed_ratio": 0.2}, "loop.voice", Outcome.FAIL, Rung.AUDIO_PHOTOS),
        ({"connected_s": 5.0}, "loop", Outcome.WARN, Rung.HD_VIDEO),
    ],
)
def test_each_fault_has_its_finding_and_no_other_cries_wolf(
    changes: dict[str, object], check: str, outcome: Outcome, ceiling: Rung
) -> None:
    found = call(**changes)
    assert (found[check].outcome, found[check].ceiling) == (outcome, ceiling)
    if outcome is not Outcome.PASS:
        assert found[check].cause
        assert found[check].action
    assert {f.outcome for name, f in found.items() if name != check} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("changes", "outcome", "says"),
    [
        ({"relay_codes": ("relay-expired", "relay-expired")}, Outcome.FAIL, "run out"),
        ({"relay_codes": ("", "")}, Outcome.CANNOT_TELL, "itself"),
        ({"relay_codes": ()}, Outcome.CANNOT_TELL, "did not answer"),
        ({"addresses": False}, Outcome.CANNOT_TELL, "no network"),
    ],
)
def test_a_call_that_does_not_connect_says_why_and_nothing_else(
    changes: dict[str, object], outcome: Outcome, says: str
) -> None:
    found = call(connected_s=None, **changes)
    assert set(found) == {"loop"}
    assert found["loop"].outcome is outcome
    assert says in found["loop"].cause
