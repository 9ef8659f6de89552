"""The gallery's scenes of a record with photos, and of its export. Fictional patients."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from telemed_desk.ui.gallery_call import jpeg
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.gallery_search import LAST, NYAMBURA, RECORD, Finds
from telemed_desk.ui.screens.call.state import PhotoTile
from telemed_desk.ui.screens.record.about import AboutPresenter
from telemed_desk.ui.screens.record.export import ExportPresenter, State
from telemed_desk.ui.screens.record.export_view import ExportDialog
from telemed_desk.ui.screens.record.extras import ExportPart, PhotoStrip
from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.view import RecordView
from telemed_desk.vault.record_export import PlaceRefused
from telemed_desk.workflow.exporting import AgeSecret, ExportResult, Format, LastExport
from telemed_desk.workflow.finding import SearchResult

Scene = Callable[[], QWidget]
Framed = Callable[[str, QWidget], QWidget]
PHOTOS = 7


class _Writes:
    """Answers at once that the place does not take it."""

    def export(
        self,
        _patient: bytes,
        _out: Path,
        _form: Format,
        _secret: AgeSecret,
        done: Callable[[ExportResult], None],
    ) -> None:
        """Write nothing."""
        done(ExportResult(problem=PlaceRefused()))


def _record(framed: Framed) -> Scene:
    def scene() -> QWidget:
        view, strip, part = RecordView(), PhotoStrip(), ExportPart()
        view.note.add(strip)
        view.head.addWidget(part)
        finds = Finds(SearchResult())
        about = AboutPresenter(
            finds, lambda: NOW_MS, view.about.show_state, lambda _words, _undo: None
        )
        presenter = RecordPresenter(
            finds, lambda: NOW_MS, view.show_state, finds,
            lambda read: about.read(read.patient, read.about),
        )  # fmt: skip
        presenter.open(RECORD.visits[0].consultation.patient, LAST.entity, "")
        picture = jpeg()
        strip.show_photos([PhotoTile(bytes([n]) * 16, picture, "10:36") for n in range(PHOTOS)])
        part.show_last(LastExport(NOW_MS, "Dr Achieng Odera"))
        return framed("record", view)

    return scene


def _dialog(record: Scene, act: Callable[[ExportPresenter], None]) -> Scene:
    def scene() -> QWidget:
        window = record()
        shown: list[State | None] = []
        presenter = ExportPresenter(
            _Writes(), lambda proposed: proposed, shown.append, lambda _words: None
        )
        presenter.open(NYAMBURA.entity, NYAMBURA.name)
        act(presenter)
        state = presenter.state
        if state is None:
            raise LookupError("no dialog")
        ExportDialog(window, state).open()
        return window

    return scene


def _recipient(presenter: ExportPresenter) -> None:
    presenter.choose_form("fhir")
    presenter.choose_kind("recipient")
    presenter.write("age1wrong", "")


def _refused(presenter: ExportPresenter) -> None:
    presenter.write("granite otter velvet lantern", "granite otter velvet lantern")


def export_scenes(framed: Framed) -> dict[str, Scene]:
    """Return the scenes; the dialogs stand over the record."""
    record = _record(framed)
    return {
        "15-record-photos": record,
        "16-export": _dialog(record, lambda _presenter: None),
        "16-export-recipient": _dialog(record, _recipient),
        "16-export-refused": _dialog(record, _refused),
    }
