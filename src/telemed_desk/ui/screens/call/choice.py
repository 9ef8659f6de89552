"""How much picture the doctor wants at most: a menu on the ladder. The link decides below it."""

from typing import Final

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button

CHOICES: Final = (Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS)


class RungChoice(Button):
    """Says what is chosen; opens the menu by mouse, Space, or the screen's key.

    Attributes:
        menu: Its entries are those of :data:`CHOICES`, in that order.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("", "neutral", scale="small", icon="chevron-down")
        self.setAccessibleName(t("call.choice"))
        self.setToolTip(t("call.tip", name=t("call.choice"), key="Ctrl+Shift+L"))
        self.menu_of_rungs = QMenu(self)
        self.menu_of_rungs.setAccessibleName(t("call.choice"))
        group = QActionGroup(self.menu_of_rungs)
        self._actions: dict[Rung, QAction] = {}
        for rung in CHOICES:
            action = QAction(t(f"call.choice.{int(rung)}"), group)
            action.setCheckable(True)
            action.triggered.connect(lambda _checked, rung=rung: self._pick(rung))
            self.menu_of_rungs.addAction(action)
            self._actions[rung] = action
        self._shown = Rung.HD_VIDEO
        self.show_chosen(self._shown)
        self.clicked.connect(self.open)

    def show_chosen(self, rung: Rung) -> None:
        """Show what is chosen."""
        self._shown = rung
        self._actions[rung].setChecked(True)
        said = t(f"call.choice.{int(rung)}")
        if said != self.text():
            self.show_as(said)
            self.setAccessibleDescription(said)

    def open(self) -> None:
        """Open the menu above the button, with the keyboard on what is chosen."""
        if not self.isVisible():
            return
        menu = self.menu_of_rungs
        above = menu.sizeHint().height() + sizes.XS
        menu.setActiveAction(self._actions[self._shown])
        menu.popup(self.mapToGlobal(QPoint(0, -above)), self._actions[self._shown])

    def _pick(self, rung: Rung) -> None:
        self._actions[self._shown].setChecked(True)  # shown is what is so, not what was clicked
        self.chosen.emit(int(rung))
