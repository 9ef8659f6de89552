"""The steps of the tour, in the order in which a doctor and a patient take them."""

import time
from collections.abc import Callable
from concurrent.futures import Future

from PySide6.QtCore import Qt

from telemed_desk import practice
from telemed_desk.clinical.notes import Section
from telemed_desk.workflow import practice_data
from telemed_desk.workflow.clock import wall_ms
from tests.end_to_end.tour_desk import TourDesk, TourFailed
from tests.end_to_end.tour_patient import TourPatient

YEAR = 1959
CTRL, NONE = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
NOTE = {
    Section.SUBJECTIVE: "Pain in the left chest wall is better since the dose went up on Thursday.",
    Section.OBJECTIVE: "Comfortable at rest, speaks in full sentences.",
    Section.ASSESSMENT: "Pain improving, not yet at goal.",
    Section.PLAN: "Go on as now. Nurse visit on Thursday.",
}


class Walk:
    """Takes the steps; each returns what a reader of the report wants to know."""

    def __init__(
        self, desk: TourDesk, patient: TourPatient, server: practice.PracticeServer
    ) -> None:
        self._desk = desk
        self._patient = patient
        self._server = server
        self._consultation = b""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return names and actions in order."""
        return [
            ("Set up this PC", self.set_up),
            ("Recovery code", self.recovery),
            ("Today", self.today),
            ("Lock", self.lock),
            ("Unlock", self.unlock),
            ("Self-check", self.self_check),
            ("Patient's link", self.link),
            ("Patient arrives", self.arrive),
            ("Admit", self.admit),
            ("Picture and sound both ways", self.both_ways),
            ("Note typed", self.note),
            ("Photo taken", self.photo),
            ("End", self.end),
            ("Sign", self.sign),
            ("Sync, receipt", self.receipt),
        ]

    # ---- this PC -------------------------------------------------------------------------------

    def set_up(self) -> str:
        """Fill the form as a person would."""
        desk = self._desk
        view = desk.desk.locked.set_up_view
        desk.until(view.isVisible, "the set-up screen")
        view.server_url.edit.clear()
        for field, text in (
            (view.server_url, self._server.origin),
            (view.code, practice.founding_code(self._server.data)),
            (view.clinic_name, practice_data.CLINIC_NAME),
            (view.clinic_phone, practice_data.CLINIC_PHONE),
            (view.clinician_name, practice_data.CLINICIAN),
            (view.role, practice_data.CLINICIAN_ROLE),
            (view.pc_label, "Room 4"),
            (view.passphrase, practice_data.PASSPHRASE),
            (view.repeat, practice_data.PASSPHRASE),
        ):
            desk.type_into(field.edit, text)
        return "form filled"

    def recovery(self) -> str:
        """Set up; the recovery code is shown once."""
        desk = self._desk
        view = desk.desk.locked.set_up_view
        desk.click(view.button)
        presenter = desk.desk.locked.set_up
        desk.until(
            lambda: (
                presenter.state.recovery_code or presenter.state.errors or presenter.state.problem
            ),
            "the recovery code",
        )
        if not presenter.state.recovery_code:
            raise TourFailed(f"{presenter.state.errors} {presenter.state.problem}")
        return "code shown once"

    def today(self) -> str:
        """Write the code down, go on, and put the fictional day into the vault."""
        desk = self._desk
        view = desk.desk.locked.set_up_view
        view.tick.click()
        desk.click(view.done)
        desk.until(lambda: desk.desk.session is not None, "a session")
        vault = desk.session.vault
        drafts = practice_data.practice_ops(
            vault.clinic or b"", vault.clinician.entity, vault.identity.device, wall_ms()
        )
        vault.commit(*drafts).result(30)
        desk.until(lambda: len(desk.screens.today.state.next_rows) > 3, "the day's bookings")
        desk.until(lambda: desk.session.status.value.link == "online", "the server")
        return f"{len(desk.screens.today.state.next_rows)} bookings"

    def lock(self) -> str:
        """Lock with the keyboard."""
        desk = self._desk
        desk.press(Qt.Key.Key_L, CTRL)
        desk.until(lambda: desk.desk.shell.current == "unlock", "the unlock screen")
        desk.until(
            lambda: not desk.words_with("Mfano", "Kielelezo", "Jaribio"), "no patient's name"
        )
        return "no patient's name is left in the window"

    def unlock(self) -> str:
        """A wrong passphrase first, then the right one."""
        desk = self._desk
        view, presenter = desk.desk.locked.unlock_view, desk.desk.locked.unlock
        desk.type_into(view.passphrase.edit, "not the passphrase")
        desk.click(view.button)
        desk.until(lambda: presenter.state.error, "the wrong passphrase is refused")
        view.passphrase.edit.clear()
        desk.type_into(view.passphrase.edit, practice_data.PASSPHRASE)
        started = time.monotonic()
        desk.press(Qt.Key.Key_Return)
        desk.until(lambda: desk.desk.shell.current == "today", "Today")
        return f"wrong one refused; right one in {time.monotonic() - started:.1f} s"

    def self_check(self) -> str:
        """Let it run to a verdict."""
        desk = self._desk
        desk.press(Qt.Key.Key_3, CTRL)
        desk.until(lambda: desk.desk.shell.current == "self_check", "the self-check")
        check = desk.session.checking.state
        screen = desk.screens.check
        desk.until(lambda: not screen.state.running and screen.state.when, "the first check ends")
        desk.press(Qt.Key.Key_F9)
        desk.until(lambda: screen.state.running, "the check runs")
        desk.until(lambda: not screen.state.running, "a verdict")
        desk.until(lambda: desk.screens.check_view.preview.has_picture, "the own picture")
        assert check.value.verdict is not None
        return check.value.verdict.sentence

    # ---- the visit -----------------------------------------------------------------------------

    def link(self) -> str:
        """Take the first patient's link from the dialog and open it on the phone."""
        desk = self._desk
        desk.press(Qt.Key.Key_1, CTRL)
        desk.until(lambda: desk.desk.shell.current == "today", "Today")
        first = desk.screens.today.state.next_rows[0]
        self._consultation = first.entity
        desk.screens.today.open_link(first.entity)
        desk.until(
            lambda: desk.screens.today.state.link and desk.screens.today.state.link.url, "it"
        )
        shown = desk.screens.today.state.link
        assert shown is not None
        self._wait(self._patient.open(shown.url), "the page opens")
        return f"for {first.name}"

    def arrive(self) -> str:
        """The patient says who they are, agrees, and waits."""
        desk = self._desk
        dialog = desk.dialog()
        if dialog is not None:
            dialog.reject()
        self._wait(self._patient.join(YEAR), "the patient joins")
        rows = desk.screens.today
        desk.until(lambda: rows.state.waiting, "somebody waits")
        desk.until(
            lambda: any(a.kind != "unflag" and a.enabled for a in rows.state.waiting[0].actions),
            "the visit can start",
        )
        return f"{rows.state.waiting[0].rung_word}, {rows.state.waiting[0].waited}"

    def admit(self) -> str:
        """Start with the keyboard; the call screen opens."""
        desk = self._desk
        started = time.monotonic()
        desk.press(Qt.Key.Key_N, CTRL)
        desk.until(lambda: desk.desk.shell.current == "call", "the call screen")
        desk.until(lambda: self._visit.phase == "connected", "connected")
        desk.until(lambda: desk.screens.call_view.stage.remote.has_picture, "the patient's picture")
        return f"patient's picture after {time.monotonic() - started:.1f} s"

    def both_ways(self) -> str:
        """Pictures move and sound is heard on both sides."""
        desk = self._desk
        tile = desk.screens.call_view.stage.remote
        before = tile.frames_shown
        desk.until(lambda: tile.frames_shown > before + 10, "pictures move here")
        desk.until(lambda: self._visit.speaker_dbfs > -60, "the patient is heard here")
        self._wait(self._patient.sees_and_hears(), "pictures and sound there")
        stats = self._visit.stats
        size = f"{stats.shown_width}x{stats.shown_height}" if stats else ""
        return f"{size} here, {desk.screens.call.state.link.word}"

    def note(self) -> str:
        """Type all four sections; every word is on disk before the screen says so."""
        desk = self._desk
        for section, text in NOTE.items():
            desk.type_into(desk.screens.call_view.editor.fields[section], text)
        note = desk.session.note
        desk.until(
            lambda: note.value is not None and note.value.saved_ms and not note.value.unsaved,
            "saved on this PC",
        )
        assert note.value is not None
        for section, text in NOTE.items():
            if note.value.text.section(section) != text:
                raise TourFailed(f"section {section.value} differs")
        return f"{sum(map(len, NOTE.values()))} characters on disk"

    def photo(self) -> str:
        """Ask for a photo; the patient agrees and takes it."""
        desk = self._desk
        desk.press(Qt.Key.Key_F8)
        self._wait(self._patient.take_photo(), "the patient takes the photo")
        desk.until(lambda: desk.screens.call.state.photos, "the photo is in the vault, and shown")
        photo = desk.session.vault.photos_of(self._consultation)[0]
        return f"{photo.width}x{photo.height}"

    def end(self) -> str:
        """End the call with the keyboard."""
        desk = self._desk
        desk.press(Qt.Key.Key_E, CTRL | SHIFT)
        desk.until(lambda: self._visit.phase == "ended", "ended here")
        self._wait(self._patient.ended(), "ended there")
        return "both sides say so"

    def sign(self) -> str:
        """Review, sign and lock the note."""
        desk = self._desk
        desk.press(Qt.Key.Key_Return, CTRL)
        desk.until(lambda: desk.screens.call.state.sign is not None, "the question")
        desk.click(desk.button("Sign and lock", desk.dialog()))
        note = desk.session.note
        desk.until(lambda: note.value is not None and note.value.signed is not None, "signed")
        assert note.value is not None
        assert note.value.signed is not None
        return f"signature {note.value.signed.signature_code}"

    def receipt(self) -> str:
        """Watch the note reach the server."""
        desk = self._desk
        vault = desk.session.vault
        desk.until(lambda: vault.outbox().count == 0, "everything has a receipt")
        note = vault.note_of(self._consultation)
        assert note is not None
        sent = vault.sync_of(note.entity)
        if sent is None or sent.receipt_ms is None:
            raise TourFailed("the note has no receipt")
        desk.click(desk.screens.call_view.back_button)
        desk.until(lambda: desk.desk.shell.current == "today", "Today")
        desk.press(Qt.Key.Key_2, CTRL)
        desk.until(lambda: desk.desk.shell.current == "sync", "Sync")
        desk.until(lambda: desk.session.status.value.waiting_to_sync == 0, "nothing waits")
        return f"server's log at {vault.cursor().sseq}"

    @property
    def _visit(self):  # type: ignore[no-untyped-def] # noqa: ANN202 - VisitState, never None here
        visit = self._desk.session.visit.value
        if visit is None:
            raise TourFailed("no visit is open")
        return visit

    def _wait(self, done: "Future[None]", what: str) -> None:
        self._desk.until(done.done, what)
        done.result()
