"""The record's photos and its export: what is asked, what is said, and what is written."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyrage
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.notes import Note, NoteText
from telemed_desk.clinical.people import Patient
from telemed_desk.clinical.record_copy import CopiedNote, CopiedPhoto, CopiedVisit, RecordCopy
from telemed_desk.desk import Post
from telemed_desk.ui.gallery_search import LAST
from telemed_desk.ui.record_pdf import record_html, record_pdf
from telemed_desk.ui.screens.record.export import ExportPresenter, State
from telemed_desk.ui.screens.record.export_view import ExportDialog
from telemed_desk.ui.screens.record.extras import ExportPart, PhotoStrip, RecordExtras
from telemed_desk.ui.shell.window import Shell
from telemed_desk.vault.age_file import AgeSecret
from telemed_desk.vault.record_export import Exported, PlaceRefused, exports_of
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.exporting import ExportResult, Format
from telemed_desk.workflow.photo_opening import PhotoOpening
from telemed_protocol.ids import new_id
from tests.ui.test_photo_in_full import Opens, jpeg
from tests.vault.vault_kit import booking, make_place, patient_set

GOOD = "granite otter velvet lantern"
ME = pyrage.x25519.Identity.generate()
PATIENT = b"p" * 16
AT = 1_790_000_000_000


class Port:
    """Stands where the workflow is; the test says how it went."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Path, Format, AgeSecret]] = []
        self.done: Callable[[ExportResult], None] = lambda _result: None

    def export(
        self,
        patient: bytes,
        out: Path,
        form: Format,
        secret: AgeSecret,
        done: Callable[[ExportResult], None],
    ) -> None:
        self.asked.append((patient, out, form, secret))
        self.done = done


class Asked:
    def __init__(self, chosen: str = "/there/record.age") -> None:
        self.port = Port()
        self.chosen = chosen
        self.proposed: list[str] = []
        self.states: list[State | None] = []
        self.said: list[str] = []
        self.presenter = ExportPresenter(self.port, self._ask, self.states.append, self.said.append)
        self.presenter.open(PATIENT, "Jua Mfano")

    def _ask(self, proposed: str) -> str:
        self.proposed.append(proposed)
        return self.chosen

    @property
    def state(self) -> State:
        assert self.presenter.state is not None
        return self.presenter.state


def test_what_an_export_means_is_said_before_anything_can_be_chosen() -> None:
    words = Asked().state.words
    assert "Jua Mfano" in words
    assert "leaves the protection" in words
    assert "recorded, with your name" in words


@pytest.mark.parametrize(
    ("typed", "again", "wrong"),
    [("short", "short", "error"), ("", "", "error"), (GOOD, GOOD + "x", "again_error")],
)
def test_a_weak_or_mistyped_passphrase_seals_nothing(typed: str, again: str, wrong: str) -> None:
    desk = Asked()
    desk.presenter.write(typed, again)
    assert getattr(desk.state, wrong)
    assert (desk.proposed, desk.port.asked) == ([], [])
    desk.presenter.typed()
    assert not desk.state.error + desk.state.again_error
    assert all(typed not in repr(state) for state in desk.states if typed)


def test_form_and_recipient_reach_the_workflow() -> None:
    desk = Asked()
    desk.presenter.choose_form("fhir")
    desk.presenter.choose_kind("recipient")
    for wrong in ("", "age1wrong"):
        desk.presenter.write(wrong, "")
        assert desk.state.error
    desk.presenter.write(f" {str(ME.to_public()).upper()} ", "")
    assert desk.proposed == ["record.ndjson.age"]
    ((patient, out, form, secret),) = desk.port.asked
    assert (patient, out, form) == (PATIENT, Path(desk.chosen), "fhir")
    assert secret == AgeSecret(recipient=str(ME.to_public()))
    assert desk.state.working
    desk.presenter.write(GOOD, GOOD)
    assert len(desk.port.asked) == 1


def test_no_place_chosen_writes_nothing_and_a_failure_can_be_tried_again() -> None:
    desk = Asked(chosen="")
    desk.presenter.write(GOOD, GOOD)
    assert desk.port.asked == []
    desk.chosen = "/there/r.age"
    desk.presenter.write(GOOD, GOOD)
    desk.port.done(ExportResult(problem=PlaceRefused()))
    assert desk.state.problem == PlaceRefused.sentence
    assert not desk.state.working
    desk.presenter.write(GOOD, GOOD)
    assert len(desk.port.asked) == 2
    desk.port.done(ExportResult(Exported(Path("/there/r.age"), 20_000, 2)))
    assert desk.presenter.state is None
    assert desk.said[0].startswith("The sealed record is in r.age, 20 kB. 2 photos are in it as ")


def test_a_dialog_that_was_closed_while_writing_still_says_what_was_written() -> None:
    desk = Asked()
    desk.presenter.write(GOOD, GOOD)
    desk.presenter.close()
    desk.port.done(ExportResult(Exported(Path("/there/r.age"), 20_000, 0)))
    assert desk.said == ["The sealed record is in r.age, 20 kB."]


