"""Chips: a word on a tint, with an icon where colour alone would not say it."""

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.icons import icon_pixmap
from telemed_desk.ui.theme.theme import colour, font

Tone = Literal[
    "neutral", "ok", "warn", "danger", "info", "accent", "solid", "line", "plate", "stage-warn"
]
_TONES: dict[Tone, tuple[str, str]] = {
    "neutral": ("sunken", "ink2"),
    "ok": ("okTint", "ok"),
    "warn": ("warnTint", "warn"),
    "danger": ("dangerTint", "danger"),
    "info": ("infoTint", "info"),
    "accent": ("accentTint", "accentInk"),
    "solid": ("dangerFill", "onDanger"),
    "line": ("none", "ink2"),
    "plate": ("plate", "onPlate"),
    "stage-warn": ("stageWarn", "onStageWarn"),
}


class Chip(QWidget):
    """A small labelled tint. ``plate`` and ``stage-warn`` lie on pictures."""

    def __init__(self, text: str = "", tone: Tone = "neutral", icon: str = "") -> None:
        super().__init__()
        self._text, self._tone, self._icon = text, tone, icon
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text

    def show_as(self, text: str, tone: Tone, icon: str = "") -> None:
        """Change all of it; an empty text hides it."""
        self.setVisible(bool(text))
        if (text, tone, icon) != (self._text, self._tone, self._icon):
            self._text, self._tone, self._icon = text, tone, icon
            self.setAccessibleName(text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Icon and word."""
        width = QFontMetrics(font("label")).horizontalAdvance(self._text) + 2 * sizes.M + 1
        if self._icon:
            width += sizes.ICON_SMALL + sizes.XS + 1
        return QSize(width, sizes.CHIP)

    def minimumSizeHint(self) -> QSize:
        """Never cut the word."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw all of it."""
        fill, ink = _TONES[self._tone]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(colour(fill))
        edge = QPen(colour("line"), sizes.HAIR) if self._tone == "line" else QPen(Qt.PenStyle.NoPen)
        painter.setPen(edge)
        body = QRectF(self.rect())
        if self._tone == "line":
            body = body.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(body, sizes.RADIUS_CHIP, sizes.RADIUS_CHIP)
        x = sizes.M
        if self._icon:
            side = sizes.ICON_SMALL
            pixmap = icon_pixmap(self._icon, ink, side, self.devicePixelRatioF())
            painter.drawPixmap(x, (self.height() - side) // 2, pixmap)
            x += side + sizes.XS + 1
        painter.setPen(colour(ink))
        painter.setFont(font("label"))
        painter.drawText(
            self.rect().adjusted(x, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._text
        )
