"""The ladder: five bars and a word, and the wide bar of the self-check. Never colour alone."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour, font
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import row

_FILL: dict[Rung, str] = {
    Rung.HD_VIDEO: "okFill",
    Rung.VIDEO: "okFill",
    Rung.LOW_VIDEO: "warnFill",
    Rung.AUDIO_PHOTOS: "warnFill",
    Rung.PHONE: "dangerFill",
    Rung.NO_LINK: "line",
}
_EMPTY_ALPHA = 0.35


class LadderGlyph(QWidget):
    """Five bars, as many filled as the rung is high."""

    def __init__(self, rung: Rung, word: str) -> None:
        super().__init__()
        self._rung = rung
        self.setAccessibleName(word)
        self.setFixedSize(*sizes.GLYPH)

    def set_rung(self, rung: Rung, word: str) -> None:
        """Show another rung."""
        self.setAccessibleName(word)
        if rung is not self._rung:
            self._rung = rung
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        empty = colour("lineStrong")
        empty.setAlphaF(_EMPTY_ALPHA)
        filled = colour(_FILL[self._rung])
        for index, height in enumerate(sizes.GLYPH_BARS):
            painter.setBrush(filled if index < int(self._rung) else empty)
            x = index * (sizes.GLYPH_BAR + sizes.XXS)
            bar = QRectF(x, self.height() - height, sizes.GLYPH_BAR, height)
            painter.drawRoundedRect(bar, sizes.HAIR, sizes.HAIR)


class LadderWord(QWidget):
    """The glyph and the rung's name."""

    def __init__(self, rung: Rung, word: str, role: str = "label") -> None:
        super().__init__()
        self._glyph = LadderGlyph(rung, word)
        self._word = Text(word, role)
        self.setLayout(row(self._glyph, self._word, gap=sizes.S + 1))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_rung(self, rung: Rung, word: str) -> None:
        """Show another rung."""
        self._glyph.set_rung(rung, word)
        self._word.setText(word)


class RungsBar(QWidget):
    """Five segments with their names, filled up to the rung that the check allows."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self._words = words
        self._rung = Rung.NO_LINK
        self._most = Rung.NO_LINK
        self.setFixedHeight(sizes.CONTROL_SMALL)

    def set_rung(self, rung: Rung, word: str, most: Rung | None = None) -> None:
        """Show a verdict; while it is being found, ``most`` is how far it may still go."""
        self._rung = rung
        self._most = rung if most is None else most
        self.setAccessibleName(word)
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as it is given."""
        return QSize(sizes.RUNGS_BAR, sizes.CONTROL_SMALL)

    def _fill(self, index: int) -> str:
        if self._most > self._rung:
            # Still being found: what is certain in the colour of work, what is possible in its tint.
            if index < int(self._rung):
                return "accent"
            return "accentTint" if index < int(self._most) else "line"
        return _FILL[self._rung] if index < int(self._rung) else "line"

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw segments and names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = (self.width() - sizes.XS * (len(self._words) - 1)) / len(self._words)
        for index, word in enumerate(self._words):
            x = index * (width + sizes.XS)
            now = index + 1 == int(self._rung) == int(self._most)
            thick = sizes.S if now else sizes.XS
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(self._fill(index)))
            top = 0 if now else sizes.HAIR
            painter.drawRoundedRect(
                QRectF(x, top, width, thick), sizes.RADIUS_BAR, sizes.RADIUS_BAR
            )
            painter.setPen(colour("ink" if now else "ink3"))
            face = font("caption", weight=600 if now else None)
            painter.setFont(face)
            shown = QFontMetrics(face).elidedText(word, Qt.TextElideMode.ElideRight, int(width))
            box = QRectF(x, sizes.M, width, self.height() - sizes.M)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)
