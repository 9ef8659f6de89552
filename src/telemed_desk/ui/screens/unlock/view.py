"""The unlock screen."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QWidget

from telemed_desk.ui.screens.unlock.left import LeftPanel
from telemed_desk.ui.screens.unlock.presenter import Clinician, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.fields import PassphraseField
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import Avatar, Text
from telemed_desk.ui.widgets.layouts import clear, column, row
from telemed_desk.workflow.door import PIN_DIGITS


class ClinicianRow(QWidget):
    """One clinician; pressing it, or Enter, chooses them."""

    picked = Signal(bytes)

    def __init__(self, clinician: Clinician) -> None:
        super().__init__()
        self._entity = clinician.entity
        self.setAccessibleName(t("unlock.choose", name=clinician.name))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFixedHeight(sizes.RAIL_BUTTON + sizes.XXS)
        words = " · ".join(part for part in (clinician.role, clinician.note) if part)
        who = column(None, Text(clinician.name, "strong"), Text(words, "caption"), None, gap=0)
        pad = (sizes.CARD_PAD, 0, sizes.CARD_PAD, 0)
        self.setLayout(
            row(Avatar(clinician.initials, sizes.AVATAR_LARGE), who, None, gap=sizes.L, pad=pad)
        )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose."""
        if self.rect().contains(event.position().toPoint()):
            self.picked.emit(self._entity)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and space choose."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.picked.emit(self._entity)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Tint while pointed at."""
        if self.underMouse():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(Qt.PenStyle.NoPen))
            painter.setBrush(colour("hover"))
            painter.drawRoundedRect(self.rect(), sizes.RADIUS_CARD, sizes.RADIUS_CARD)


