"""Self-check: what works before the patient comes, and what to do about the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Verdict
from telemed_desk.devices.fixes import FixKind, SettingsPage, fix_for
from telemed_desk.devices.history import PastCheck
from telemed_desk.ui import words
from telemed_desk.ui.screens.self_check import phrases
from telemed_desk.ui.screens.self_check.state import CardState, Choice, State
from telemed_desk.ui.text import t
from telemed_desk.workflow.check_plan import CheckMode
from telemed_desk.workflow.devices_seen import DEVICE_GROUPS, DevicesSeen
from telemed_desk.workflow.guided import GuidedState
from telemed_desk.workflow.self_check import ALL_GROUPS, SelfCheckState

MEGA = 1_000_000


class SelfCheckPort(Protocol):
    """What this screen needs of the workflow."""

    def start_check(self, mode: CheckMode, groups: frozenset[Group]) -> None:
        """Run it, or a part of it; refused in a call."""
        ...

    def stop_check(self) -> None:
        """Stop it; what was found stays."""
        ...

    def back_to_today(self) -> None:
        """Leave."""
        ...

    def choose_device(self, group: Group, spec: str) -> None:
        """Use another camera, microphone or speaker, and look at it."""
        ...

    def open_settings(self, page: SettingsPage) -> None:
        """Open a page of the system's settings, or say that there is none."""
        ...

    def use_phone(self) -> None:
        """Begin the next visits by telephone."""
        ...

    def copy_report(self) -> None:
        """Put the report for IT on the clipboard."""
        ...


