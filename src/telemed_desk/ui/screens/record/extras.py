"""What the record shows beside the notes: the visit's photos, and the export. GUI thread."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, Signal
from PySide6.QtWidgets import QWidget

from telemed_desk.ui import words
from telemed_desk.ui.record_pdf import record_pdf
from telemed_desk.ui.screens.call.photo_screen import PhotoScreen
from telemed_desk.ui.screens.call.photo_view import Thumbnail
from telemed_desk.ui.screens.call.state import PhotoTile
from telemed_desk.ui.screens.record.export import ExportPresenter, State
from telemed_desk.ui.screens.record.export_view import ExportDialog, ask_path
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, row, scroll
from telemed_desk.vault import Photo
from telemed_desk.workflow.exporting import Exporting, LastExport
from telemed_desk.workflow.session import Session


class PhotoStrip(QWidget):
    """The photos of the visit that is shown, in one line that scrolls."""

    photo_opened = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._line = row(gap=sizes.S)
        whole = row(self._line, None, gap=0, pad=(sizes.XL, sizes.M, sizes.XL, sizes.L))
        area = scroll(panel(whole))
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLayout(column(area, gap=0))
        self.setFixedHeight(sizes.PHOTO[1] + sizes.M + sizes.L + sizes.S)
        self.setAccessibleName(t("call.photos.of_visit"))
        self.thumbnails: list[Thumbnail] = []
        self._shown: tuple[PhotoTile, ...] = ()
        self.hide()

    def show_photos(self, photos: Sequence[PhotoTile]) -> None:
        """Show them; nothing takes no room."""
        if tuple(photos) == self._shown:
            return
        self._shown = tuple(photos)
        clear(self._line)
        self.thumbnails = []
        for photo in photos:
            thumbnail = Thumbnail(photo)
            thumbnail.clicked.connect(lambda *_, which=photo: self.photo_opened.emit(which))
            self.thumbnails.append(thumbnail)
            self._line.addWidget(thumbnail)
        self.setVisible(bool(photos))


class ExportPart(QWidget):
    """The button, and who exported this record last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = Text("", "caption", "third")
        self.button = Button(t("record.export"), icon="download")
        self.setLayout(row(self.last, self.button, gap=sizes.M))

    def show_last(self, last: LastExport | None) -> None:
        """Say who exported it last; nothing while nobody has."""
        said = ""
        if last is not None:
            said = t(
                "record.exported", day=words.day(last.at_ms), time=words.clock(last.at_ms),
                who=last.by,
            )  # fmt: skip
        self.last.setText(said)
        self.last.setVisible(bool(said))


class RecordExtras:
    """From unlock to lock; told what the record shows.

    Args:
        shell: The window.
        session: What is unlocked.
        strip: Where the photos go.
        part: Where the export is.
        ask: Asks where the file goes.
    """

    def __init__(
        self,
        shell: Shell,
        session: Session,
        strip: PhotoStrip,
        part: ExportPart,
        ask: Callable[[QWidget, str], str] = ask_path,
    ) -> None:
        self._shell = shell
        self._session = session
        self._strip = strip
        self._part = part
        self._ask_path = ask
        self._patient = self._visit = b""
        self._name = ""
        self.dialog: ExportDialog | None = None
        self._exporting = Exporting(session.core, session.vault, record_pdf)
        self.photo = PhotoScreen(strip, session.photos)
        self.presenter = ExportPresenter(
            self._exporting, self._ask, self._show, shell.say, self._look_for_exports
        )
        part.button.clicked.connect(lambda: self.presenter.open(self._patient, self._name))

    def patient(self, patient: bytes) -> None:
        """A record was read: another one, or the same one anew."""
        if patient != self._patient:
            self._patient = patient
            self._part.show_last(None)
            self._look_for_exports()
        self._part.setVisible(bool(self._name and patient))
        self._look_for_photos()

    def shown(self, name: str, visit: bytes) -> None:
        """The record shows this visit; empty = none."""
        self._name = name
        self._part.setVisible(bool(name and self._patient))
        if visit != self._visit:
            self._visit = visit
            self._strip.show_photos(())
            self._look_for_photos()

    def leave(self) -> None:
        """The PC locks: nothing of a patient stays on the screen."""
        self.photo.leave()
        self.presenter.close()
        self._patient = self._visit = b""
        self._strip.show_photos(())

    def _look_for_photos(self) -> None:
        visit = self._visit

        def found(photos: Sequence[Photo]) -> None:
            if visit == self._visit:
                self._strip.show_photos(
                    [PhotoTile(p.entity, p.preview, words.clock(p.at_ms), p.thumb) for p in photos]
                )

        if visit:
            self._session.photos.of(visit, found)

    def _look_for_exports(self) -> None:
        patient = self._patient

        def found(last: LastExport | None) -> None:
            if patient == self._patient:
                self._part.show_last(last)

        self._exporting.last(patient, found)

    def _ask(self, proposed: str) -> str:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return self._ask_path(self._shell, str(Path(folder) / proposed))

    def _show(self, state: State | None) -> None:
        if state is None:
            dialog, self.dialog = self.dialog, None
            if dialog is not None:
                dialog.close()
            return
        if self.dialog is None:
            self.dialog = ExportDialog(self._shell, state)
            self.dialog.form_chosen.connect(self.presenter.choose_form)
            self.dialog.kind_chosen.connect(self.presenter.choose_kind)
            self.dialog.typed.connect(self.presenter.typed)
            self.dialog.wanted.connect(self.presenter.write)
            self.dialog.finished.connect(self._closed)
            self.dialog.open()
        self.dialog.show_state(state)

    def _closed(self) -> None:
        self.dialog = None
        self.presenter.close()
