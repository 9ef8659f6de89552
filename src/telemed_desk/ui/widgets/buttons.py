"""Buttons of every kind: painted, so that icon, word, key cap and states look the same everywhere."""

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QPushButton, QSizePolicy

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.icons import icon_pixmap
from telemed_desk.ui.theme.theme import colour, font
from telemed_desk.ui.widgets.labels import draw_kbd, kbd_width

Kind = Literal["normal", "primary", "ghost", "neutral", "danger", "danger-outline"]
Scale = Literal["small", "normal", "large"]


@dataclass(frozen=True, slots=True)
class _Look:
    """Colour names: fill, edge, ink, and fill while hovered and pressed."""

    fill: str
    edge: str
    ink: str
    hover: str
    pressed: str


_LOOKS: dict[str, _Look] = {
    "normal": _Look("surface", "lineStrong", "ink", "hover", "sunken"),
    "primary": _Look("accent", "accent", "onAccent", "accentHover", "accentPressed"),
    "ghost": _Look("none", "none", "accentInk", "hover", "sunken"),
    "neutral": _Look("none", "none", "ink2", "hover", "sunken"),
    "danger": _Look("dangerFill", "dangerFill", "onDanger", "danger", "danger"),
    "danger-outline": _Look("surface", "danger", "danger", "dangerTint", "dangerTint"),
    "disabled": _Look("sunken", "line", "inkDisabled", "sunken", "sunken"),
    "disabled-flat": _Look("none", "none", "inkDisabled", "none", "none"),
}
_HEIGHT: dict[Scale, int] = {
    "small": sizes.CONTROL_SMALL,
    "normal": sizes.CONTROL,
    "large": sizes.CONTROL_LARGE,
}
_PAD: dict[Scale, int] = {"small": sizes.M + 1, "normal": sizes.L, "large": sizes.XL + sizes.XXS}
_STEP: dict[Scale, str] = {"small": "label", "normal": "body", "large": "title"}
_MEDIUM = 500


