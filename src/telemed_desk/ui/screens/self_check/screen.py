"""Puts the self-check's screen together: view, presenter, and the session behind them. GUI thread."""

from collections.abc import Callable

from telemed_desk.devices.findings import Group
from telemed_desk.devices.fixes import SettingsPage
from telemed_desk.ui.screens.self_check.presenter import SelfCheckPresenter
from telemed_desk.ui.screens.self_check.report_dialog import ReportDialog, copy_report
from telemed_desk.ui.screens.self_check.state import State
from telemed_desk.ui.screens.self_check.view import SelfCheckView
from telemed_desk.ui.shell.frames import open_frames
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.text import t
from telemed_desk.workflow.check_plan import CheckMode
from telemed_desk.workflow.checking import Checking
from telemed_desk.workflow.clock import wall_ms

PAGE = "self_check"


class SelfCheckScreen:
    """Carries out what the presenter decides.

    Args:
        shell: The window.
        checking: The session's self-check.
        back: Goes back to Today.
    """

    def __init__(self, shell: Shell, checking: Checking, back: Callable[[], None]) -> None:
        self._shell = shell
        self._checking = checking
        self._back = back
        self._memory = ""
        self.view = SelfCheckView()
        self.presenter = SelfCheckPresenter(self, self._show, wall_ms)
        view, presenter = self.view, self.presenter
        view.run.connect(presenter.run)
        view.thorough.connect(lambda: presenter.run(CheckMode.THOROUGH))
        view.stop.connect(presenter.stop)
        view.back.connect(presenter.back)
        view.phone.connect(presenter.use_phone)
        view.fixed.connect(presenter.fix)
        view.picked.connect(presenter.choose)
        view.report.connect(self.open_report)
        view.camera_foot.wanted.connect(lambda on: checking.look_for_chart(on=on))
        view.microphone_foot.record.connect(lambda: checking.sound_trial("record"))
        view.microphone_foot.play.connect(lambda: checking.sound_trial("play"))
        view.microphone_foot.halt.connect(lambda: checking.sound_trial("stop"))
        view.speaker_foot.play.connect(lambda: checking.sound_trial("sweep"))
        view.speaker_foot.answered.connect(lambda yes: checking.heard_sweep(heard=yes))

    def listen(self) -> list[Callable[[], None]]:
        """Follow the session; returns what ends it."""
        checking, presenter = self._checking, self.presenter
        return [
            checking.state.listen(presenter.checked),
            checking.past.listen(presenter.past),
            checking.devices.listen(presenter.devices),
            checking.guided.listen(presenter.guided),
            checking.own_picture.listen(presenter.preview),
            checking.own_level.listen(self._level),
        ]

    def shown(self) -> None:
        """The page was opened."""
        self._show(self.presenter.state)

    def tick(self) -> None:
        """Once a second."""
        self.presenter.tick()

    def open_report(self) -> None:
        """Show the report for IT."""
        dialog = ReportDialog(
            self._shell,
            self._checking.report(),
            lambda said, warn: self._shell.say(said, warn=warn),
        )
        dialog.open()

    # ---- the presenter's port ------------------------------------------------------------------

    def start_check(self, mode: CheckMode, groups: frozenset[Group]) -> None:
        """Run it, or a part of it."""
        self._checking.start(mode, groups)

    def stop_check(self) -> None:
        """Stop it."""
        self._checking.stop()

    def back_to_today(self) -> None:
        """Leave."""
        self._back()

    def choose_device(self, group: Group, spec: str) -> None:
        """Use another device."""
        self._checking.choose_device(group, spec)

    def open_settings(self, page: SettingsPage) -> None:
        """Open a page of the system's settings."""
        self._checking.open_settings(page, lambda opened: self._opened(page, opened=opened))

    def use_phone(self) -> None:
        """Begin the next visits by telephone."""
        self._checking.use_phone()
        self._shell.say(t("check.phone.used"))

    def copy_report(self) -> None:
        """Put the report on the clipboard."""
        copy_report(self._checking.report())
        self._shell.say(t("check.report.copied"))

    def _opened(self, page: SettingsPage, *, opened: bool) -> None:
        if not opened:
            self._shell.say(t("check.page.none", what=t(f"check.page.{page.value}")), warn=True)

    def _level(self, dbfs: float) -> None:
        if self._shell.current == PAGE:
            self.presenter.level(dbfs)

    def _show(self, state: State) -> None:
        self.view.show_state(state)
        if state.preview != self._memory:
            self._memory = state.preview
            self.view.show_preview(open_frames(state.preview) if state.preview else None)
