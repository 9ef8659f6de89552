"""The dialog for the PIN: what it is and is not, and two fields."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.pin.keyring_presenter import KeyringPart
from telemed_desk.ui.screens.pin.keyring_view import KeyringBox
from telemed_desk.ui.screens.pin.limits import limits_list
from telemed_desk.ui.screens.pin.presenter import State
from telemed_desk.ui.text import t
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.fields import PassphraseField
from telemed_desk.workflow.door import PIN_DIGITS


class PinDialog(Dialog):
    """Emits what is typed, and forgets it when it closes."""

    typed = Signal()
    wanted = Signal(str, str)
    dropped = Signal()

    def __init__(self, parent: QWidget | None, state: State) -> None:
        super().__init__(parent, t("pin.title"), state.words, t("button.close"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.add(limits_list(state.limits))
        self.pin = self._field(t("pin.new" if state.is_set else "unlock.pin"))
        self.again = self._field(t("pin.again"))
        self.pin.submitted.connect(self.again.edit.setFocus)
        self.again.submitted.connect(self._submit)
        self.keyring = KeyringBox()
        self.add(self.keyring)
        self.drop = Button(t("pin.drop"), "danger-outline")
        self.drop.clicked.connect(self.dropped)
        self.keep = Button(t("pin.replace" if state.is_set else "pin.keep"), "primary")
        self.keep.clicked.connect(self._submit)
        if state.is_set:
            self.add_action(self.drop)
        self.add_action(self.keep)
        self.show_state(state)
        self.pin.edit.setFocus()

    def _field(self, label: str) -> PassphraseField:
        field = PassphraseField(label, t("button.show"), t("button.hide"))
        field.edit.setMaxLength(PIN_DIGITS)
        field.edit.setInputMethodHints(
            field.edit.inputMethodHints() | Qt.InputMethodHint.ImhDigitsOnly
        )
        field.changed.connect(lambda _text: self.typed.emit())
        self.add(field)
        return field

    def show_state(self, state: State) -> None:
        """Show it."""
        self.pin.set_error(state.pin_error)
        self.again.set_error(state.again_error)
        self.keep.setEnabled(not state.working)
        self.drop.setEnabled(not state.working)
        if state.again_error:
            self.again.edit.selectAll()

    def show_keyring(self, state: KeyringPart | None) -> None:
        """Show what is known of the keyring by now; the window grows by it."""
        self.keyring.show_state(state)
        layout = self.layout()
        if state is not None and layout is not None:
            layout.activate()
            # adjustSize stops at two thirds of the screen and would cut wrapped words off.
            needed = layout.totalHeightForWidth(self.width())
            self.resize(self.width(), max(self.height(), needed))

    def _submit(self) -> None:
        self.wanted.emit(self.pin.text, self.again.text)

    def done(self, result: int) -> None:
        """Forget what was typed."""
        self.pin.forget()
        self.again.forget()
        self.keyring.show_state(None)
        super().done(result)