class SelfCheckPresenter:
    """Puts findings into words, and carries out what a person can do about them. GUI thread."""

    def __init__(
        self,
        port: SelfCheckPort,
        show: Callable[[State], None],
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self._port = port
        self._show = show
        self._now_ms = now_ms
        self._check = SelfCheckState()
        self._past: Sequence[PastCheck] = ()
        self._seen = DevicesSeen()
        self.state = State(title=t("check.none"), sentence=t("check.none.words"))

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def checked(self, check: SelfCheckState) -> None:
        """The check moved."""
        self._check = check
        self._tell()

    def past(self, past: Sequence[PastCheck]) -> None:
        """Earlier checks on this PC, oldest first."""
        self._past = past
        self._set(
            past=phrases.past_bars(past),
            past_words=phrases.past_sum(past),
        )
        self._tell()

    def devices(self, seen: DevicesSeen) -> None:
        """Which devices there are, and which are in use."""
        self._seen = seen
        self._set(cards=self._cards())

    def guided(self, state: GuidedState) -> None:
        """A test that a person takes part in moved."""
        self._set(guided=phrases.guided_words(state))

    def preview(self, memory: str) -> None:
        """The own picture lies in this memory."""
        self._set(preview=memory)

    def level(self, microphone_dbfs: float) -> None:
        """The microphone's level; ten times a second."""
        self._set(microphone_dbfs=microphone_dbfs)

    def tick(self) -> None:
        """Once a second: the time that is left."""
        if self._check.running:
            self._tell()

    # ---- intentions ----------------------------------------------------------------------------

    def run(self, mode: CheckMode = CheckMode.STANDARD) -> None:
        """Run the check (F9). The thorough one only after a person agreed to its cost."""
        if not self.state.running:
            self._port.start_check(mode, ALL_GROUPS)

    def stop(self) -> None:
        """Stop it (Esc)."""
        if self.state.running:
            self._port.stop_check()

    def back(self) -> None:
        """Go to Today."""
        self._port.back_to_today()

    def use_phone(self) -> None:
        """Begin the next visits by telephone."""
        self._port.use_phone()
        self._port.back_to_today()

    def choose(self, group: Group, spec: str) -> None:
        """Use another device."""
        self._port.choose_device(group, spec)

    def fix(self, check: str) -> None:
        """Do the one thing that can be done about a problem."""
        finding = next((f for f in self._check.findings if f.check == check), None)
        fix = fix_for(finding) if finding is not None else None
        if finding is None or fix is None:
            return
        match fix.kind:
            case FixKind.CHOOSE:
                number = self.state.choosing[1] if self.state.choosing else 0
                self._set(choosing=(finding.group, number + 1))
            case FixKind.SETTINGS if fix.page is not None:
                self._port.open_settings(fix.page)
            case FixKind.COPY:
                self._port.copy_report()
            case FixKind.PHONE:
                self.use_phone()
            case _:
                self._port.start_check(CheckMode.QUICK, frozenset({finding.group}))

    # ---- words ---------------------------------------------------------------------------------

    def _tell(self) -> None:
        check = self._check
        refused = t("check.in_call") if check.refused else ""
        if check.running:
            self._running(check)
        elif check.verdict is None or check.stopped:
            self._not_done(check)
        else:
            self._done(check, check.verdict)
        self._set(refused=refused, has_report=bool(check.findings) and not check.running)

    def _cards(self) -> tuple[CardState, ...]:
        check = self._check
        cards = []
        for group in Group:
            running = check.running and group in check.groups
            made = phrases.card(group, check.findings, self._past, running=running)
            if group in DEVICE_GROUPS:
                choices = tuple(Choice(one.spec, one.name) for one in self._seen.listed(group))
                made = replace(made, choices=choices, chosen=self._seen.name_in_use(group))
            cards.append(made)
        return tuple(cards)

    def _running(self, check: SelfCheckState) -> None:
        left_s = max(0, ((check.until_ms or 0) - self._now_ms() + 999) // 1000)
        title = t("check.running.left", n=left_s) if left_s else t("check.running")
        self._set(
            title=title,
            sentence=f"{phrases.so_far(check.at_least, check.at_most)} {t('check.running.words')}",
            tone="info",
            icon="loader-circle",
            running=True,
            share=check.done_share,
            progress=t("check.done", n=check.done, of=len(check.expected)),
            at_least=check.at_least,
            at_most=check.at_most,
            rung_word=words.rung_word(check.at_least),
            cards=self._cards(),
            when="",
            data="",
            phone=False,
        )

    def _not_done(self, check: SelfCheckState) -> None:
        title, sentence = t("check.none"), t("check.none.words")
        if check.stopped:
            title = t("check.stopped")
            sentence = t("check.stopped.by_call" if check.by_call else "check.stopped.words")
        self._set(
            title=title,
            sentence=sentence,
            tone="neutral",
            icon="activity",
            running=False,
            at_least=Rung.NO_LINK,
            at_most=Rung.NO_LINK,
            rung_word="",
            cards=self._cards(),
            when="",
            data="",
            phone=False,
        )

    def _done(self, check: SelfCheckState, verdict: Verdict) -> None:
        tone, icon = phrases.tone_of(verdict.rung)
        findings: Sequence[Finding] = check.findings
        self._set(
            title=t(f"check.verdict.{int(verdict.rung)}"),
            sentence=phrases.verdict_sentence(verdict, findings),
            tone=tone,
            icon=icon,
            at_least=verdict.rung,
            at_most=verdict.rung,
            rung_word=words.rung_word(verdict.rung),
            when=self._when(check, verdict),
            data=t("check.data", n=round(verdict.quarter_hour_bytes / MEGA))
            if verdict.rung > Rung.PHONE
            else "",
            phone=verdict.rung <= Rung.PHONE,
            running=False,
            share=1.0,
            cards=self._cards(),
        )

    def _when(self, check: SelfCheckState, verdict: Verdict) -> str:
        time = words.clock(verdict.at_ms)
        if check.started_ms is None or check.groups != ALL_GROUPS:
            return t("check.when.before", time=time)
        took = max(1, round((verdict.at_ms - check.started_ms) / 1000))
        said = t("check.when", time=time, n=took)
        if check.data_bytes:
            said = t("check.when.data", when=said, size=words.size(check.data_bytes))
        if check.mode is CheckMode.QUICK and check.asked is CheckMode.STANDARD:
            said = f"{said}. {t('check.metered')}"
        return said
