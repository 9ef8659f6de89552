"""The focus ring: 2 px round whatever has the keyboard, drawn over the window, not into the widget.

A style sheet cannot draw outside a widget. The ring is a see-through child of the window that follows
the focus: always for fields, else only when the focus was not taken with the mouse.
"""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour

_FIELDS = (QLineEdit, QPlainTextEdit)
_MOVES = {
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.LayoutRequest,
}
GAP = sizes.STROKE_FOCUS + 1


class FocusRing(QWidget):
    """Follows the focus inside one window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._watched: list[QWidget] = []
        self._target: QWidget | None = None
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_changed)
        self.hide()

    @property
    def target(self) -> QWidget | None:
        """What it is drawn round."""
        return self._target

    def _focus_changed(self, _old: QWidget | None, now: QWidget | None) -> None:
        window = self.parentWidget()
        if window is None:
            return
        by_mouse = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        wanted = now is not None and (not by_mouse or isinstance(now, _FIELDS))
        self._follow(now if wanted and now is not None and window.isAncestorOf(now) else None)

    def _follow(self, target: QWidget | None) -> None:
        for widget in self._watched:
            widget.removeEventFilter(self)
        self._watched = []
        self._target = target
        window = self.parentWidget()
        step = target
        while step is not None and step is not window:
            step.installEventFilter(self)
            step.destroyed.connect(self._gone)
            self._watched.append(step)
            step = step.parentWidget()
        self._place()

    def _gone(self, _which: QObject | None = None) -> None:
        self._watched = []
        self._target = None
        self.hide()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Move along when the target or anything round it moves."""
        if event.type() in _MOVES:
            self._place()
        return False

    def _place(self) -> None:
        window = self.parentWidget()
        if self._target is None or window is None or not self._target.isVisible():
            self.hide()
            return
        corner = self._target.mapTo(window, QPoint(0, 0))
        box = QRect(corner, self._target.size()).adjusted(-GAP, -GAP, GAP, GAP)
        # Scrolled half out of sight: draw only where the target can be seen.
        seen = self._target.visibleRegion().boundingRect()
        if seen.isEmpty():
            self.hide()
            return
        self.setGeometry(box)
        self.show()
        self.raise_()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ring."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("focus"), sizes.STROKE_FOCUS))
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, sizes.RADIUS_CONTROL + 1, sizes.RADIUS_CONTROL + 1)
