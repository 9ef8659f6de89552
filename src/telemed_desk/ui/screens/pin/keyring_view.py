"""The part of the dialog about this account's keyring: a box, what it is worth, and a passphrase."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from telemed_desk.ui.screens.pin.keyring_presenter import KeyringPart
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.fields import PassphraseField
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column, row


class KeyringBox(QWidget):
    """Hidden until there is something to show; forgets what was typed as soon as it was used."""

    ticked = Signal(bool)
    typed = Signal()
    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.box = QCheckBox(t("keyring.box"))
        self.box.setAccessibleDescription(t("keyring.protects"))
        self.box.clicked.connect(self.ticked)
        self.limits = Text("", "caption", "third", wrap=True)
        self.problem = Text("", "caption", "danger", wrap=True)
        self.passphrase = PassphraseField(
            t("keyring.passphrase"), t("button.show"), t("button.hide")
        )
        self.passphrase.changed.connect(lambda _text: self.typed.emit())
        self.passphrase.submitted.connect(self._submit)
        self.button = Button(t("keyring.switch.on"), "primary")
        self.button.clicked.connect(self._submit)
        self.setLayout(
            column(
                Text(t("keyring.title"), "heading"),
                self.box,
                Text(t("keyring.protects"), "caption", "third", wrap=True),
                self.limits,
                self.problem,
                self.passphrase,
                row(None, self.button),
                gap=sizes.S,
            )
        )
        self.hide()

    def show_state(self, state: KeyringPart | None) -> None:
        """Show it."""
        self.setVisible(state is not None)
        if state is None:
            self.passphrase.forget()
            return
        self.box.setChecked(state.is_on != state.asking)
        self.box.setEnabled(not state.working)
        for text, words in ((self.limits, " ".join(state.limits)), (self.problem, state.problem)):
            text.setText(words)
            text.setVisible(bool(words))
        if not state.asking and self.passphrase.text:
            self.passphrase.forget()
        first = state.asking and self.passphrase.isHidden()
        self.passphrase.setVisible(state.asking)
        self.passphrase.edit.setEnabled(not state.working)
        self.passphrase.set_error(state.error)
        self.button.show_as(t("keyring.switch.off" if state.is_on else "keyring.switch.on"))
        self.button.setVisible(state.asking)
        self.button.setEnabled(not state.working)
        if first:
            self.passphrase.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        elif state.error:
            self.passphrase.edit.selectAll()

    def _submit(self) -> None:
        self.wanted.emit(self.passphrase.text)
