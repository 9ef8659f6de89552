"""Self-check: what works before the patient comes, and what to do about the rest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Outcome, Verdict
from telemed_desk.devices.limits import LIMITS
from telemed_desk.ui import words
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.self_check import SelfCheckState

Tone = str
ICONS = {
    Outcome.PASS: ("check", "ok"),
    Outcome.WARN: ("triangle-alert", "warn"),
    Outcome.FAIL: ("circle-alert", "danger"),
    Outcome.CANNOT_TELL: ("circle-help", "ink3"),
}
DECIMALS_BELOW = 10


class SelfCheckPort(Protocol):
    """What this screen needs of the workflow."""

    def start_check(self, *, quick: bool) -> None:
        """Run it; refused in a call."""
        ...

    def stop_check(self) -> None:
        """Stop it; what was found stays."""
        ...

    def back_to_today(self) -> None:
        """Leave."""
        ...


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One line of a card: icon, what was looked at, what was found."""

    check: str
    title: str
    value: str
    icon: str
    tint: str

    @property
    def spoken(self) -> str:
        """For screen readers."""
        return f"{self.title}: {self.value}"


@dataclass(frozen=True, slots=True)
class CardState:
    """One card: a chip in words, its findings, and the first thing to do."""

    group: Group
    chip: str = ""
    tone: Tone = "neutral"
    chip_icon: str = ""
    rows: tuple[FindingRow, ...] = ()
    cause: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What the screen shows."""

    title: str = ""
    sentence: str = ""
    tone: Tone = "neutral"
    icon: str = "activity"
    rung: Rung = Rung.NO_LINK
    rung_word: str = ""
    when: str = ""
    running: bool = False
    share: float = 0.0
    refused: str = ""
    cards: tuple[CardState, ...] = tuple(CardState(group) for group in Group)
    preview: str = ""
    microphone_dbfs: float = -96.0


class SelfCheckPresenter:
    """Puts findings into words. GUI thread."""

    def __init__(self, port: SelfCheckPort, show: Callable[[State], None]) -> None:
        self._port = port
        self._show = show
        self.state = State(title=t("check.none"), sentence=t("check.none.words"))

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def checked(self, check: SelfCheckState) -> None:
        """The check moved."""
        cards = tuple(_card(group, check.findings, running=check.running) for group in Group)
        improve = sum(f.outcome in (Outcome.WARN, Outcome.FAIL) for f in check.findings)
        if check.running:
            self._set(
                title=t("check.running"),
                sentence=t("check.running.words"),
                tone="neutral",
                icon="activity",
                running=True,
                share=check.done_share,
                refused="",
                cards=cards,
                when="",
            )
            return
        if check.verdict is None:
            stopped = t("check.stopped") if check.stopped else t("check.none")
            self._set(title=stopped, sentence=t("check.none.words"), running=False, cards=cards)
        else:
            self._verdict(check.verdict, improve, cards, check.started_ms)
        self._set(refused=t("check.in_call") if check.refused else "")

    def _verdict(
        self,
        verdict: Verdict,
        improve: int,
        cards: tuple[CardState, ...],
        started_ms: int | None,
    ) -> None:
        took = max(1, round((verdict.at_ms - started_ms) / 1000)) if started_ms else 0
        fixes = tn("check.fixes", improve) if improve else t("check.fixes.none")
        good = verdict.rung >= Rung.VIDEO
        some = verdict.rung >= Rung.AUDIO_PHOTOS
        self._set(
            title=t(f"check.verdict.{int(verdict.rung)}"),
            sentence=f"{t(f'check.effect.{int(verdict.rung)}')} {fixes}",
            tone="ok" if good else "warn" if some else "danger",
            icon="circle-check" if good else "triangle-alert" if some else "circle-alert",
            rung=verdict.rung,
            rung_word=words.rung_word(verdict.rung),
            when=t("check.when", time=words.clock(verdict.at_ms), n=took),
            running=False,
            share=1.0,
            cards=cards,
        )

    def preview(self, memory: str) -> None:
        """The own picture lies in this memory."""
        self._set(preview=memory)

    def level(self, microphone_dbfs: float) -> None:
        """The microphone's level; ten times a second."""
        self._set(microphone_dbfs=microphone_dbfs)

    # ---- intentions ----------------------------------------------------------------------------

    def run(self, *, quick: bool = False) -> None:
        """Run the check (F9)."""
        if not self.state.running:
            self._port.start_check(quick=quick)

    def stop(self) -> None:
        """Stop it (Esc)."""
        if self.state.running:
            self._port.stop_check()

    def back(self) -> None:
        """Go to Today."""
        self._port.back_to_today()


def _card(group: Group, findings: Iterable[Finding], *, running: bool) -> CardState:
    mine = [f for f in findings if f.group is group]
    # A check that this version does not list stands last, it does not stop the screen.
    order = {check: place for place, check in enumerate(LIMITS)}
    mine.sort(key=lambda f: order.get(f.check, len(order)))
    rows = tuple(_row(f) for f in mine)
    problems = [f for f in mine if f.outcome in (Outcome.FAIL, Outcome.WARN)]
    problems.sort(key=lambda f: f.outcome is not Outcome.FAIL)
    unknown = [f for f in mine if f.outcome is Outcome.CANNOT_TELL]
    noted = problems or unknown
    first = noted[0] if noted else None
    if problems:
        failed = any(f.outcome is Outcome.FAIL for f in problems)
        chip, tone, icon = tn("check.improve", len(problems)), "warn", "triangle-alert"
        if failed:
            tone, icon = "danger", "circle-alert"
    elif unknown:
        chip, tone, icon = t("check.unknown"), "neutral", "circle-help"
    elif mine and not running:
        chip, tone, icon = t("check.fine"), "ok", "check"
    else:
        chip, tone, icon = "", "neutral", ""
    return CardState(
        group,
        chip,
        tone,
        icon,
        rows,
        first.cause if first else "",
        first.action if first else "",
    )


def _row(finding: Finding) -> FindingRow:
    icon, tint = ICONS[finding.outcome]
    if finding.outcome is Outcome.CANNOT_TELL:
        value = t("check.cannot_tell")
    elif finding.value is None:
        value = t("check.good") if finding.outcome is Outcome.PASS else finding.cause.rstrip(".")
    else:
        value = _figure(finding)
    return FindingRow(finding.check, finding.title, value, icon, tint)


def _figure(finding: Finding) -> str:
    value = finding.value or 0.0
    if finding.unit == "kbit/s":
        return words.rate(value * 1000)
    if finding.unit in {"luma", "x", ""}:
        return t("check.good") if finding.outcome is Outcome.PASS else finding.cause.rstrip(".")
    number = f"{value:.1f}" if abs(value) < DECIMALS_BELOW else f"{value:.0f}"
    return t(f"check.unit.{finding.unit}", n=number)
