"""How findings, verdicts and past checks are put into words. Plain Python."""

from collections.abc import Iterable, Mapping, Sequence

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Outcome, Verdict
from telemed_desk.devices.fixes import FixKind, fix_for
from telemed_desk.devices.history import PastCheck
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.verdict import shortfall
from telemed_desk.ui import words
from telemed_desk.ui.screens.self_check.state import (
    Advice,
    CardState,
    Figure,
    FindingRow,
    GuidedWords,
    PastBar,
)
from telemed_desk.ui.text import has_text, t, tn
from telemed_desk.workflow.guided import GuidedState

ICONS = {
    Outcome.PASS: ("check", "ok"),
    Outcome.WARN: ("triangle-alert", "warn"),
    Outcome.FAIL: ("circle-alert", "danger"),
    Outcome.CANNOT_TELL: ("circle-help", "ink3"),
}
DECIMALS_BELOW = 10
FIGURES = ("N7.rtt", "N7.jitter", "N7.loss", "N9", "N8.up", "N8.down", "N5", "N1")
"""Shown large, in this order; whatever else is known of the link stands below."""
_ORDER = {check: place for place, check in enumerate(LIMITS)}
_WEIGHT = {Outcome.FAIL: 0, Outcome.WARN: 1, Outcome.CANNOT_TELL: 2, Outcome.PASS: 3}


def card(
    group: Group,
    findings: Iterable[Finding],
    past: Sequence[PastCheck] = (),
    *,
    running: bool = False,
) -> CardState:
    """Return what a card says, without its devices."""
    mine = sorted((f for f in findings if f.group is group), key=_place)
    troubles = [f for f in mine if f.outcome in {Outcome.WARN, Outcome.FAIL}]
    unknown = [f for f in mine if f.outcome is Outcome.CANNOT_TELL]
    figures = _figures(mine, past) if group is Group.NETWORK else ()
    large = {figure.check for figure in figures}
    chip, tone, icon = _chip(mine, troubles, unknown, running=running)
    ordered = sorted([*troubles, *unknown], key=lambda f: _WEIGHT[f.outcome])
    return CardState(
        group,
        chip,
        tone,
        icon,
        tuple(_row(f) for f in mine if f.check not in large),
        tuple(_advice(f) for f in ordered if f.cause and _matters(f)),
        figures,
    )


def _place(finding: Finding) -> tuple[int, str]:
    # A check that this version does not list stands last, it does not stop the screen.
    return _ORDER.get(finding.check, len(_ORDER)), finding.check


def _matters(finding: Finding) -> bool:
    """Whether a finding is a problem: what cannot be told and holds nothing back is only a row."""
    return finding.outcome is not Outcome.CANNOT_TELL or finding.ceiling < Rung.HD_VIDEO


def _chip(
    mine: Sequence[Finding],
    troubles: Sequence[Finding],
    unknown: Sequence[Finding],
    *,
    running: bool,
) -> tuple[str, str, str]:
    if troubles:
        if any(f.outcome is Outcome.FAIL for f in troubles):
            return tn("check.improve", len(troubles)), "danger", "circle-alert"
        return tn("check.improve", len(troubles)), "warn", "triangle-alert"
    if running:
        return (t("check.looking"), "info", "loader-circle") if not mine else ("", "neutral", "")
    if unknown:
        held = any(_matters(f) for f in unknown)
        said = tn("check.unknown" if held else "check.fine.unknown", len(unknown))
        return said, "neutral", "circle-help"
    return (t("check.fine"), "ok", "check") if mine else ("", "neutral", "")


def _advice(finding: Finding) -> Advice:
    fix = fix_for(finding)
    kind = fix.kind if fix is not None else FixKind.AGAIN
    button = t(f"check.fix.{kind.value}")
    if fix is not None and fix.page is not None:
        button = t(f"check.page.{fix.page.value}")
    tone = {Outcome.FAIL: "danger", Outcome.WARN: "warn"}.get(finding.outcome, "info")
    cause = finding.cause
    need = shortfall(finding)
    if need:
        rung = words.rung_word(Rung(finding.ceiling + 1))
        cause = f"{cause} {t('check.needs', rung=rung, rate=words.rate(float(need) * 1000))}"
    return Advice(finding.check, cause, finding.action, button, tone)


def _row(finding: Finding) -> FindingRow:
    icon, tint = ICONS[finding.outcome]
    return FindingRow(finding.check, finding.title, value_words(finding), icon, tint)


def value_words(finding: Finding) -> str:
    """Return a finding's number in words, or what stands for it."""
    if finding.outcome is Outcome.CANNOT_TELL:
        return t("check.cannot_tell")
    good = finding.outcome is Outcome.PASS
    if finding.value is None or finding.unit in {"luma", "x", ""}:
        return t("check.good") if good else t(f"check.outcome.{finding.outcome.value}")
    return number_words(finding.value, finding.unit)


