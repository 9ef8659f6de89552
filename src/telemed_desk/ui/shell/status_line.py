"""The status line: link, this PC and sync at the left; lock, mode and version at the right."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui import words
from telemed_desk.ui.shell.state import StatusState
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.icons import icon_pixmap
from telemed_desk.ui.theme.theme import colour, font
from telemed_desk.ui.widgets.ladder import LadderGlyph
from telemed_desk.ui.widgets.layouts import line


class StatusCell(QAbstractButton):
    """One fact; pressing it opens the page that explains it."""

    def __init__(self, icon: str = "", *, acts: bool = True) -> None:
        super().__init__()
        self._icon = icon
        self._strong = ""
        self._more = ""
        self._tone = ""
        self.glyph: LadderGlyph | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if acts else Qt.FocusPolicy.NoFocus)
        self.setEnabled(True)
        self._acts = acts
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Expanding)

    def add_glyph(self) -> None:
        """Put the ladder in front."""
        self.glyph = LadderGlyph(Rung.NO_LINK, words.rung_word(Rung.NO_LINK))
        self.glyph.setParent(self)
        self.glyph.move(sizes.CARD_PAD, (sizes.STATUS_LINE - self.glyph.height()) // 2)

    def say(self, strong: str, more: str = "", tone: str = "") -> None:
        """Show a fact."""
        if (strong, more, tone) == (self._strong, self._more, self._tone):
            return
        self._strong, self._more, self._tone = strong, more, tone
        spoken = " · ".join(part for part in (strong, more) if part)
        self.setAccessibleName(spoken)
        self.setToolTip(spoken)
        self.setVisible(bool(spoken))
        self.updateGeometry()
        self.update()

    def said(self) -> str:
        """Return what it says."""
        return self.accessibleName()

    def _lead(self) -> int:
        if self.glyph is not None:
            return sizes.CARD_PAD + self.glyph.width() + sizes.S + 1
        return sizes.CARD_PAD + (sizes.ICON + sizes.S + 1 if self._icon else 0)

    def sizeHint(self) -> QSize:
        """All of its words."""
        strong = QFontMetrics(font("label")).horizontalAdvance(self._strong)
        more = QFontMetrics(font("caption")).horizontalAdvance(self._tail())
        return QSize(self._lead() + strong + more + sizes.CARD_PAD + 1, sizes.STATUS_LINE)

    def minimumSizeHint(self) -> QSize:
        """Words may be cut in a narrow window; the tooltip has them."""
        return QSize(self._lead() + sizes.XXXL, sizes.STATUS_LINE)

    def _tail(self) -> str:
        return f" · {self._more}" if self._strong and self._more else self._more

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw all of it."""
        painter = QPainter(self)
        if self._acts and (self.underMouse() or self.isDown()):
            painter.fillRect(self.rect(), colour("hover"))
        x = self._lead()
        if self._icon:
            side = sizes.ICON
            tint = self._tone or "ink2"
            pixmap = icon_pixmap(self._icon, tint, side, self.devicePixelRatioF())
            painter.drawPixmap(sizes.CARD_PAD, (self.height() - side) // 2, pixmap)
        strong_face = font("label")
        box = self.rect().adjusted(x, 0, -sizes.XS, 0)
        painter.setFont(strong_face)
        painter.setPen(colour(self._tone or "ink"))
        metrics = QFontMetrics(strong_face)
        shown = metrics.elidedText(self._strong, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)
        box = box.adjusted(metrics.horizontalAdvance(self._strong), 0, 0, 0)
        if box.width() > sizes.L:
            face = font("caption")
            painter.setFont(face)
            painter.setPen(colour("ink2"))
            tail = QFontMetrics(face).elidedText(
                self._tail(), Qt.TextElideMode.ElideRight, box.width()
            )
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, tail)


class StatusLine(QWidget):
    """Never hidden: the only permanent place for these facts."""

    link_pressed = Signal()
    sync_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("statusline", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(t("status.name"))
        self.setFixedHeight(sizes.STATUS_LINE)
        self.link = StatusCell()
        self.link.add_glyph()
        self.saved = StatusCell("hard-drive")
        self.sync = StatusCell("upload")
        self.lock = StatusCell("shield-check", acts=False)
        self.mode = StatusCell("", acts=False)
        self.version = StatusCell("", acts=False)
        self.link.clicked.connect(self.link_pressed)
        self.saved.clicked.connect(self.sync_pressed)
        self.sync.clicked.connect(self.sync_pressed)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, sizes.HAIR, 0, 0)
        box.setSpacing(0)
        for cell in (self.link, self.saved, self.sync):
            box.addWidget(cell)
            box.addWidget(line(vertical=True))
        box.addStretch(1)
        for cell in (self.lock, self.mode, self.version):
            box.addWidget(cell)

    def show_state(self, state: StatusState) -> None:
        """Show the facts."""
        if self.link.glyph is not None:
            self.link.glyph.set_rung(state.link_rung, words.rung_word(state.link_rung))
        self.link.say(state.link_strong, state.link_more)
        self.saved.say(state.saved, tone=state.saved_tone)
        self.sync.say(state.sync_help, state.sync, "danger" if state.sync_help else "")
        self.lock.say("", state.lock)
        self.mode.say(state.mode, tone="warn" if state.mode else "")
        self.version.say("", state.version)
