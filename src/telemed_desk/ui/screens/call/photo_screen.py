"""Puts the photo's presenter and its window together, over the call screen."""

from telemed_desk.ui.screens.call.photo import PhotoPort, PhotoPresenter
from telemed_desk.ui.screens.call.photo_view import PhotoWindow
from telemed_desk.ui.screens.call.view import CallView


class PhotoScreen:
    """Opens a photo that is pressed in the strip. GUI thread.

    Args:
        view: The call screen.
        port: Opens photos.
    """

    def __init__(self, view: CallView, port: PhotoPort) -> None:
        self.window = PhotoWindow(view, self._again, self._closed)
        self.presenter = PhotoPresenter(port, self.window.show_state)
        view.photo_opened.connect(self.presenter.open)

    def leave(self) -> None:
        """Nothing of a patient stays on the screen of a locked PC."""
        self.presenter.close()

    def _again(self) -> None:
        self.presenter.again()

    def _closed(self) -> None:
        self.presenter.close()