def number_words(value: float, unit: str) -> str:
    """Return ``4.6 Mb/s`` or ``84 ms``."""
    if unit == "kbit/s":
        return words.rate(value * 1000)
    number = f"{value:.0f}"
    if abs(value) < DECIMALS_BELOW and unit != "ms":
        number = f"{value:.1f}".removesuffix(".0")
    key = f"check.unit.{unit}"
    return t(key, n=number) if has_text(key) else f"{number} {unit}"


def _figures(mine: Sequence[Finding], past: Sequence[PastCheck]) -> tuple[Figure, ...]:
    known = {finding.check: finding for finding in mine}
    return tuple(_figure(known[check], past) for check in FIGURES if check in known)


def _figure(finding: Finding, past: Sequence[PastCheck]) -> Figure:
    _icon, tint = ICONS[finding.outcome]
    earlier = [line.values[finding.check] for line in past if finding.check in line.values]
    limit = LIMITS.get(finding.check)
    need = ""
    if limit is not None and finding.value is not None:
        good = number_words(limit.good, limit.unit)
        need = t("check.least" if limit.higher_is_better else "check.most", limit=good)
    return Figure(
        finding.check,
        finding.title,
        value_words(finding),
        need,
        tint if finding.outcome is not Outcome.PASS else "",
        tuple(earlier),
    )


# ---- the verdict ---------------------------------------------------------------------------------


def verdict_sentence(verdict: Verdict, findings: Sequence[Finding]) -> str:
    """Return what calls will be like, what holds them there, and how much there is to improve."""
    known: Mapping[str, Finding] = {finding.check: finding for finding in findings}
    parts = [t(f"check.effect.{int(verdict.rung)}")]
    deciding = next((known[c] for c in verdict.decided_by if c in known and known[c].cause), None)
    if deciding is not None and deciding.outcome is Outcome.CANNOT_TELL:
        parts.append(t("check.unproven", what=deciding.title))
    elif deciding is not None:
        parts.append(deciding.cause)
    elif verdict.unproven:
        parts.append(t("check.unproven.some"))
    improve = sum(f.outcome in {Outcome.WARN, Outcome.FAIL} for f in findings)
    if improve:
        parts.append(tn("check.fixes", improve))
    elif not verdict.unproven and findings:
        parts.append(t("check.fixes.none"))
    return " ".join(parts)


def tone_of(rung: Rung) -> tuple[str, str]:
    """Return tone and icon of a verdict."""
    if rung >= Rung.VIDEO:
        return "ok", "circle-check"
    if rung >= Rung.AUDIO_PHOTOS:
        return "warn", "triangle-alert"
    return "danger", "circle-alert"


def so_far(at_least: Rung, at_most: Rung) -> str:
    """Return what is certain while the check still runs."""
    if at_least >= Rung.AUDIO_PHOTOS:
        return t("check.so_far.least", rung=words.rung_word(at_least))
    if at_most < Rung.HD_VIDEO:
        return t("check.so_far.most", rung=words.rung_word(at_most))
    return t("check.so_far.none")


def guided_words(state: GuidedState) -> GuidedWords:
    """Return how far the tests are that a person takes part in."""
    camera, tone = "", "second"
    if state.looking:
        camera = t(f"check.hint.{state.hint or 'show'}")
        if state.good:
            camera = t("check.hint.good", n=state.good, of=state.wanted)
    elif state.skin:
        camera = " ".join(part for part in state.skin_words if part)
        tone = {"yes": "ok", "no": "warn"}.get(state.skin, "second")
    recording, playing = state.sound == "recording", state.sound == "playing"
    microphone = t("check.recording") if recording else t("check.playing") if playing else ""
    if state.can_play and not state.sound:
        microphone = t("check.kept")
    return GuidedWords(
        looking=state.looking,
        camera=t("check.in_call") if state.refused else camera,
        camera_tone=tone,
        microphone=microphone,
        microphone_busy=recording or playing,
        can_play=state.can_play,
        share=state.share,
        speaker=t("check.sweeping") if state.sound == "sweeping" else "",
        speaker_busy=bool(state.sound),
        ask_heard=state.ask_heard,
    )


# ---- past checks ---------------------------------------------------------------------------------


def past_bars(past: Sequence[PastCheck]) -> tuple[PastBar, ...]:
    """Return the bars of the history, oldest first."""
    return tuple(PastBar(check.rung, _past_words(check)) for check in past)


def _past_words(check: PastCheck) -> str:
    when = f"{words.long_date(check.at_ms)} {words.clock(check.at_ms)}"
    said = f"{when}: {t(f'check.verdict.{int(check.rung)}')}"
    titles = [LIMITS[name].title for name in check.decided_by[:1] if name in LIMITS]
    return f"{said}. {titles[0]}" if titles else said


def past_sum(past: Sequence[PastCheck]) -> str:
    """Return ``10 HD video, 3 Video``."""
    counted = {
        rung: sum(check.rung is rung for check in past) for rung in sorted(Rung, reverse=True)
    }
    return ", ".join(f"{n} {words.rung_word(rung)}" for rung, n in counted.items() if n)
