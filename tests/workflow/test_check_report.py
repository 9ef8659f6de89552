"""The report for IT and the fleet's command: what they say, and what they must not."""

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Verdict
from telemed_desk.devices.history import PastCheck
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.verdict import verdict
from telemed_desk.workflow.check_plan import CheckMode
from telemed_desk.workflow.it_report import in_words, names_here, report_of
from telemed_desk.workflow.self_check import SelfCheckState
from telemed_desk.workflow.self_check_command import exit_code, mode_of

DOCS = Path(__file__).parents[2] / "docs" / "selfcheck.md"
HOME = "/home/mfano"
SECRETS = (
    "192.168.4.17", "fe80::1234:5678:9abc:def0", "aa:bb:cc:dd:ee:ff", "7FA0B1CF99", "Jaribio",
    "relay.mto-mawe.example", HOME, "Mfano-PC", "+254 700 000 123",
)  # fmt: skip
TALKATIVE = LIMITS["N5"].failed(
    "Relay relay.mto-mawe.example at 192.168.4.17 [fe80::1234:5678:9abc:def0] is away from Mfano-PC.",
    f"Ask Jaribio's office, +254 700 000 123, for {HOME}/log of aa:bb:cc:dd:ee:ff, 7FA0B1CF99.",
)


def made(*findings: Finding) -> dict[str, object]:
    state = SelfCheckState(
        findings=findings,
        verdict=verdict(findings, 1_800_000_000_000),
        mode=CheckMode.QUICK,
        data_bytes=412_000,
    )
    past = PastCheck(1_799_000_000_000, "quick", Rung.VIDEO, ("N9",), "a1", "b2", {"N9": 310.0})
    known = ("Mfano-PC", "Jaribio")
    return report_of(state, seconds=5.04, at_ms=1_800_000_000_000, history=[past], known=known)


def test_no_name_address_or_serial_is_in_any_of_its_forms() -> None:
    report = made(TALKATIVE)
    for said in (json.dumps(report), in_words(report)):
        for secret in SECRETS:
            assert secret not in said
    assert "is away from" in in_words(report)


def test_the_place_of_earlier_checks_is_left_out() -> None:
    history = made(TALKATIVE)["history"]
    assert isinstance(history, list)
    assert set(history[0]) == {"at", "mode", "rung", "decided_by", "values"}


def test_every_field_is_in_the_documented_schema_and_the_other_way_round() -> None:
    documented = set(re.findall(r"^\| `([a-z_.]+)` ", DOCS.read_text("utf-8"), re.MULTILINE))
    report = made(TALKATIVE)
    written = set()
    for name, value in report.items():
        written.add(name)
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict):
            written |= {f"{name}.{part}" for part in inner}
    assert documented == written


def test_the_words_are_complete_and_in_the_order_of_the_table() -> None:
    said = in_words(made(TALKATIVE, LIMITS["C2"].judge(0.4), LIMITS["P1"].unknown("Not run.")))
    assert said.index("C2") < said.index("P1") < said.index("N5")
    assert "cannot-tell" in said
    assert "quick" in said


def test_this_pcs_own_names_are_known_secrets() -> None:
    assert all(len(name) > 3 for name in names_here())


@pytest.mark.parametrize(
    ("rung", "code"),
    [
        (Rung.HD_VIDEO, 0),
        (Rung.VIDEO, 0),
        (Rung.LOW_VIDEO, 1),
        (Rung.AUDIO_PHOTOS, 1),
        (Rung.PHONE, 2),
        (Rung.NO_LINK, 2),
        (None, 3),
    ],
)
def test_the_exit_code_follows_the_verdict(rung: Rung | None, code: int) -> None:
    state = SelfCheckState()
    if rung is not None:
        state = replace(state, verdict=Verdict(rung, "", (), 0))
    assert exit_code(state) == code


@pytest.mark.parametrize(
    ("quick", "thorough", "mode"),
    [
        (False, False, CheckMode.STANDARD),
        (True, False, CheckMode.QUICK),
        (False, True, CheckMode.THOROUGH),
    ],
)
def test_how_far_the_command_goes(quick: bool, thorough: bool, mode: CheckMode) -> None:
    assert mode_of(argparse.Namespace(quick=quick, thorough=thorough)) is mode
