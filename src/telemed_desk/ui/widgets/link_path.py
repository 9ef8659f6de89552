"""The path of the link: nodes joined by legs. Solid is good, dashed weak, dotted failing."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from telemed_desk.ui.path import Leg, LegTone, Node, PathState
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.icons import icon_pixmap
from telemed_desk.ui.theme.theme import colour, font

_PEN: dict[LegTone, tuple[str, str, Qt.PenStyle, list[float]]] = {
    "ok": ("okFill", "ink2", Qt.PenStyle.SolidLine, []),
    "warn": ("warnFill", "warn", Qt.PenStyle.CustomDashLine, [3.0, 1.4]),
    "danger": ("dangerFill", "danger", Qt.PenStyle.CustomDashLine, [1.3, 1.7]),
    "none": ("lineStrong", "ink3", Qt.PenStyle.CustomDashLine, [0.7, 3.0]),
}


class LinkPath(QWidget):
    """Draws a path.

    Args:
        on_rail: Colours for the dark panel of the unlock page.
        names_below: Names under the nodes instead of beside them.
    """

    def __init__(self, *, on_rail: bool = False, names_below: bool = False) -> None:
        super().__init__()
        self._on_rail = on_rail
        self._names_below = names_below
        self._state = PathState()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_path(self, state: PathState) -> None:
        """Show a path; its words become the accessible name."""
        if state == self._state:
            return
        self._state = state
        parts: list[str] = []
        for index, node in enumerate(state.nodes):
            parts.append(node.name)
            if index < len(state.legs):
                parts.append(state.legs[index].words)
        self.setAccessibleName(", ".join(part for part in parts if part))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines when names stand below."""
        height = sizes.PATH_NODE + sizes.XXS
        if self._names_below:
            height += sizes.XL + sizes.S
        width = sum(self._node_width(node) + sizes.PATH_LEG_LEAST for node in self._state.nodes)
        return QSize(width, height)

    def _node_width(self, node: Node) -> int:
        if self._names_below or not node.name:
            return sizes.PATH_NODE
        words = QFontMetrics(font("caption")).horizontalAdvance(node.name)
        return sizes.PATH_NODE + sizes.M + words

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw nodes, legs and words."""
        nodes, legs = self._state.nodes, self._state.legs
        if not nodes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        taken = sum(self._node_width(node) for node in nodes)
        leg_width = (self.width() - taken) / max(1, len(legs))
        x = 0.0
        for index, node in enumerate(nodes):
            self._draw_node(painter, node, x, index)
            x += self._node_width(node)
            if index < len(legs):
                self._draw_leg(painter, legs[index], x + sizes.M, leg_width - 2 * sizes.M)
                x += leg_width

    def _draw_node(self, painter: QPainter, node: Node, x: float, index: int) -> None:
        side = sizes.PATH_NODE
        painter.setBrush(colour("none" if self._on_rail else "surface"))
        painter.setPen(QPen(colour("railRing" if self._on_rail else "lineStrong"), 1.5))
        painter.drawEllipse(QRectF(x + 1, 1, side - 2, side - 2))
        tint = "onRailOn" if self._on_rail else "ink2"
        pixmap = icon_pixmap(node.icon, tint, sizes.ICON, self.devicePixelRatioF())
        inset = (side - sizes.ICON) / 2
        painter.drawPixmap(QPointF(x + inset, inset), pixmap)
        painter.setPen(colour("onRail" if self._on_rail else "ink2"))
        painter.setFont(font("caption"))
        if self._names_below:
            last = len(self._state.nodes) - 1
            where = Qt.AlignmentFlag.AlignHCenter
            box = QRectF(x - side * 2, side + sizes.S, side * 5, sizes.XL)
            if index == 0:
                where, box = (
                    Qt.AlignmentFlag.AlignLeft,
                    QRectF(x, side + sizes.S, side * 5, sizes.XL),
                )
            elif index == last:
                where = Qt.AlignmentFlag.AlignRight
                box = QRectF(x + side - side * 5, side + sizes.S, side * 5, sizes.XL)
            painter.drawText(box, where, node.name)
        elif node.name:
            box = QRectF(x + side + sizes.M, 0, self.width(), side)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, node.name)

    def _draw_leg(self, painter: QPainter, leg: Leg, x: float, width: float) -> None:
        tint, ink, style, dashes = _PEN[leg.tone]
        if self._on_rail:
            tint = "railMark" if leg.tone == "ok" else tint
            ink = "onRail"
        pen = QPen(colour(tint), sizes.PATH_LINE)
        pen.setStyle(style)
        if dashes:
            pen.setDashPattern(dashes)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        y = sizes.M
        painter.drawLine(QPointF(x, y), QPointF(x + width, y))
        painter.setPen(colour(ink))
        face = font("caption")
        painter.setFont(face)
        words = QFontMetrics(face).elidedText(leg.words, Qt.TextElideMode.ElideRight, int(width))
        box = QRectF(x, sizes.L - 1, width, sizes.XL)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
