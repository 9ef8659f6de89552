"""The last checks on this PC as bars, and one figure's last values as a line."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui.screens.self_check.state import PastBar
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour

_FAINT = 0.55
_FEWEST_FOR_A_LINE = 2


class HistoryBars(QWidget):
    """One bar a check, as high as its rung; the newest at the right, in full colour."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._bars: tuple[PastBar, ...] = ()
        self.setAccessibleName(name)
        self.setFixedHeight(sizes.HISTORY[1])
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(sizes.HISTORY[0])

    def show_bars(self, bars: tuple[PastBar, ...], said: str) -> None:
        """Show them; ``said`` is their sum in words, for screen readers."""
        if bars != self._bars:
            self._bars = bars
            self.setAccessibleDescription(said)
            self.update()

    def sizeHint(self) -> QSize:
        """As in the design."""
        return QSize(*sizes.HISTORY)

    def bar_at(self, x: float) -> PastBar | None:
        """Return the bar at a place, for its tooltip."""
        bars = self._fitting()
        place = int(x // sizes.HISTORY_STEP)
        return bars[place] if 0 <= place < len(bars) else None

    def _fitting(self) -> tuple[PastBar, ...]:
        """Return the newest bars that there is room for."""
        return self._bars[-max(1, self.width() // sizes.HISTORY_STEP) :]

    def event(self, event: QEvent) -> bool:
        """Say what lies under the mouse."""
        if isinstance(event, QHelpEvent):
            bar = self.bar_at(event.pos().x())
            if bar is not None:
                QToolTip.showText(event.globalPos(), bar.words, self)
                return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw bars and their ground."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = self.height() - sizes.XXS
        painter.setPen(QPen(colour("line"), sizes.HAIR))
        painter.drawLine(QPointF(0, ground), QPointF(self.width(), ground))
        painter.setPen(Qt.PenStyle.NoPen)
        unit = (ground - sizes.XXS) / len(Rung)
        bars = self._fitting()
        for index, bar in enumerate(bars):
            name = (
                "okFill"
                if bar.rung >= Rung.VIDEO
                else "warnFill"
                if bar.rung >= Rung.AUDIO_PHOTOS
                else "dangerFill"
            )
            fill = colour(name)
            fill.setAlphaF(1.0 if index == len(bars) - 1 else _FAINT)
            painter.setBrush(fill)
            high = unit * (int(bar.rung) + 1)
            box = QRectF(
                index * sizes.HISTORY_STEP + sizes.XXS, ground - high, sizes.HISTORY_BAR, high
            )
            painter.drawRoundedRect(box, sizes.RADIUS_BAR, sizes.RADIUS_BAR)


class Sparkline(QWidget):
    """A figure's last values; nothing while there are fewer than two."""

    def __init__(self) -> None:
        super().__init__()
        self._values: tuple[float, ...] = ()
        self.setFixedSize(*sizes.SPARK)

    def show_values(self, values: Sequence[float]) -> None:
        """Show them, oldest first."""
        if tuple(values) != self._values:
            self._values = tuple(values)
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line and its newest point."""
        if len(self._values) < _FEWEST_FOR_A_LINE:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = min(self._values), max(self._values)
        span = (high - low) or 1.0
        wide, tall = self.width() - 2 * sizes.XS, self.height() - 2 * sizes.XS
        points = [
            QPointF(
                sizes.XS + wide * index / (len(self._values) - 1),
                sizes.XS + tall * (1 - (value - low) / span if high > low else 0.5),
            )
            for index, value in enumerate(self._values)
        ]
        painter.setPen(QPen(colour("accent"), sizes.STROKE_FOCUS))
        painter.drawPolyline(QPolygonF(points))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("accent"))
        painter.drawEllipse(points[-1], sizes.XXS, sizes.XXS)
