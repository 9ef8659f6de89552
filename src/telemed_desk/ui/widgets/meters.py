"""Level meter and progress."""

from PySide6.QtCore import QElapsedTimer, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour

SILENCE_DBFS = -60.0
LOUD_DBFS = -6.0
REPAINT_MS = 66
"""15 times a second is enough for eyes and cheap for the processor."""


class LevelMeter(QWidget):
    """36 cells from -60 to 0 dBFS; amber near the top."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._dbfs = SILENCE_DBFS
        self._since = QElapsedTimer()
        self.setFixedHeight(sizes.METER)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_level(self, dbfs: float) -> None:
        """Show a level; more often than 15 Hz is not painted."""
        self._dbfs = dbfs
        if not self._since.isValid() or self._since.elapsed() >= REPAINT_MS:
            self._since.start()
            self.update()

    def cells(self) -> int:
        """Return how many cells are lit."""
        share = (self._dbfs - SILENCE_DBFS) / -SILENCE_DBFS
        return max(0, min(sizes.METER_CELLS, round(share * sizes.METER_CELLS)))

    def sizeHint(self) -> QSize:
        """As wide as it is given."""
        return QSize(sizes.PREVIEW[0], sizes.METER)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the cells."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("sunken"))
        painter.drawRoundedRect(self.rect(), sizes.XXS, sizes.XXS)
        inset = sizes.BAR_PROGRAMME
        step = (self.width() - 2 * inset) / sizes.METER_CELLS
        lit = self.cells()
        loud = round((LOUD_DBFS - SILENCE_DBFS) / -SILENCE_DBFS * sizes.METER_CELLS)
        for index in range(sizes.METER_CELLS):
            name = "line" if index >= lit else "warnFill" if index >= loud else "okFill"
            painter.setBrush(colour(name))
            cell = QRectF(inset + index * step, inset, step - sizes.XXS, self.height() - 2 * inset)
            painter.drawRoundedRect(cell, sizes.HAIR, sizes.HAIR)


class Progress(QProgressBar):
    """A thin bar with a name; its number stands beside it in words."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setTextVisible(False)
        self.setRange(0, 100)
