"""Puts the photo's presenter and its window together, over a widget that shows previews."""

from typing import Protocol, cast

from PySide6.QtCore import SignalInstance
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.call.photo import PhotoPort, PhotoPresenter
from telemed_desk.ui.screens.call.photo_view import PhotoWindow


class ShowsPhotos(Protocol):
    """A widget with previews; ``photo_opened`` carries the tile that was pressed."""

    @property
    def photo_opened(self) -> SignalInstance:
        """A preview was pressed."""
        ...


class PhotoScreen:
    """Opens a photo that is pressed. GUI thread.

    Args:
        view: Shows the previews; a widget.
        port: Opens photos.
    """

    def __init__(self, view: ShowsPhotos, port: PhotoPort) -> None:
        self.window = PhotoWindow(cast("QWidget", view), self._again, self._closed)
        self.presenter = PhotoPresenter(port, self.window.show_state)
        view.photo_opened.connect(self.presenter.open)

    def leave(self) -> None:
        """Nothing of a patient stays on the screen of a locked PC."""
        self.presenter.close()

    def _again(self) -> None:
        self.presenter.again()

    def _closed(self) -> None:
        self.presenter.close()
