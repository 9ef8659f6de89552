"""A box about this account's keyring, and the dialog that asks for the passphrase to change it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from telemed_desk.ui.screens.pin.keyring_presenter import KeyringPart
from telemed_desk.ui.screens.pin.limits import limits_list
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.fields import PassphraseField
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column


class KeyringQuestion(Dialog):
    """Says what follows, and emits the passphrase; forgets it when it closes."""

    typed = Signal()
    wanted = Signal(str)

    def __init__(self, parent: QWidget | None, state: KeyringPart) -> None:
        title, words = t("keyring.ask.on"), t("keyring.protects")
        if state.is_on:
            title, words = t("keyring.ask.off"), t("keyring.off.words")
        super().__init__(parent, title, words, t("button.close"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if state.limits:
            self.add(limits_list(state.limits))
        self.passphrase = PassphraseField(
            t("unlock.passphrase"), t("button.show"), t("button.hide")
        )
        self.passphrase.changed.connect(lambda _text: self.typed.emit())
        self.passphrase.submitted.connect(self._submit)
        self.add(self.passphrase)
        self.button = Button(
            t("keyring.switch.off" if state.is_on else "keyring.switch.on"), "primary"
        )
        self.button.clicked.connect(self._submit)
        self.add_action(self.button)
        self._misses = 0
        self.show_state(state)
        self.passphrase.edit.setFocus()

    def show_state(self, state: KeyringPart) -> None:
        """Show it."""
        self.passphrase.set_error(state.error)
        self.passphrase.edit.setReadOnly(state.working)
        self.button.setEnabled(not state.working)
        if state.misses > self._misses:
            self.passphrase.edit.setFocus(Qt.FocusReason.OtherFocusReason)
            self.passphrase.edit.selectAll()
        self._misses = state.misses

    def _submit(self) -> None:
        self.wanted.emit(self.passphrase.text)

    def done(self, result: int) -> None:
        """Forget what was typed."""
        self.passphrase.forget()
        super().done(result)


class KeyringBox(QWidget):
    """Hidden until there is something to show; opens the question while one is asked."""

    ticked = Signal(bool)
    typed = Signal()
    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._state = KeyringPart()
        self.question: KeyringQuestion | None = None
        self.box = QCheckBox(t("keyring.box"))
        self.box.setAccessibleDescription(t("keyring.protects"))
        self.box.clicked.connect(self.ticked)
        self.note = Text("", "caption", "third", wrap=True)
        self.problem = Text("", "caption", "danger", wrap=True)
        self.setLayout(
            column(
                Text(t("keyring.title"), "strong"),
                self.box,
                self.note,
                self.problem,
                gap=sizes.S,
                pad=(0, sizes.M, 0, 0),
            )
        )
        self.hide()

    def show_state(self, state: KeyringPart | None) -> None:
        """Show it."""
        self.setVisible(state is not None)
        if state is None or not state.asking:
            self._close_question()
        if state is None:
            return
        self._state = state
        self.box.setChecked(state.is_on != state.asking)
        self.box.setEnabled(not state.working)
        own = () if state.asking else state.limits
        self.note.setText(" ".join((t("keyring.protects"), *own)))
        self.problem.setText(state.problem)
        self.problem.setVisible(bool(state.problem))
        if state.asking:
            self._ask(state)

    def _ask(self, state: KeyringPart) -> None:
        if self.question is None:
            self.question = KeyringQuestion(self.window(), state)
            self.question.typed.connect(self.typed)
            self.question.wanted.connect(self.wanted)
            self.question.finished.connect(self._answered)
            self.question.open()
        self.question.show_state(state)

    def _close_question(self) -> None:
        if self.question is not None:
            question, self.question = self.question, None
            question.close()

    def _answered(self) -> None:
        """The question was closed; if by its person, the box stands as it stood."""
        if self.question is not None:
            self.question = None
            self.ticked.emit(self._state.is_on)