class Button(QPushButton):
    """A push button.

    Args:
        text: Its word; also its accessible name.
        kind: What it means; one primary a view.
        scale: Height 26, 32 or 40 px.
        icon: Name of an icon in front.
        keys: Key cap behind the word, such as ``F5``; the shortcut itself is the screen's affair.
        name: Accessible name when the button shows an icon only.
    """

    def __init__(
        self,
        text: str = "",
        kind: Kind = "normal",
        *,
        scale: Scale = "normal",
        icon: str = "",
        keys: str = "",
        name: str = "",
    ) -> None:
        super().__init__(text)
        self._kind: Kind = kind
        self._scale: Scale = scale
        self._icon = icon
        self._keys = keys
        if name:
            self.setAccessibleName(name)
            self.setToolTip(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAutoDefault(False)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def show_as(self, text: str, *, icon: str | None = None, kind: Kind | None = None) -> None:
        """Change word, icon or kind."""
        if icon is not None:
            self._icon = icon
        if kind is not None:
            self._kind = kind
        self.setText(text)
        self.updateGeometry()
        self.update()

    def set_reason(self, *, enabled: bool, reason: str = "") -> None:
        """Enable it, or disable it and say why in the tooltip and to screen readers."""
        self.setEnabled(enabled)
        self.setToolTip("" if enabled else reason)
        self.setAccessibleDescription("" if enabled else reason)

    def sizeHint(self) -> QSize:
        """Icon, word, key cap."""
        height = _HEIGHT[self._scale]
        if not self.text():
            return QSize(height, height)
        return QSize(self._content_width() + 2 * _PAD[self._scale], height)

    def minimumSizeHint(self) -> QSize:
        """Never cut the word."""
        return self.sizeHint()

    def _icon_size(self) -> int:
        return sizes.ICON_SMALL if self._scale == "small" else sizes.ICON

    def _content_width(self) -> int:
        metrics = QFontMetrics(font(_STEP[self._scale], weight=_MEDIUM))
        width = metrics.horizontalAdvance(self.text()) + 1
        if self._icon:
            width += self._icon_size() + sizes.S
        if self._keys:
            width += sizes.M + kbd_width(self._keys)
        return width

    def _look(self) -> _Look:
        if self.isEnabled():
            return _LOOKS[self._kind]
        return _LOOKS["disabled-flat" if self._kind in {"ghost", "neutral"} else "disabled"]

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw all of it."""
        look = self._look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill = look.pressed if self.isDown() else look.hover if self.underMouse() else look.fill
        painter.setBrush(colour(fill))
        painter.setPen(QPen(colour(look.edge), sizes.HAIR))
        body = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(body, sizes.RADIUS_CONTROL, sizes.RADIUS_CONTROL)
        side = self._icon_size()
        if not self.text():
            pixmap = icon_pixmap(self._icon, look.ink, side, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - side) // 2, (self.height() - side) // 2, pixmap)
            return
        x = (self.width() - self._content_width()) // 2
        if self._icon:
            pixmap = icon_pixmap(self._icon, look.ink, side, self.devicePixelRatioF())
            painter.drawPixmap(x, (self.height() - side) // 2, pixmap)
            x += side + sizes.S
        face = font(_STEP[self._scale], weight=_MEDIUM)
        painter.setFont(face)
        painter.setPen(colour(look.ink))
        painter.drawText(
            QRectF(x, 0, self.width() - x, self.height()),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            self.text(),
        )
        if self._keys:
            x += QFontMetrics(face).horizontalAdvance(self.text()) + sizes.M
            cap = QRectF(x, (self.height() - sizes.KBD) / 2, kbd_width(self._keys), sizes.KBD)
            tint = look.ink if self._kind in {"primary", "danger"} else "ink3"
            edge = look.ink if self._kind in {"primary", "danger"} else "line"
            draw_kbd(painter, cap, self._keys, tint, edge)


CallTone = Literal["plain", "accent", "off", "danger"]
_CALL_LOOK: dict[CallTone, tuple[str, str]] = {
    "plain": ("none", "ink"),
    "accent": ("accentTint", "accentInk"),
    "off": ("warnTint", "warn"),
    "danger": ("dangerFill", "onDanger"),
}


class CallButton(QAbstractButton):
    """A control under the picture: icon over word, 70 x 48."""

    def __init__(self, text: str, icon: str, tone: CallTone = "plain") -> None:
        super().__init__()
        self.setText(text)
        self._icon = icon
        self._tone: CallTone = tone
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def show_as(self, text: str, icon: str, tone: CallTone, tip: str = "") -> None:
        """Change word, icon and colour."""
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)
        if (text, icon, tone) != (self.text(), self._icon, self._tone):
            self.setText(text)
            self._icon, self._tone = icon, tone
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """As wide as its word, at least 70."""
        width, height = sizes.CALL_BUTTON
        if self._tone == "danger":
            width = sizes.CALL_BUTTON_END
        metrics = QFontMetrics(font("label"))
        return QSize(max(width, metrics.horizontalAdvance(self.text()) + sizes.XL), height)

    def minimumSizeHint(self) -> QSize:
        """Never cut the word."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw all of it."""
        fill, ink = _CALL_LOOK[self._tone]
        if not self.isEnabled():
            fill, ink = "none", "inkDisabled"
        elif self._tone == "plain" and (self.underMouse() or self.isDown()):
            fill = "hover"
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(fill))
        painter.drawRoundedRect(self.rect(), sizes.RADIUS_CONTROL, sizes.RADIUS_CONTROL)
        side = sizes.ICON_LARGE
        pixmap = icon_pixmap(self._icon, ink, side, self.devicePixelRatioF())
        painter.drawPixmap((self.width() - side) // 2, sizes.S, pixmap)
        painter.setPen(colour(ink))
        painter.setFont(font("label"))
        below = self.rect().adjusted(0, side + sizes.M, 0, -sizes.XS)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.text())
