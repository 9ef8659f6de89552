"""A place for a picture: draws the newest frame, asks for it 60 times a second while visible."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour, font

POLL_MS = 16
"""At 33 ms a picture waited 17 ms on average, and of 30 a second some were never seen."""


class VideoFrame(Protocol):
    """A picture: RGB888, ``stride`` bytes a row."""

    @property
    def data(self) -> bytes:
        """Pixels."""
        ...

    @property
    def width(self) -> int:
        """Pixels across."""
        ...

    @property
    def height(self) -> int:
        """Pixels down."""
        ...

    @property
    def stride(self) -> int:
        """Bytes a row."""
        ...


class FrameSource(Protocol):
    """Where pictures come from; ``telemed_desk.media.frames.FrameReader`` is one."""

    def newest(self) -> VideoFrame | None:
        """Return a picture newer than the last returned, or None; never blocks."""
        ...


OnShown = Callable[[], None]


class VideoTile(QWidget):
    """Draws a picture in the widget, keeping its shape.

    Args:
        name: Accessible name.
        mirrored: As in a mirror, for the own picture.
        fill: Crop to fill the widget instead of leaving edges.
        edge: With a light outline, for a tile on another picture.
    """

    def __init__(
        self, name: str, *, mirrored: bool = False, fill: bool = True, edge: bool = False
    ) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._mirrored = mirrored
        self._fill = fill
        self._edge = edge
        self._image: QImage | None = None
        self._bytes = b""
        self._words = ""
        self._source: FrameSource | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.poll)
        self.frames_shown = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, not edge)

    def sizeHint(self) -> QSize:
        """A tile's size; layouts stretch it."""
        return QSize(*sizes.TILE)

    def set_source(self, source: FrameSource | None) -> None:
        """Follow a stream; None keeps the last picture on the screen."""
        if source is self._source:
            return
        self._source = source
        if source is None:
            self._timer.stop()
        elif self.isVisible():
            self._timer.start()

    def set_words(self, words: str) -> None:
        """Say this in the middle while there is no picture."""
        if words != self._words:
            self._words = words
            self.update()

    def present(self, image: QImage) -> None:
        """Draw this picture."""
        self._image = image
        self.frames_shown += 1
        self.update()

    def forget(self) -> None:
        """Show no picture."""
        self._image = None
        self.update()

    def has_picture(self) -> bool:
        """Whether one is shown."""
        return self._image is not None

    def grab_image(self) -> QImage | None:
        """Return the picture as shown, for a still."""
        return self._image.copy() if self._image is not None else None

    def poll(self) -> None:
        """Fetch the newest picture, if there is a newer one."""
        if self._source is None:
            return
        frame = self._source.newest()
        if frame is None:
            return
        # QImage does not copy: the bytes live as long as the picture is shown.
        self._bytes = frame.data
        image = QImage(
            self._bytes, frame.width, frame.height, frame.stride, QImage.Format.Format_RGB888
        )
        self.present(image)

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for pictures only while somebody can see them."""
        super().showEvent(event)
        if self._source is not None:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop asking."""
        super().hideEvent(event)
        self._timer.stop()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw picture or words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        if not self._edge:
            painter.fillRect(area, colour("bg"))
        shape = QPainterPath()
        shape.addRoundedRect(area, sizes.RADIUS_CARD, sizes.RADIUS_CARD)
        painter.setClipPath(shape)
        painter.fillRect(area, colour("stage2" if self._edge else "stage"))
        if self._image is not None:
            self._draw_picture(painter, area, self._image)
        elif self._words:
            painter.setPen(colour("onStage2"))
            painter.setFont(font("label" if self._edge else "title"))
            centre = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(
                area.adjusted(sizes.M, sizes.M, -sizes.M, -sizes.M), centre, self._words
            )
        if self._edge:
            painter.setClipping(False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("tileEdge"), sizes.STROKE_FOCUS))
            painter.drawRoundedRect(
                area.adjusted(1, 1, -1, -1), sizes.RADIUS_CONTROL, sizes.RADIUS_CONTROL
            )

    def _draw_picture(self, painter: QPainter, area: QRectF, image: QImage) -> None:
        across, down = area.width() / image.width(), area.height() / image.height()
        scale = max(across, down) if self._fill else min(across, down)
        width, height = image.width() * scale, image.height() * scale
        target = QRectF((area.width() - width) / 2, (area.height() - height) / 2, width, height)
        if self._mirrored:
            painter.translate(area.width(), 0)
            painter.scale(-1, 1)
        painter.drawImage(target, image)
        painter.resetTransform()
