"""One part of the PC: what to do first, each thing with its button, then all findings."""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QMenu, QWidget

from telemed_desk.devices.findings import Group
from telemed_desk.ui.screens.self_check.history_bars import Sparkline
from telemed_desk.ui.screens.self_check.state import Advice, CardState, Choice, Figure, FindingRow
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Card
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, frame, grid, line, panel, row, scroll

GROUP_ICONS = {
    Group.CAMERA: "camera",
    Group.MICROPHONE: "mic",
    Group.SPEAKER: "volume-2",
    Group.NETWORK: "wifi",
    Group.COMPUTER: "cpu",
}
FIGURES_A_ROW = 4
_NARROW = frozenset({Group.CAMERA, Group.MICROPHONE, Group.SPEAKER})
"""Cards too narrow for words and a button side by side."""
_ADVICE_ICONS = {
    "danger": ("circle-alert", "danger"),
    "warn": ("triangle-alert", "warn"),
    "info": ("circle-help", "info"),
}


class DeviceChoice(Button):
    """Names the device in use; opens the list of those that can be chosen."""

    picked = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__("", scale="small", icon="chevron-down")
        self._name = name
        self._chosen = ""
        self._compact = False
        self.setAccessibleName(name)
        self.menu_of_devices = QMenu(self)
        self.menu_of_devices.setAccessibleName(name)
        self._choices: tuple[Choice, ...] = ()
        self.clicked.connect(self.open)
        self.hide()

    def show_devices(self, choices: tuple[Choice, ...], chosen: str) -> None:
        """Show what is in use; hidden when there is nothing to choose from."""
        self.setVisible(bool(choices))
        self._chosen = chosen
        self._say()
        if choices == self._choices and self.menu_of_devices.actions():
            return
        self._choices = choices
        self.menu_of_devices.clear()
        group = QActionGroup(self.menu_of_devices)
        for choice in choices:
            action = QAction(choice.name, group)
            action.setCheckable(True)
            action.setChecked(choice.name == chosen)
            action.triggered.connect(lambda _on, choice=choice: self.picked.emit(choice.spec))
            self.menu_of_devices.addAction(action)

    def set_compact(self, *, compact: bool) -> None:
        """Leave the name out where there is no room for it; the tooltip has it."""
        self._compact = compact
        self._say()

    def named_width(self) -> int:
        """Return how wide it is with its name."""
        return self.fontMetrics().horizontalAdvance(self._words()) + 2 * sizes.XXL

    def _words(self) -> str:
        return self.fontMetrics().elidedText(
            self._chosen or t("check.choose"), Qt.TextElideMode.ElideRight, sizes.DEVICE_NAME
        )

    def _say(self) -> None:
        shown = "" if self._compact else self._words()
        if shown != self.text() or self.toolTip() != self._chosen:
            self.show_as(shown)
            self.setToolTip(self._chosen)
            self.setAccessibleDescription(self._chosen)

    def open(self) -> None:
        """Open the list below the button."""
        if self.isVisible() and self._choices:
            self.menu_of_devices.popup(self.mapToGlobal(QPoint(0, self.height())))


