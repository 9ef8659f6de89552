"""The list of the clinic's desks, and the two dialogs that belong to it."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.sync.desks import AskRow, DeskRow, Question, SheetCode, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, row

_PAD = (sizes.CARD_PAD, sizes.S, sizes.CARD_PAD, sizes.S)


class DesksList(QWidget):
    """Emits intentions; shows a :class:`State`."""

    remove_asked = Signal(bytes)
    removed = Signal()
    kept = Signal()
    granted = Signal(bytes)
    refused = Signal(bytes)
    sheet_asked = Signal()
    sheet_closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        self._question: RemoveDialog | None = None
        self._sheet: SheetDialog | None = None
        self._list = column(gap=0)
        self.note = Text("", "body", "second", wrap=True)
        self.make_sheet = Button(t("sync.sheet.make"), icon="key-round", scale="small")
        self.make_sheet.clicked.connect(self.sheet_asked)
        self.problem = Banner("danger")
        foot = column(self.note, row(self.make_sheet, None), self.problem, gap=sizes.M, pad=_PAD)
        self.setLayout(column(self._list, foot, gap=0))

    def show_state(self, state: State) -> None:
        """Show it."""
        if (state.asking, state.rows) != self._shown:
            self._shown = (state.asking, state.rows)
            clear(self._list)
            for asking in state.asking:
                self._list.addWidget(self._asking(asking))
            for desk in state.rows:
                self._list.addWidget(self._desk(desk))
        self.note.setText(state.note)
        self.note.setVisible(bool(state.note))
        self.make_sheet.setVisible(state.can_make_sheet)
        self.problem.show_words(state.problem, state.problem_words)
        self._show_question(state.question)
        self._show_sheet(state.sheet)

    def _desk(self, desk: DeskRow) -> QWidget:
        words = column(
            ElidedText(desk.title, "strong"),
            Text(desk.words, "caption", "second", wrap=True),
            gap=0,
        )
        line = row(Icon(desk.icon, "ink3"), gap=sizes.M, pad=_PAD)
        line.addLayout(words, 1)
        if desk.removable:
            remove = Button(t("sync.desks.remove"), scale="small")
            remove.setAccessibleName(t("sync.desks.remove.name", name=desk.title))
            remove.clicked.connect(partial(self.remove_asked.emit, desk.device))
            line.addWidget(remove)
        shown = panel(line, row="plain")
        shown.setAccessibleName(f"{desk.title}, {desk.words}")
        return shown

    def _asking(self, asking: AskRow) -> QWidget:
        grant = Button(t("sync.desks.grant"), "primary", scale="small")
        grant.clicked.connect(partial(self.granted.emit, asking.key))
        refuse = Button(t("sync.desks.refuse"), scale="small")
        refuse.clicked.connect(partial(self.refused.emit, asking.key))
        return panel(
            column(
                Text(asking.title, "strong", wrap=True),
                Text(t("sync.desks.asks.words"), "body", "second", wrap=True),
                row(grant, refuse, None),
                gap=sizes.S,
                pad=_PAD,
            )
        )

    def _show_question(self, question: Question | None) -> None:
        if question is None:
            if self._question is not None:
                dialog, self._question = self._question, None
                dialog.close()
            return
        if self._question is None:
            self._question = RemoveDialog(self.window(), question)
            self._question.yes.clicked.connect(self.removed)
            self._question.finished.connect(self._question_closed)
            self._question.open()

    def _question_closed(self) -> None:
        self._question = None
        self.kept.emit()

    def _show_sheet(self, sheet: SheetCode | None) -> None:
        if sheet is None:
            if self._sheet is not None:
                dialog, self._sheet = self._sheet, None
                dialog.close()
            return
        if self._sheet is None:
            self._sheet = SheetDialog(self.window())
            self._sheet.finished.connect(self._sheet_closed)
            self._sheet.open()
        self._sheet.code.setText(t("sync.sheet.working") if sheet.working else sheet.code)
        self._sheet.code.setVisible(not sheet.problem)
        self._sheet.problem.show_words(sheet.problem, sheet.problem_words)

    def _sheet_closed(self) -> None:
        self._sheet = None
        self.sheet_closed.emit()


class RemoveDialog(Dialog):
    """Says what a removal means; keeping is the safe choice."""

    def __init__(self, parent: QWidget | None, question: Question) -> None:
        super().__init__(parent, question.title, question.words, t("sync.remove.no"))
        self.yes = Button(t("sync.remove.yes"), "danger")
        self.add_action(self.yes)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)


class SheetDialog(Dialog):
    """Shows the recovery sheet's code, once."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, t("sync.sheet"), t("sync.sheet.code.words"), t("button.close"))
        self.code = Text("", "code", wrap=True)
        self.code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.code.setAccessibleName(t("sync.sheet"))
        self.problem = Banner("danger")
        self.add(self.code)
        self.add(self.problem)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