def test_the_dialog_forgets_what_was_typed(qtbot: QtBot) -> None:
    dialog = ExportDialog(None, State("words"))
    qtbot.addWidget(dialog)
    wanted: list[tuple[str, str]] = []
    dialog.wanted.connect(lambda *typed: wanted.append(typed))
    dialog.open()
    qtbot.keyClicks(dialog.passphrase.edit, GOOD)
    qtbot.keyClicks(dialog.again.edit, GOOD)
    qtbot.keyClick(dialog.again.edit, Qt.Key.Key_Return)
    assert wanted == [(GOOD, GOOD)]
    dialog.show_state(State("words", by_recipient=True, error="no"))
    assert dialog.recipient.isVisible()
    assert not dialog.passphrase.isVisible()
    dialog.close()
    assert dialog.passphrase.text == dialog.again.text == ""


# ---- with a real vault ---------------------------------------------------------------------------


def test_the_record_shows_its_photos_and_exports_from_the_window(
    qtbot: QtBot, tmp_path: Path
) -> None:
    place = make_place(tmp_path / "vault")
    vault, patient, visit = place.vault, new_id(), new_id()
    vault.commit(patient_set(patient, given_name="Jua"), booking(visit, patient)).result()
    vault.put_photo(
        visit, jpeg("red", 640, 480), jpeg("red"), 640, 480, source="page", at_ms=AT,
        thumb_jpeg=jpeg("red", 16, 12),
    ).result()  # fmt: skip
    bugs: list[BaseException] = []
    core = CoreThread(Post(), bugs.append)
    core.start()
    opens, out = Opens(), tmp_path / "record.pdf.age"
    photos = SimpleNamespace(open=opens.open, of=_photos_of(core, vault))
    session = SimpleNamespace(core=core, vault=vault, photos=photos)
    shell, strip, part = Shell(), PhotoStrip(), ExportPart()
    qtbot.addWidget(shell)
    for widget in (strip, part):
        qtbot.addWidget(widget)
    extras = RecordExtras(shell, session, strip, part, ask=lambda *_: str(out))  # type: ignore[arg-type]
    try:
        extras.patient(patient)
        extras.shown("Jua", visit)
        qtbot.waitUntil(lambda: len(strip.thumbnails) == 1, timeout=20_000)
        qtbot.mouseClick(strip.thumbnails[0], Qt.MouseButton.LeftButton)
        (asked,) = opens.asked
        assert asked == vault.photos_of(visit)[0].entity
        part.button.click()
        dialog = extras.dialog
        assert dialog is not None
        dialog.kind_chosen.emit("recipient")
        dialog.recipient.edit.setText(str(ME.to_public()))
        dialog.write.click()
        qtbot.waitUntil(lambda: extras.dialog is None, timeout=60_000)
        assert pyrage.decrypt(out.read_bytes(), [ME]).startswith(b"%PDF")
        (done,) = exports_of(vault, patient)
        assert (done.by, done.sealed_for) == (vault.clinician.entity, str(ME.to_public()))
        qtbot.waitUntil(lambda: place.clinician.name in part.last.text(), timeout=20_000)
        extras.leave()
        assert strip.thumbnails == []
        assert bugs == []
    finally:
        core.stop()
        place.close()


def _photos_of(core: CoreThread, vault: object) -> Callable[..., None]:
    return PhotoOpening(core, vault, None).of  # type: ignore[arg-type]


# ---- the PDF -------------------------------------------------------------------------------------


def record(*photos: CopiedPhoto) -> RecordCopy:
    note = Note(b"n" * 16, LAST.entity, NoteText("itches <b>5 mg</b>\nat night"), 1, b"d" * 16, AT)
    visit = CopiedVisit(LAST, (CopiedNote(note, (note.text,)),), photos)
    patient = Patient(PATIENT, "Jua", "Mfano", "TD-7", 1961, remarks="<script>")
    return RecordCopy(
        patient, ("penicillin",), ("metformin",), (visit,), {}, b"", "Kielelezo", "", AT, b"d" * 16
    )


def test_the_pdf_holds_text_as_text_and_the_photos(qtbot: QtBot) -> None:
    words = record_html(record())
    assert "itches &lt;b&gt;5 mg&lt;/b&gt;<br/>at night" in words
    assert "&lt;script&gt;" in words
    for said in ("penicillin", "metformin", "TD-7", "no longer protected"):
        assert said in words
    without = record_pdf(record())
    photo = CopiedPhoto(b"f" * 16, AT, jpeg("blue", 320, 240))
    assert without.startswith(b"%PDF")
    assert b"/Subtype /Image" not in without
    assert b"/Subtype /Image" in record_pdf(record(photo))
    # What is no JPEG of ours is named, and never given to a decoder.
    strange = CopiedPhoto(b"f" * 16, AT, b"GIF89a" + bytes(100), whole=False)
    assert b"/Subtype /Image" not in record_pdf(record(strange))
    assert "preview only" in record_html(record(strange))
