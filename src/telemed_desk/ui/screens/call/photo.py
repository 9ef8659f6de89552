"""One photo in full, over the call screen: opened from this PC, or brought from the server."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from telemed_desk.ui import words
from telemed_desk.ui.screens.call.state import PhotoTile
from telemed_desk.ui.text import t
from telemed_desk.workflow.photo_opening import OpenedPhoto


class PhotoPort(Protocol):
    """What this needs of the workflow's session."""

    def open(self, photo: bytes, show: Callable[[OpenedPhoto], None]) -> None:
        """Open one; ``show`` is called on the GUI thread, several times while it arrives."""
        ...


@dataclass(frozen=True, slots=True)
class OpenPhoto:
    """What is shown; ``jpeg`` is the preview until the photo itself is here."""

    entity: bytes
    title: str
    jpeg: bytes = field(repr=False)
    words: str = ""
    problem: str = ""
    problem_words: str = ""
    working: bool = True


class PhotoPresenter:
    """Decides what of a photo is shown. GUI thread.

    Args:
        port: Opens photos.
        show: Gets every new state; None = closed.
    """

    def __init__(self, port: PhotoPort, show: Callable[[OpenPhoto | None], None]) -> None:
        self._port = port
        self._show = show
        self.state: OpenPhoto | None = None

    def _set(self, state: OpenPhoto | None) -> None:
        self.state = state
        self._show(state)

    def open(self, tile: PhotoTile) -> None:
        """Show a photo: its preview at once, the photo itself when it is here."""
        title = t("call.photo.name", label=tile.label)
        self._set(OpenPhoto(tile.entity, title, tile.preview_jpeg, t("call.photo.opening")))
        self._port.open(tile.entity, self._arrived)

    def again(self) -> None:
        """Try once more; what came already is not asked for again."""
        if self.state is not None and not self.state.working:
            self._set(
                replace(
                    self.state,
                    words=t("call.photo.opening"),
                    problem="",
                    problem_words="",
                    working=True,
                )
            )
            self._port.open(self.state.entity, self._arrived)

    def close(self) -> None:
        """It was looked at: the picture is forgotten here. One that is arriving arrives."""
        if self.state is not None:
            self._set(None)

    def _arrived(self, opened: OpenedPhoto) -> None:
        if self.state is None or opened.photo != self.state.entity:
            return
        if opened.problem is not None:
            problem = opened.problem
            self._set(
                replace(
                    self.state,
                    words="",
                    problem=problem.sentence,
                    problem_words=problem.next_step,
                    working=False,
                )
            )
        elif opened.jpeg:
            said = _state_words(opened)
            self._set(replace(self.state, jpeg=opened.jpeg, words=said, working=False))
        else:
            got, of = words.size(opened.received), words.size(opened.size)
            self._set(replace(self.state, words=t("call.photo.fetching", got=got, of=of)))


def _state_words(opened: OpenedPhoto) -> str:
    """Say where the photo is, in the words of the Sync screen; nothing of another PC's."""
    if opened.receipt_ms is not None:
        return t("sync.state.sent_at", time=words.clock(opened.receipt_ms))
    return t(f"sync.state.{opened.state}") if opened.state else ""
