"""A photo's preview as a button, and the photo in full over the window."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from telemed_desk.ui.screens.call.photo import OpenPhoto
from telemed_desk.ui.screens.call.state import PhotoTile
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.layouts import row
from telemed_desk.ui.widgets.pictures import picture


class Thumbnail(QAbstractButton):
    """A preview that opens its photo, by mouse or by key."""

    def __init__(self, photo: PhotoTile) -> None:
        super().__init__()
        self.setFixedSize(*sizes.PHOTO)
        self.setAccessibleName(t("call.photo.name", label=photo.label))
        self.setToolTip(t("call.photo.open", label=photo.label))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        fill = Qt.AspectRatioMode.KeepAspectRatioByExpanding
        image = picture(photo.thumb_jpeg or photo.preview_jpeg, self.size(), fill)
        self._pixmap = QPixmap.fromImage(image)
        chip = Chip(photo.label, "plate")
        chip.setParent(self)
        chip.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        chip.adjustSize()
        chip.move(sizes.XS, sizes.PHOTO[1] - chip.height() - sizes.XS)

    def sizeHint(self) -> QSize:
        """Always one size."""
        return QSize(*sizes.PHOTO)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the middle of the preview."""
        over = self._pixmap.size() - self.size()
        QPainter(self).drawPixmap(QPoint(-over.width() // 2, -over.height() // 2), self._pixmap)


class PhotoDialog(Dialog):
    """One photo, as large as the window lets it be.

    Args:
        parent: The window.
        again: Called when it shall be tried once more.
    """

    def __init__(self, parent: QWidget, state: OpenPhoto, again: Callable[[], object]) -> None:
        super().__init__(parent, state.title, state.words, t("button.close"))
        self._room = QSize(
            parent.width() * sizes.PHOTO_SHARE // 100, parent.height() * sizes.PHOTO_SHARE // 100
        )
        self.banner = Banner("warn")
        self.picture = QLabel()
        self.picture.setAccessibleName(state.title)
        self.again = Button(t("call.photo.again"), "primary")
        self.again.clicked.connect(again)
        self.add(self.banner)
        self.add(row(None, self.picture, None))
        self.add_action(self.again)
        self._jpeg = b""

    def show_state(self, state: OpenPhoto) -> None:
        """Show the preview, the photo, or why it is not here."""
        self.set_words(state.words)
        self.banner.show_words(state.problem, state.problem_words)
        self.again.setVisible(bool(state.problem))
        if state.jpeg != self._jpeg:
            self._jpeg = state.jpeg
            image = picture(state.jpeg, self._room, Qt.AspectRatioMode.KeepAspectRatio)
            if not image.isNull():
                self.picture.setPixmap(QPixmap.fromImage(image))


class PhotoWindow:
    """Opens, fills and closes the dialog as the presenter says.

    Args:
        over: Lies in the window that the dialog belongs to.
        again: Called when a photo shall be tried once more.
        closed: Called when the dialog was closed.
    """

    def __init__(
        self, over: QWidget, again: Callable[[], object], closed: Callable[[], object]
    ) -> None:
        self._over = over
        self._again = again
        self._closed = closed
        self.dialog: PhotoDialog | None = None

    def show_state(self, state: OpenPhoto | None) -> None:
        """Show it; None = close."""
        if state is None:
            # Forgotten first: closing says so once more, and that leads back here.
            dialog, self.dialog = self.dialog, None
            if dialog is not None:
                dialog.close()
            return
        if self.dialog is None:
            self.dialog = PhotoDialog(self._over.window(), state, self._again)
            self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.dialog.finished.connect(lambda _result: self._closed())
            self.dialog.show_state(state)
            self.dialog.open()
        else:
            self.dialog.show_state(state)
