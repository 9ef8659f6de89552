"""A row of choices of which one holds; arrow keys move."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour, font


class _Segment(QAbstractButton):
    def __init__(self, text: str, *, first: bool, last: bool) -> None:
        super().__init__()
        self.setText(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._first, self._last = first, last
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Its word in the heavier weight, so that choosing moves nothing."""
        words = QFontMetrics(font("label", weight=600)).horizontalAdvance(self.text())
        return QSize(words + 2 * sizes.L, sizes.CONTROL_SMALL)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw one segment with its share of the outline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5 if self._last else 0.5, -0.5)
        round_box = body.adjusted(
            0 if self._first else -sizes.L, 0, 0 if self._last else sizes.L, 0
        )
        shape = QPainterPath()
        shape.addRoundedRect(round_box, sizes.RADIUS_CONTROL, sizes.RADIUS_CONTROL)
        painter.fillPath(shape, colour("accentTint" if self.isChecked() else "surface"))
        painter.setPen(QPen(colour("lineStrong"), sizes.HAIR))
        painter.drawPath(shape)
        if not self._first:
            painter.setPen(QPen(colour("line"), sizes.HAIR))
            painter.drawLine(0, 1, 0, self.height() - 2)
        painter.setPen(colour("accentInk" if self.isChecked() else "ink2"))
        painter.setFont(font("label", weight=600 if self.isChecked() else None))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class SegmentedControl(QWidget):
    """Choices by key; emits ``chosen`` when a person picks another one."""

    chosen = Signal(str)

    def __init__(self, name: str, choices: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, _Segment] = {}
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        for index, (key, text) in enumerate(choices):
            button = _Segment(text, first=index == 0, last=index == len(choices) - 1)
            button.setAccessibleName(text)
            button.clicked.connect(lambda _checked=False, key=key: self.chosen.emit(key))
            self._group.addButton(button)
            self._buttons[key] = button
            box.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def choose(self, key: str) -> None:
        """Show a choice without telling anybody."""
        self._buttons[key].setChecked(True)
