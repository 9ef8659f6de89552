"""The day by programme: one lane each, a block a visit, a line for now. Arrow keys move."""

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from telemed_desk.ui.screens.today.state import Block, Lane
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour, font
from telemed_desk.ui.widgets.labels import PROGRAMME_COLOURS


class Schedule(QWidget):
    """Draws the lanes. Emits the consultation whose block was opened."""

    opened = Signal(bytes)

    def __init__(self) -> None:
        super().__init__()
        self._lanes: tuple[Lane, ...] = ()
        self._hours = (8, 17)
        self._now_min = 0
        self._at = 0
        self.setAccessibleName(t("today.schedule"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_day(self, lanes: tuple[Lane, ...], hours: tuple[int, int], now_min: int) -> None:
        """Show a day."""
        if (lanes, hours, now_min) == (self._lanes, self._hours, self._now_min):
            return
        self._lanes, self._hours, self._now_min = lanes, hours, now_min
        self._at = min(self._at, max(0, len(self._blocks()) - 1))
        self._tell()
        self.updateGeometry()
        self.update()

    def _blocks(self) -> list[tuple[int, Block]]:
        pairs = [(i, block) for i, lane in enumerate(self._lanes) for block in lane.blocks]
        return sorted(pairs, key=lambda pair: (pair[1].start_min, pair[0]))

    def sizeHint(self) -> QSize:
        """A line of hours and the lanes."""
        height = sizes.LANE_HOURS + sizes.LANE * len(self._lanes) + sizes.M
        return QSize(sizes.UNLOCK_FORM, height)

    def _x(self, minutes: float) -> float:
        first, last = self._hours
        left = sizes.CARD_PAD + sizes.LANE_NAME
        width = self.width() - left - sizes.CARD_PAD
        return left + (minutes / 60 - first) / (last - first) * width

    def _box(self, lane: int, block: Block) -> QRectF:
        left = self._x(block.start_min)
        right = max(left + sizes.LANE_BLOCK_LEAST, self._x(block.start_min + block.minutes))
        right = min(right, self.width() - sizes.CARD_PAD)
        top = sizes.LANE_HOURS + lane * sizes.LANE + (sizes.LANE - sizes.LANE_BLOCK) / 2
        return QRectF(left, top, right - left, sizes.LANE_BLOCK)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw hours, lanes, blocks and now."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_grid(painter)
        chosen = self._blocks()[self._at][1] if self._blocks() and self.hasFocus() else None
        for index, lane in enumerate(self._lanes):
            for block in lane.blocks:
                self._draw_block(painter, index, lane, block, chosen=block is chosen)
        first, last = self._hours
        if first * 60 <= self._now_min <= last * 60:
            painter.setPen(QPen(colour("accent"), sizes.XXS))
            x = self._x(self._now_min)
            painter.drawLine(QLineF(x, sizes.LANE_HOURS, x, self.height() - sizes.M))

    def _draw_grid(self, painter: QPainter) -> None:
        painter.setFont(font("micro", weight=400))
        painter.setPen(colour("ink3"))
        first, last = self._hours
        step = 1 if last - first <= sizes.L else 2
        for hour in range(first, last + 1, step):
            box = QRectF(self._x(hour * 60) - sizes.XL, 0, 2 * sizes.XL, sizes.LANE_HOURS)
            where = Qt.AlignmentFlag.AlignVCenter | (
                Qt.AlignmentFlag.AlignRight if hour == last else Qt.AlignmentFlag.AlignHCenter
            )
            if hour == last:
                box.moveRight(self._x(hour * 60))
            painter.drawText(box, where, f"{hour:02d}")
        for index, lane in enumerate(self._lanes):
            top = sizes.LANE_HOURS + index * sizes.LANE
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(PROGRAMME_COLOURS[lane.programme]))
            dot = sizes.PROGRAMME_DOT
            painter.drawRoundedRect(
                QRectF(sizes.CARD_PAD, top + (sizes.LANE - dot) / 2, dot, dot),
                sizes.RADIUS_BAR,
                sizes.RADIUS_BAR,
            )
            painter.setPen(colour("ink2"))
            painter.setFont(font("caption"))
            name = QRectF(sizes.CARD_PAD + dot + sizes.S, top, sizes.LANE_NAME, sizes.LANE)
            painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, lane.name)
            painter.setPen(QPen(colour("line"), sizes.HAIR))
            y = top + sizes.LANE - 0.5
            painter.drawLine(QLineF(sizes.CARD_PAD, y, self.width() - sizes.CARD_PAD, y))

    def _draw_block(
        self, painter: QPainter, index: int, lane: Lane, block: Block, *, chosen: bool
    ) -> None:
        box = self._box(index, block)
        tint = colour(PROGRAMME_COLOURS[lane.programme])
        fill = {"done": "sunken", "now": "accentTint", "later": "surface"}[block.phase]
        painter.setPen(QPen(colour("line") if block.phase == "done" else tint, sizes.HAIR))
        painter.setBrush(colour(fill))
        painter.drawRoundedRect(box, sizes.RADIUS_CHIP, sizes.RADIUS_CHIP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        bar = QRectF(box.left(), box.top(), sizes.BAR_PROGRAMME, box.height())
        painter.drawRoundedRect(bar, sizes.HAIR, sizes.HAIR)
        if chosen:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("focus"), sizes.STROKE_FOCUS))
            painter.drawRoundedRect(
                box.adjusted(-2, -2, 2, 2), sizes.RADIUS_CHIP, sizes.RADIUS_CHIP
            )
        painter.setPen(colour("ink3" if block.phase == "done" else "ink"))
        painter.setFont(font("micro", weight=600 if block.phase == "now" else 400))
        painter.drawText(
            box.adjusted(sizes.S, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, block.initials
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move, Enter opens."""
        blocks = self._blocks()
        steps = {
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Up: -1,
        }
        key = Qt.Key(event.key())
        if blocks and key in steps:
            self._at = (self._at + steps[key]) % len(blocks)
            self._tell()
            self.update()
        elif blocks and key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.opened.emit(blocks[self._at][1].entity)
        else:
            super().keyPressEvent(event)

    def _tell(self) -> None:
        blocks = self._blocks()
        self.setAccessibleDescription(blocks[self._at][1].tip if blocks else "")

    def _hit(self, x: float, y: float) -> Block | None:
        for index, lane in enumerate(self._lanes):
            for block in lane.blocks:
                if self._box(index, block).contains(x, y):
                    return block
        return None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open."""
        block = self._hit(event.position().x(), event.position().y())
        if block is not None:
            self.opened.emit(block.entity)

    def event(self, event: QEvent) -> bool:
        """Say name, time and kind on hover."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            block = self._hit(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), block.tip if block else "", self)
            return True
        return super().event(event)
