"""Text, initials, programme tags and key caps."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from telemed_desk.clinical.people import Programme
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.icons import icon_pixmap
from telemed_desk.ui.theme.theme import colour, font
from telemed_desk.ui.widgets.layouts import restyle

PROGRAMME_COLOURS: dict[Programme, str] = {
    Programme.HOME_BASED_CARE: "pHome",
    Programme.PALLIATIVE_CARE: "pPall",
    Programme.DERMATOLOGY: "pDerm",
    Programme.ONCOLOGY_PLANNING: "pOnco",
    Programme.MENTAL_HEALTH: "pMind",
    Programme.ROUTINE_CHECK_UP: "pRout",
    Programme.SPECIALIST_CONSULT: "pSpec",
}


class Text(QLabel):
    """A line or paragraph in one of the roles of the type scale and one of the tones."""

    def __init__(
        self, text: str = "", role: str = "body", tone: str = "", *, wrap: bool = False
    ) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setProperty("tone", tone)
        self.setWordWrap(wrap)

    def set_tone(self, tone: str) -> None:
        """Change the colour by meaning."""
        restyle(self, "tone", tone)


class ElidedText(Text):
    """One line that shortens itself with an ellipsis; the whole text is in the tooltip."""

    def __init__(self, text: str = "", role: str = "body", tone: str = "") -> None:
        super().__init__("", role, tone)
        self._whole = text
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text."""
        self._whole = text
        self.setAccessibleName(text)
        self._elide()

    def whole(self) -> str:
        """Return the text without ellipsis."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        metrics = QFontMetrics(self.font())
        shown = metrics.elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        super().setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class Icon(QWidget):
    """An icon beside a word; silent to screen readers."""

    def __init__(self, name: str, tint: str = "ink2", size: int = sizes.ICON) -> None:
        super().__init__()
        self._name, self._tint, self._size = name, tint, size
        self.setFixedSize(size, size)

    def show_icon(self, name: str, tint: str) -> None:
        """Change what is drawn."""
        if (name, tint) != (self._name, self._tint):
            self._name, self._tint = name, tint
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        pixmap = icon_pixmap(self._name, self._tint, self._size, self.devicePixelRatioF())
        painter.drawPixmap(0, 0, pixmap)


class Avatar(QWidget):
    """Initials in a disc."""

    def __init__(self, initials: str, size: int = sizes.AVATAR) -> None:
        super().__init__()
        self._initials = initials
        self.setFixedSize(size, size)

    def set_initials(self, initials: str) -> None:
        """Show somebody else."""
        self._initials = initials
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("accentTint"))
        painter.drawEllipse(self.rect())
        painter.setPen(colour("accentInk"))
        painter.setFont(font("caption", weight=600))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._initials)


class ProgrammeTag(QWidget):
    """An 8 px square in the programme's colour, and its name."""

    def __init__(self, programme: Programme, name: str) -> None:
        super().__init__()
        self._name = name
        self._colour = PROGRAMME_COLOURS[programme]
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Square, gap, word."""
        metrics = QFontMetrics(font("caption"))
        width = sizes.PROGRAMME_DOT + sizes.S + metrics.horizontalAdvance(self._name)
        return QSize(width + sizes.XXS, sizes.XL + sizes.XXS)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(self._colour))
        dot = sizes.PROGRAMME_DOT
        top = (self.height() - dot) / 2
        painter.drawRoundedRect(QRectF(0, top, dot, dot), sizes.RADIUS_BAR, sizes.RADIUS_BAR)
        painter.setPen(colour("ink2"))
        painter.setFont(font("caption"))
        painter.drawText(
            self.rect().adjusted(dot + sizes.S, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._name
        )


def kbd_width(keys: str) -> int:
    """Return the width of a drawn key cap."""
    return QFontMetrics(font("micro", mono=True)).horizontalAdvance(keys) + sizes.L


def draw_kbd(painter: QPainter, at: QRectF, keys: str, tint: str, edge: str) -> None:
    """Draw a key cap."""
    painter.save()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour(edge), sizes.HAIR))
    painter.drawRoundedRect(at.adjusted(0.5, 0.5, -0.5, -0.5), sizes.RADIUS_CHIP, sizes.RADIUS_CHIP)
    painter.setPen(colour(tint))
    painter.setFont(font("micro", mono=True))
    painter.drawText(at, Qt.AlignmentFlag.AlignCenter, keys)
    painter.restore()