class UnlockView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    chosen = Signal(bytes)
    typed = Signal()
    typed_pin = Signal()
    unlock = Signal(str)
    unlock_with_pin = Signal(str)
    recovery_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self.left = LeftPanel()
        self._rows: dict[bytes, ClinicianRow] = {}
        self._state = State()
        self.banner = Banner("danger")
        self.passphrase = PassphraseField(
            t("unlock.passphrase"), t("button.show"), t("button.hide"), big=True
        )
        self.pin = PassphraseField(t("unlock.pin"), t("button.show"), t("button.hide"), big=True)
        self.pin.edit.setMaxLength(PIN_DIGITS)
        self.pin.edit.setInputMethodHints(
            self.pin.edit.inputMethodHints() | Qt.InputMethodHint.ImhDigitsOnly
        )
        self.pin.hide()
        self.button = Button(t("unlock.button"), "primary", scale="large", keys=t("key.enter"))
        self._avatar = Avatar("", sizes.AVATAR_LARGE)
        self._name = Text("", "title")
        self._role = Text("", "caption")
        self._open = QFrame()
        self._open.setProperty("box", "true")
        form = column(
            column(self._name, self._role, gap=0),
            sizes.S,
            self.pin,
            sizes.XS,
            self.passphrase,
            sizes.XS,
            row(self.button, None),
            gap=sizes.XS,
        )
        inside = row(self._avatar, gap=sizes.L, pad=(sizes.CARD_PAD,) * 4)
        inside.setAlignment(self._avatar, Qt.AlignmentFlag.AlignTop)
        inside.addLayout(form, 1)
        self._open.setLayout(inside)
        self._card = Card()
        self._list = column(gap=0, pad=(sizes.S,) * 4)
        self._card.add(self._list)
        self.recovery = Button(t("unlock.recovery"), "ghost", scale="small")
        self.recovery.clicked.connect(self.recovery_asked)
        middle = column(
            Text(t("unlock.question"), "question"),
            Text(t("unlock.words"), "body", "second"),
            sizes.S,
            self.banner,
            self._card,
            row(self.recovery, None),
            gap=sizes.S,
        )
        self.form = QWidget()
        self.form.setLayout(middle)
        self.form.setFixedWidth(sizes.UNLOCK_FORM)
        right = column(None, row(None, self.form, None), None)
        whole = row(self.left, gap=0)
        whole.addLayout(right, 1)
        self.setLayout(whole)
        self.panels = [self.form]
        self.passphrase.changed.connect(lambda _text: self.typed.emit())
        self.passphrase.submitted.connect(self._submit_passphrase)
        self.pin.changed.connect(lambda _text: self.typed_pin.emit())
        self.pin.submitted.connect(self._submit_pin)
        self.button.clicked.connect(self._submit)
        on_key(self, "Ctrl+H", self._flip)
        on_key(self, "Esc", self.forget)
        on_key(self, "Up", lambda: self._step(-1))
        on_key(self, "Down", lambda: self._step(1))

    def show_state(self, state: State) -> None:
        """Show it."""
        before, self._state = self._state, state
        self.left.clock.setText(state.clock)
        self.left.date.setText(state.date)
        self.left.show_link(state.link, state.link_title, state.link_legs)
        self.left.queue.title.setText(state.queue_title)
        self.left.queue.words.setText(state.queue_words)
        self.left.show_place(state.clinic, state.pc_label, state.version, practice=state.practice)
        if (state.clinicians, state.chosen) != (before.clinicians, before.chosen):
            self._show_list(state)
        self.banner.show_words(state.problem, state.problem_words)
        self.passphrase.set_error(state.error)
        self.passphrase.edit.setReadOnly(state.working)
        self._show_pin(state, before)
        self.button.show_as(t("unlock.working") if state.working else t("unlock.button"))
        waits = bool(state.wait_s) and not state.pin_tries
        self.button.set_reason(enabled=not state.working and not waits, reason=state.error)
        if state.misses > before.misses:
            self.passphrase.edit.selectAll()
            self.passphrase.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_first(self) -> None:
        """Put the keyboard where typing begins."""
        field = self.pin if self._state.pin_tries else self.passphrase
        field.edit.setFocus(Qt.FocusReason.TabFocusReason)

    def forget(self) -> None:
        """Drop what was typed: the desk unlocked, or somebody else is going to."""
        self.passphrase.forget()
        self.pin.forget()

    def _show_list(self, state: State) -> None:
        self._list.removeWidget(self._open)
        self._open.setParent(None)
        clear(self._list)
        self._rows = {}
        self.forget()
        for clinician in state.clinicians:
            if clinician.entity == state.chosen:
                self._avatar.set_initials(clinician.initials)
                self._name.setText(clinician.name)
                self._role.setText(" · ".join(p for p in (clinician.role, clinician.note) if p))
                self._list.addWidget(self._open)
                self._open.show()
            else:
                entry = ClinicianRow(clinician)
                entry.picked.connect(self.chosen)
                self._rows[clinician.entity] = entry
                self._list.addWidget(entry)
        QTimer.singleShot(0, self, self.focus_first)

    def _show_pin(self, state: State, before: State) -> None:
        """Show the PIN's field while there is one; the passphrase stays below it."""
        had_focus = self.pin.edit.hasFocus()
        self.pin.setVisible(bool(state.pin_tries))
        self.passphrase.set_label(
            t("unlock.or_passphrase" if state.pin_tries else "unlock.passphrase")
        )
        said = " ".join(part for part in (state.pin_error, state.pin_hint) if part)
        if state.pin_hint != before.pin_hint:
            self.pin.set_hint(state.pin_hint)
        self.pin.set_error(said if state.pin_error else "")
        self.pin.edit.setReadOnly(state.working)
        if not state.pin_tries and before.pin_tries:
            self.pin.forget()
            if had_focus:
                self.passphrase.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        elif state.pin_misses > before.pin_misses:
            self.pin.edit.selectAll()
            self.pin.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def _flip(self) -> None:
        (self.pin if self.pin.edit.hasFocus() else self.passphrase).flip()

    def _submit(self) -> None:
        if self._state.pin_tries and self.pin.text and not self.passphrase.text:
            self._submit_pin()
        else:
            self._submit_passphrase()

    def _submit_pin(self) -> None:
        self.unlock_with_pin.emit(self.pin.text)

    def _submit_passphrase(self) -> None:
        self.unlock.emit(self.passphrase.text)

    def _step(self, by: int) -> None:
        order = [clinician.entity for clinician in self._state.clinicians]
        if self._state.chosen in order and len(order) > 1:
            self.chosen.emit(order[(order.index(self._state.chosen) + by) % len(order)])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the form room in narrow windows."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW
        self.left.setFixedWidth(sizes.UNLOCK_LEFT_NARROW if narrow else sizes.UNLOCK_LEFT)
