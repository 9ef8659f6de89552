"""The dialog for the printed code: the code, and a new passphrase twice."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.unlock.recovery_presenter import RecoveryState
from telemed_desk.ui.text import t
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.fields import Field, PassphraseField
from telemed_desk.ui.widgets.labels import Text


class RecoveryDialog(Dialog):
    """Emits what is typed, and forgets it when it closes."""

    typed = Signal()
    wanted = Signal(str, str, str)

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, t("recovery.title"), t("recovery.words"), t("button.close"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        show, hide = t("button.show"), t("button.hide")
        self.code = PassphraseField(t("recovery.code"), show, hide)
        self.code.set_hint(t("recovery.code.hint"))
        self.passphrase = PassphraseField(t("recovery.passphrase"), show, hide)
        self.passphrase.set_hint(t("set_up.passphrase.hint"))
        self.repeat = PassphraseField(t("set_up.repeat"), show, hide)
        self.fields: dict[str, Field] = {
            "code": self.code,
            "passphrase": self.passphrase,
            "repeat": self.repeat,
        }
        for field in self.fields.values():
            field.changed.connect(lambda _text: self.typed.emit())
            self.add(field)
        self.code.submitted.connect(self.passphrase.edit.setFocus)
        self.passphrase.submitted.connect(self.repeat.edit.setFocus)
        self.repeat.submitted.connect(self._submit)
        self.problem = Text("", "body", "danger", wrap=True)
        self.add(self.problem)
        self.button = Button(t("recovery.button"), "primary")
        self.button.clicked.connect(self._submit)
        self.add_action(self.button)
        self._misses = 0
        self.show_state(RecoveryState())
        self.code.edit.setFocus()

    def show_state(self, state: RecoveryState) -> None:
        """Show it."""
        for name, field in self.fields.items():
            field.set_error(state.error if state.at == name else "")
            field.edit.setReadOnly(state.working)
        self.problem.setText("" if state.at else state.error)
        self.problem.setVisible(bool(state.error) and not state.at)
        self.button.show_as(t("unlock.working" if state.working else "recovery.button"))
        self.button.setEnabled(not state.working)
        if state.misses > self._misses and state.at:
            wrong = self.fields[state.at].edit
            wrong.setFocus(Qt.FocusReason.OtherFocusReason)
            wrong.selectAll()
        self._misses = state.misses

    def _submit(self) -> None:
        self.wanted.emit(self.code.text, self.passphrase.text, self.repeat.text)

    def done(self, result: int) -> None:
        """Forget what was typed."""
        for field in self.fields.values():
            field.forget()
        super().done(result)
