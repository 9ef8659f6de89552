"""How findings become a verdict, what each problem's button is, and what is certain on the way."""

import random
from dataclasses import replace

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Outcome
from telemed_desk.devices.fixes import Fix, FixKind, SettingsPage, fix_for
from telemed_desk.devices.limits import GUIDED_CHECKS, LIMITS
from telemed_desk.devices.problems import (
    CameraDenied,
    MicrophoneMuted,
    SpeakerMissing,
    SpeakerMuted,
)
from telemed_desk.devices.settings_pages import page_command
from telemed_desk.devices.verdict import (
    MOST_BPS,
    NEEDED,
    SENTENCES,
    quarter_hour_bytes,
    rung_bounds,
    shortfall,
    verdict,
)
from telemed_desk.media.engine.allocation import MOST_VIDEO_BPS
from telemed_desk.media.engine.peer_hint import HINTS

GOOD = tuple(LIMITS[check].passed() for check in LIMITS if check not in GUIDED_CHECKS)


def with_other(*findings: Finding) -> list[Finding]:
    names = {finding.check for finding in findings}
    return [*(f for f in GOOD if f.check not in names), *findings]


def test_everything_good_is_hd_and_nothing_holds_it() -> None:
    result = verdict(GOOD, 5)
    assert (result.rung, result.decided_by, result.unproven) == (Rung.HD_VIDEO, (), ())
    assert result.sentence == SENTENCES[Rung.HD_VIDEO]


@pytest.mark.parametrize("check", NEEDED)
def test_what_was_not_measured_promises_nothing(check: str) -> None:
    absent = verdict([f for f in GOOD if f.check != check], 5)
    untold = verdict(with_other(LIMITS[check].unknown("It was not there.")), 5)
    for result in (absent, untold):
        assert result.rung <= NEEDED[check] < Rung.HD_VIDEO
        assert check in result.decided_by
        assert check in result.unproven


def test_the_lowest_ceiling_wins_and_all_that_hold_it_there_are_named() -> None:
    slow = replace(LIMITS["N8.up"].judge(300), ceiling=Rung.LOW_VIDEO)
    late = replace(LIMITS["N9"].judge(500), ceiling=Rung.LOW_VIDEO)
    result = verdict(with_other(slow, late, LIMITS["C4"].judge(480)), 5)
    assert result.rung is Rung.LOW_VIDEO
    assert result.decided_by == ("N8.up", "N9")
    assert result.unproven == ()


def test_the_newest_finding_of_a_check_counts() -> None:
    again = [LIMITS["S1"].failed(), *GOOD]
    assert verdict(again, 5).rung is Rung.HD_VIDEO
    assert verdict([*GOOD, LIMITS["S1"].failed()], 5).rung is Rung.PHONE


def test_a_measurement_that_was_cut_short_promises_what_it_saw_and_no_more() -> None:
    cut = replace(LIMITS["N8.up"].unknown("Too little time."), value=900, ceiling=Rung.VIDEO)
    result = verdict(with_other(cut), 5)
    assert result.rung is Rung.VIDEO
    assert result.decided_by == result.unproven == ("N8.up",)


def test_no_findings_at_all_are_no_promise() -> None:
    assert verdict([], 5).rung <= Rung.PHONE


@pytest.mark.parametrize("seed", range(20))
def test_what_is_certain_on_the_way_stays_true_to_the_end(seed: int) -> None:
    draw = random.Random(seed)
    checks = [check for check in LIMITS if check not in GUIDED_CHECKS]
    draw.shuffle(checks)
    findings: list[Finding] = []
    lasts: tuple[Rung, Rung] = (Rung.NO_LINK, Rung.HD_VIDEO)
    for place, check in enumerate(checks):
        limit = LIMITS[check]
        made = [limit.passed(), limit.passed(), limit.passed(), limit.failed(), limit.unknown("")]
        if check.partition(".")[0] in {"N7", "N8", "N9", "N10", "N11", "loop"}:
            # The ladder decides what such a figure allows, down to the telephone.
            rung = draw.choice([rung for rung in Rung if rung is not Rung.NO_LINK])
            made.append(replace(limit.failed(), ceiling=rung))
        findings.append(draw.choice(made))
        least, most = rung_bounds(findings, checks[place + 1 :])
        assert lasts[0] <= least <= most <= lasts[1]
        lasts = least, most
    assert lasts == (verdict(findings, 0).rung,) * 2


