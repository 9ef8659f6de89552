"""The one place where JPEG bytes become a picture in this process.

Only JPEGs of the kind that our own encoder writes get that far
(:mod:`telemed_desk.clinical.plain_jpeg`); Qt is told the format, so that it tries no other decoder.
"""

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from telemed_desk.clinical.plain_jpeg import NotPlain, plain_jpeg_size


def picture(jpeg: bytes, room: QSize, how: Qt.AspectRatioMode) -> QImage:
    """Decode a JPEG at about the size it is shown in; null when it is none of ours.

    Args:
        jpeg: A photo, a preview or a thumbnail.
        room: Where it shall go, in pixels.
        how: Whether it fits inside, or fills all of it.
    """
    try:
        width, height = plain_jpeg_size(jpeg)
    except NotPlain:
        return QImage()
    buffer = QBuffer()
    buffer.setData(QByteArray(jpeg))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"jpeg"))
    reader.setAutoDetectImageFormat(False)
    # Scaled while it is decoded: a photo of a phone takes a third of the time so (docs/adr/0026).
    reader.setScaledSize(QSize(width, height).scaled(room, how).expandedTo(QSize(1, 1)))
    return reader.read()
