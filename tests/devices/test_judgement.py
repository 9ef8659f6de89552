"""The table of limits, and the sentence over all findings."""

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.judging import Limit
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.verdict import SENTENCES, verdict

# ---- verdict -------------------------------------------------------------------------------------


def complete() -> dict[str, Finding]:
    return {check: limit.passed() for check, limit in LIMITS.items()}


def test_everything_good_is_hd() -> None:
    result = verdict(list(complete().values()), 5)
    assert (result.sentence, result.decided_by, result.at_ms) == ("HD video ready", (), 5)


@pytest.mark.parametrize(
    ("finding", "rung"),
    [
        (LIMITS["P1"].judge(50), Rung.VIDEO),
        (LIMITS["C4"].judge(240), Rung.LOW_VIDEO),
        (LIMITS["C1"].failed(), Rung.AUDIO_PHOTOS),
        (LIMITS["M3"].failed(), Rung.PHONE),
        (LIMITS["M1"].failed(), Rung.NO_LINK),
        (LIMITS["N8.up"].unknown("no server"), Rung.AUDIO_PHOTOS),
    ],
)
def test_the_worst_finding_decides(finding: Finding, rung: Rung) -> None:
    result = verdict(list((complete() | {finding.check: finding}).values()), 0)
    assert (result.rung, result.sentence) == (rung, SENTENCES[rung])
    assert result.decided_by == (finding.check,)


def test_what_was_not_measured_is_never_promised() -> None:
    assert verdict([], 0).rung is Rung.PHONE
    without_rate = [f for f in complete().values() if not f.check.startswith("N8")]
    assert verdict(without_rate, 0).rung is Rung.AUDIO_PHOTOS


@pytest.mark.parametrize("limit", LIMITS.values(), ids=lambda limit: limit.check)
def test_every_limit_is_consistent(limit: Limit) -> None:

    assert limit.cause.endswith(".")
    assert limit.action.endswith(".")
    sign = 1 if limit.higher_is_better else -1
    assert sign * limit.good >= sign * limit.usable
    assert limit.fail_rung <= limit.warn_rung
    worse = limit.judge(limit.usable - sign * max(1.0, abs(limit.usable)))
    assert worse.outcome is Outcome.FAIL
    assert worse.cause
    assert limit.judge(limit.good).outcome is Outcome.PASS
    assert not limit.judge(limit.good).cause
