"""The navigation rail: only screens that exist."""

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QMenu, QSizePolicy, QWidget

from telemed_desk.ui.shell.state import PAGES, SELF_CHECK, SYNC, TODAY, Screen
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.icons import icon_pixmap
from telemed_desk.ui.theme.mark import MARK_POINTS, MARK_SIDE, MARK_STROKE
from telemed_desk.ui.theme.theme import colour, font
from telemed_desk.ui.widgets.layouts import column

_ICONS: dict[Screen, str] = {TODAY: "house", SYNC: "refresh-cw", SELF_CHECK: "activity"}


class Mark(QWidget):
    """The program's sign."""

    def __init__(self, side: int = sizes.RAIL_MARK) -> None:
        super().__init__()
        self.setFixedSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale = self.width() / MARK_SIDE
        painter.scale(scale, scale)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("railMark"))
        box = QRectF(0, 0, MARK_SIDE, MARK_SIDE)
        painter.drawRoundedRect(box, sizes.RADIUS_CONTROL + 1, sizes.RADIUS_CONTROL + 1)
        pen = QPen(colour("rail"), MARK_STROKE)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF(MARK_POINTS))


class RailButton(QAbstractButton):
    """Icon over word; a bar at the left and a tint while its page is open."""

    def __init__(self, text: str, icon: str, *, checkable: bool) -> None:
        super().__init__()
        self.setText(text)
        self.setCheckable(checkable)
        self._icon = icon
        self._badge = 0
        self.narrow = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_badge(self, count: int) -> None:
        """Show how many things need this clinician."""
        if count != self._badge:
            self._badge = count
            self.setAccessibleDescription(str(count) if count else "")
            self.update()

    def sizeHint(self) -> QSize:
        """As the design."""
        return QSize(sizes.RAIL, sizes.CONTROL_LARGE if self.narrow else sizes.RAIL_BUTTON)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw all of it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(sizes.S, 0, -sizes.S, 0)
        on = self.isChecked()
        painter.setPen(Qt.PenStyle.NoPen)
        if on or self.underMouse():
            painter.setBrush(colour("railOn" if on else "railHover"))
            painter.drawRoundedRect(box, sizes.RADIUS_CONTROL, sizes.RADIUS_CONTROL)
        if on:
            painter.setBrush(colour("railMark"))
            painter.drawRect(QRectF(0, sizes.M, sizes.BAR_PROGRAMME, self.height() - 2 * sizes.M))
        ink = "onRailOn" if on else "onRail"
        side = sizes.ICON_LARGE
        top = (self.height() - side) // 2 if self.narrow else sizes.M + 1
        pixmap = icon_pixmap(self._icon, ink, side, self.devicePixelRatioF())
        painter.drawPixmap((self.width() - side) // 2, top, pixmap)
        if not self.narrow:
            painter.setPen(colour(ink))
            painter.setFont(font("micro"))
            below = box.adjusted(-sizes.S, top + side, sizes.S, -sizes.XXS)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.text())
        if self._badge:
            disc = QRectF(self.width() / 2 + sizes.S, sizes.XS, sizes.XL, sizes.XL)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("badge"))
            painter.drawEllipse(disc)
            painter.setPen(colour("onBadge"))
            painter.setFont(font("micro", weight=600))
            painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, str(self._badge))


class Rail(QWidget):
    """Pages from the top, Lock at the foot."""

    chosen = Signal(str)
    lock = Signal()
    pin = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("rail", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(t("rail.name"))
        self._group = QButtonGroup(self)
        self.buttons: dict[Screen, RailButton] = {}
        box = column(gap=sizes.XXS, pad=(0, sizes.L, 0, sizes.M))
        box.addWidget(Mark(), 0, Qt.AlignmentFlag.AlignHCenter)
        box.addSpacing(sizes.M)
        for number, page in enumerate(PAGES, start=1):
            button = RailButton(t(f"rail.{page}"), _ICONS[page], checkable=True)
            button.setToolTip(t("rail.tip", page=t(f"rail.{page}"), n=number))
            button.clicked.connect(lambda _checked=False, page=page: self.chosen.emit(page))
            self._group.addButton(button)
            self.buttons[page] = button
            box.addWidget(button)
        box.addStretch(1)
        self.lock_button = RailButton(t("rail.lock"), "lock", checkable=False)
        self.lock_button.setToolTip(t("rail.lock_tip"))
        self.lock_button.clicked.connect(self.lock)
        self.menu = QMenu(self)
        self.menu.addAction(t("rail.lock_now"), self.lock.emit)
        self.menu.addAction(t("rail.pin"), self.pin.emit)
        self.lock_button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.lock_button.customContextMenuRequested.connect(self._open_menu)
        box.addWidget(self.lock_button)
        self.setLayout(box)
        self.set_narrow(narrow=False)

    def _open_menu(self, at: QPoint) -> None:
        self.menu.popup(self.lock_button.mapToGlobal(at))

    def set_narrow(self, *, narrow: bool) -> None:
        """Show icons only, in narrow windows."""
        self.setFixedWidth(sizes.RAIL_NARROW if narrow else sizes.RAIL)
        for button in (*self.buttons.values(), self.lock_button):
            button.narrow = narrow
            button.updateGeometry()

    def select(self, page: Screen) -> None:
        """Mark the open page."""
        if page in self.buttons:
            self.buttons[page].setChecked(True)
