"""Icons: SVG text tinted with a colour of the theme, drawn at the screen's resolution, and cached."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from telemed_desk.ui.resources import resource
from telemed_desk.ui.theme.theme import colour


@lru_cache(maxsize=256)
def _svg(name: str) -> str:
    return resource("icons", f"{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def _pixmap(name: str, rgb: str, size: int, dpr: float) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(_svg(name).replace("currentColor", rgb).encode()))
    pixmap = QPixmap(round(size * dpr), round(size * dpr))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(dpr)
    return pixmap


def icon_pixmap(name: str, tint: str | QColor, size: int, dpr: float = 1.0) -> QPixmap:
    """Return an icon.

    Args:
        name: File in ``resources/icons`` without its ending.
        tint: A token's name, or a colour.
        size: Logical pixels.
        dpr: Device pixels to a logical pixel.
    """
    rgb = (colour(tint) if isinstance(tint, str) else tint).name()
    return _pixmap(name, rgb, size, dpr)


def icon(name: str, tint: str, size: int, dpr: float = 1.0) -> QIcon:
    """Return an icon for Qt's own widgets."""
    return QIcon(icon_pixmap(name, tint, size, dpr))