class CheckCard(Card):
    """One card.

    Args:
        group: Which part of the PC.
        above: Stands over everything, such as a level.
        beside: Stands at the left, such as a preview.
        below: Stands at the foot, such as a button to play a sound.
    """

    fixed = Signal(str)

    def __init__(
        self,
        group: Group,
        *,
        above: QWidget | None = None,
        beside: QWidget | None = None,
        below: QWidget | None = None,
    ) -> None:
        super().__init__(t(f"check.group.{group.value}"), GROUP_ICONS[group])
        self._rows_shown: tuple[FindingRow, ...] | None = None
        self._advice_shown: tuple[Advice, ...] | None = None
        self._figures_shown: tuple[Figure, ...] | None = None
        self.choice = DeviceChoice(t("check.choose.of", what=t(f"check.group.{group.value}")))
        self.header.addWidget(self.choice)
        self._stacked = group in _NARROW
        self._rows = column(gap=0)
        self._advice = column(gap=sizes.S)
        self._figures: QGridLayout = grid(sizes.XL, sizes.M)
        self.waiting = Text(t("check.group.none"), "caption", "third")
        found = column(self._advice, self._figures, self._rows, self.waiting, None, gap=sizes.M)
        whole = column(gap=sizes.M, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M))
        if above is not None:
            whole.addWidget(above)
        whole.addLayout(found, 1)
        self.area = scroll(panel(whole))
        inner = row(gap=0)
        if beside is not None:
            side = column(beside, None, pad=(sizes.CARD_PAD, sizes.M, 0, sizes.M))
            inner.addLayout(side)
        inner.addWidget(self.area, 1)
        self.add(inner, 1)
        if below is not None:
            self.add(column(below, pad=(sizes.CARD_PAD, sizes.XS, sizes.CARD_PAD, sizes.M)))

    def show_card(self, state: CardState) -> None:
        """Show it."""
        self.chip.show_as(state.chip, state.tone, state.chip_icon)  # type: ignore[arg-type]  # one of the tones
        self.choice.show_devices(state.choices, state.chosen)
        self._fit_header()
        self.waiting.setVisible(not (state.rows or state.figures))
        if state.advice != self._advice_shown:
            self._advice_shown = state.advice
            clear(self._advice)
            for advice in state.advice:
                self._advice.addWidget(self._advice_box(advice))
        if state.figures != self._figures_shown:
            self._figures_shown = state.figures
            clear(self._figures)
            for place, figure in enumerate(state.figures):
                self._figures.addWidget(
                    _figure(figure), place // FIGURES_A_ROW, place % FIGURES_A_ROW
                )
        if state.rows != self._rows_shown:
            self._rows_shown = state.rows
            clear(self._rows)
            for number, finding in enumerate(state.rows):
                if number:
                    self._rows.addWidget(line())
                self._rows.addWidget(_finding(finding))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is wrong needs its words more than the device its name."""
        super().resizeEvent(event)
        self._fit_header()

    def _fit_header(self) -> None:
        if self.choice.isHidden():
            return
        chip = 0 if self.chip.isHidden() else self.chip.sizeHint().width()
        words = self.title.sizeHint().width() + chip + self.choice.named_width()
        taken = words + sizes.ICON + 2 * sizes.CARD_PAD + 3 * sizes.M
        self.choice.set_compact(compact=taken > self.width())

    def _advice_box(self, advice: Advice) -> QFrame:
        button = Button(advice.button, scale="small")
        button.setAccessibleDescription(advice.cause)
        button.clicked.connect(lambda _checked=False, check=advice.check: self.fixed.emit(check))
        words = column(
            Text(advice.cause, "strong", wrap=True),
            Text(advice.action, "body", "second", wrap=True),
            gap=sizes.XXS,
        )
        if self._stacked:
            words.addSpacing(sizes.XS)
            words.addLayout(row(button, None))
        mark = Icon(*_ADVICE_ICONS[advice.tone])
        inner = row(mark, gap=sizes.M, pad=(sizes.L, sizes.M, sizes.L, sizes.M))
        inner.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
        inner.addLayout(words, 1)
        if not self._stacked:
            inner.addWidget(button)
        box = frame(inner, banner=advice.tone)
        box.setAccessibleName(f"{advice.cause} {advice.action}")
        return box


def _finding(finding: FindingRow) -> QWidget:
    title = Text(finding.title)
    value = ElidedText(
        finding.value, "caption", {"warn": "warn", "danger": "danger"}.get(finding.tint, "")
    )
    value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    line_row = row(Icon(finding.icon, finding.tint), title, gap=sizes.M)
    line_row.addWidget(value, 1)
    widget = panel(line_row)
    widget.setMinimumHeight(sizes.FINDING_ROW)
    widget.setAccessibleName(finding.spoken)
    return widget


def _figure(figure: Figure) -> QWidget:
    spark = Sparkline()
    spark.show_values(figure.past)
    value = row(Text(figure.value, "title", figure.tint), None, spark)
    widget = panel(
        column(
            ElidedText(figure.title, "caption", "second"),
            value,
            ElidedText(figure.need, "caption", "third"),
            gap=0,
        )
    )
    widget.setAccessibleName(f"{figure.title}: {figure.value}, {figure.need}")
    return widget
