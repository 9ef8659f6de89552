"""Keyboard shortcuts of a screen; they work while it is shown."""

from collections.abc import Callable

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget


def on_key(widget: QWidget, keys: str, action: Callable[[], object]) -> QShortcut:
    """Run an action when keys are pressed while a widget is visible, wherever the focus is."""
    shortcut = QShortcut(QKeySequence(keys), widget)
    shortcut.activated.connect(action)
    return shortcut
