"""A question over the call screen: one sentence, one way on and one way back."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.dialogs import Dialog


class Question:
    """Opens while it is asked, closes when it is not. The keyboard begins on the way back.

    Args:
        over: Lies in the window that the question belongs to.
        yes: Makes the button that answers with yes.
        said_yes: Called when it is pressed.
        said_no: Called when the question is left in any other way.
    """

    def __init__(
        self,
        over: QWidget,
        yes: Callable[[], Button],
        said_yes: Callable[[], object],
        said_no: Callable[[], object],
    ) -> None:
        self._over = over
        self._yes = yes
        self._said_yes = said_yes
        self._said_no = said_no
        self._dialog: Dialog | None = None

    def show(self, title: str, words: str, no: str, *, asked: bool) -> None:
        """Open, keep or close it."""
        if not asked:
            # Forgotten first: closing says no once more, and that leads back here.
            dialog, self._dialog = self._dialog, None
            if dialog is not None:
                dialog.close()
        elif self._dialog is None:
            dialog = self._dialog = Dialog(self._over.window(), title, words, no)
            button = self._yes()
            button.clicked.connect(self._said_yes)
            dialog.add_action(button)
            dialog.rejected.connect(self._said_no)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()
            dialog.cancel.setFocus(Qt.FocusReason.TabFocusReason)