@pytest.mark.parametrize("check", ["N7.loss", "N8.up", "N9", "N11", "loop.loss"])
def test_a_figure_that_the_ladder_judges_may_still_end_at_the_telephone(check: str) -> None:
    others = [finding for finding in GOOD if finding.check != check]
    assert rung_bounds(others, [check]) == (Rung.PHONE, Rung.HD_VIDEO)


def test_nothing_is_certain_before_the_first_finding() -> None:
    assert rung_bounds([], list(LIMITS)) == (Rung.NO_LINK, Rung.HD_VIDEO)


def test_what_a_call_uses_follows_the_media_engine() -> None:
    for rung, hint in HINTS.items():
        assert MOST_BPS[rung] >= hint.max_kbps * 1000
    for rung, most in MOST_VIDEO_BPS.items():
        assert most <= MOST_BPS[rung] <= 1.5 * most
    assert quarter_hour_bytes(Rung.HD_VIDEO, ()) == 450_000_000
    slow = LIMITS["N8.up"].judge(500)
    assert quarter_hour_bytes(Rung.HD_VIDEO, [slow]) == 225_000_000 + 56_250_000
    assert quarter_hour_bytes(Rung.PHONE, ()) == 0


def test_what_the_next_rung_would_need() -> None:
    slow = replace(LIMITS["N8.up"].judge(300), ceiling=Rung.LOW_VIDEO)
    assert float(shortfall(slow)) == pytest.approx(562.5, abs=1)
    assert shortfall(LIMITS["N8.up"].judge(9000)) == ""


# ---- buttons -------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", LIMITS)
def test_every_problem_has_one_button_and_no_pass_has(check: str) -> None:
    assert fix_for(LIMITS[check].passed()) is None
    for finding in (LIMITS[check].failed(), LIMITS[check].unknown("")):
        fix = fix_for(finding)
        assert fix is not None
        assert (fix.page is not None) == (fix.kind is FixKind.SETTINGS)
        if fix.kind is FixKind.CHOOSE:
            assert finding.group in {Group.CAMERA, Group.MICROPHONE, Group.SPEAKER}


@pytest.mark.parametrize(
    ("finding", "fix"),
    [
        (
            LIMITS["C3"].failed(CameraDenied.sentence, CameraDenied.next_step),
            Fix(FixKind.SETTINGS, SettingsPage.CAMERA),
        ),
        (LIMITS["M3"].failed(MicrophoneMuted.sentence), Fix(FixKind.SETTINGS, SettingsPage.SOUND)),
        (LIMITS["S1"].failed(SpeakerMissing.sentence), Fix(FixKind.AGAIN)),
        (LIMITS["S1"].failed(SpeakerMuted.sentence), Fix(FixKind.SETTINGS, SettingsPage.SOUND)),
        (LIMITS["C3"].failed(), Fix(FixKind.AGAIN)),
        (LIMITS["C4"].judge(480), Fix(FixKind.CHOOSE)),
        (LIMITS["N4"].judge(300), Fix(FixKind.SETTINGS, SettingsPage.CLOCK)),
        (
            LIMITS["N1"].failed("The server's certificate is not trusted by this PC."),
            Fix(FixKind.COPY),
        ),
    ],
)
def test_the_button_fits_the_cause(finding: Finding, fix: Fix) -> None:
    assert fix_for(finding) == fix


def test_a_settings_page_is_opened_by_what_this_pc_has() -> None:
    def only(program: str) -> str | None:
        return "/usr/bin/pavucontrol" if program == "pavucontrol" else None

    assert page_command(SettingsPage.SOUND, only) == ["/usr/bin/pavucontrol"]
    assert page_command(SettingsPage.CLOCK, only) is None


def test_cannot_tell_is_never_a_pass() -> None:
    for limit in LIMITS.values():
        assert limit.unknown("").outcome is Outcome.CANNOT_TELL
