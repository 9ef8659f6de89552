"""Which screens there are, and what feeds them: before unlock, and with a session. GUI thread."""

from collections.abc import Callable

from telemed_desk import __version__
from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Verdict
from telemed_desk.ui import words
from telemed_desk.ui.screens.call.people import PeoplePresenter
from telemed_desk.ui.screens.call.photo_screen import PhotoScreen
from telemed_desk.ui.screens.call.presenter import CallPresenter
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.screens.joined.screen import JoinedScreen
from telemed_desk.ui.screens.search.screen import SearchScreen
from telemed_desk.ui.screens.self_check.screen import SelfCheckScreen
from telemed_desk.ui.screens.set_up.port import SetUpDoorPort
from telemed_desk.ui.screens.set_up.presenter import SetUpPresenter
from telemed_desk.ui.screens.set_up.view import SetUpView
from telemed_desk.ui.screens.sync.desks_screen import DesksScreen
from telemed_desk.ui.screens.sync.presenter import SyncPresenter
from telemed_desk.ui.screens.sync.view import SyncView
from telemed_desk.ui.screens.today.presenter import Booked, TodayPresenter
from telemed_desk.ui.screens.today.state import LostBanner
from telemed_desk.ui.screens.today.view import TodayView
from telemed_desk.ui.screens.unlock.port import DoorPort
from telemed_desk.ui.screens.unlock.presenter import Clinician, Place, UnlockPresenter
from telemed_desk.ui.screens.unlock.recovery_screen import RecoveryScreen
from telemed_desk.ui.screens.unlock.view import UnlockView
from telemed_desk.ui.screens.versions.screen import VersionsScreen
from telemed_desk.ui.shell.frames import open_frames
from telemed_desk.ui.shell.state import PAGES, Person, status_state
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.speaker_question import AskForSpeaker
from telemed_desk.ui.text import t
from telemed_desk.vault import Vault
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.day import Records
from telemed_desk.workflow.door import Door
from telemed_desk.workflow.self_check import SelfCheckState
from telemed_desk.workflow.session import Session
from telemed_desk.workflow.visit import VisitState
from telemed_desk.workflow.waiting_room import RoomView
from telemed_protocol.errors import KnownError

Opened = Callable[[Vault, str], None]


class LockedScreens:
    """Unlock, or set-up when this PC has no vault yet."""

    def __init__(
        self,
        shell: Shell,
        door: Door,
        *,
        opened: Opened,
        server_url: str,
        practice: bool = False,
        practice_passphrase: str = "",
    ) -> None:
        self._shell = shell
        self._door = door
        self.unlock_view = UnlockView()
        self.set_up_view = SetUpView()
        place = Place(version=__version__, practice=practice)
        self.unlock = UnlockPresenter(
            DoorPort(door, lambda vault: self._opened(vault, "", opened)),
            wall_ms,
            self.unlock_view.show_state,
            place,
        )
        self.set_up = SetUpPresenter(
            SetUpDoorPort(door, lambda vault, url: self._opened(vault, url, opened)),
            self.set_up_view.show_state,
            server_url=server_url,
        )
        self.recovery = RecoveryScreen(shell, door, lambda vault: self._opened(vault, "", opened))
        self.unlock_view.recovery_asked.connect(self.recovery.presenter.ask)
        self.unlock_view.chosen.connect(self.unlock.choose)
        self.unlock_view.typed.connect(self.unlock.typed)
        self.unlock_view.unlock.connect(self.unlock.unlock)
        self.unlock_view.typed_pin.connect(self.unlock.typed_pin)
        self.unlock_view.unlock_with_pin.connect(self.unlock.unlock_with_pin)
        self.set_up_view.way_chosen.connect(self.set_up.choose)
        self.set_up_view.submitted.connect(self.set_up.submit)
        self.set_up_view.written_down.connect(lambda yes: self.set_up.written_down(yes=yes))
        self.set_up_view.go_on.connect(self.set_up.go_on)
        shell.add_screen("unlock", self.unlock_view)
        shell.add_screen("set_up", self.set_up_view)
        self._practice = practice_passphrase

    def show(self) -> None:
        """Show the one that fits."""
        if not self._door.is_set_up:
            self.set_up_view.show_state(self.set_up.state)
            self._shell.open("set_up")
            self.set_up_view.focus_first()
            return
        try:
            known = self._door.clinicians()
        except KnownError as error:
            known = []
            self._shell.say(f"{error.sentence} {error.next_step}", warn=True)
        self.unlock.clinicians(
            [
                Clinician(
                    who.entity,
                    who.name,
                    who.role,
                    t("unlock.practice", passphrase=self._practice) if self._practice else "",
                )
                for who in known
            ]
        )
        self.unlock_view.show_state(self.unlock.state)
        self._shell.open("unlock")
        self.unlock_view.focus_first()

    def tick(self) -> None:
        """Once a second."""
        self.unlock.tick()

    def _opened(self, vault: Vault, server_url: str, opened: Opened) -> None:
        self.unlock_view.forget()
        opened(vault, server_url)


class OpenScreens:
    """Today, call, sync and self-check of one session."""

    def __init__(self, shell: Shell, session: Session, person: Person) -> None:
        self._shell = shell
        self._session = session
        self._person = person
        self._ends: list[Callable[[], None]] = []
        self._next_ms: int | None = None
        self._told: LostBanner | None = None
        self.today_view, self.call_view = TodayView(), CallView(open_frames)
        self.sync_view = SyncView()
        self.today = TodayPresenter(
            session, self, wall_ms, self.today_view.show_state, practice=person.practice,
            claims=session.claiming,
        )  # fmt: skip
        self.call = CallPresenter(session, self._leave_call, wall_ms, self.call_view.show_state)
        self.photo = PhotoScreen(self.call_view, session.photos)
        self.people = PeoplePresenter(session.people, self.call_view.people.show_state)
        self.sync = SyncPresenter(session, wall_ms, self.sync_view.show_state)
        self.desks = DesksScreen(self.sync_view.members, session.desks)
        self.self_check = SelfCheckScreen(shell, session.checking, lambda: self.go("today"))
        self.check, self.check_view = self.self_check.presenter, self.self_check.view
        self.ask_speaker = AskForSpeaker(shell, session.sounds)
        self.joined = JoinedScreen(shell, session, lambda: self.go("today"))
        self.search = SearchScreen(shell, session, self.go)
        self.versions = VersionsScreen(shell, session, self._back_from_versions)
        for name, view in (
            ("today", self.today_view),
            ("call", self.call_view),
            ("sync", self.sync_view),
            ("self_check", self.check_view),
            ("joined", self.joined.view),
        ):
            shell.add_screen(name, view)
        self._connect_today()
        self._connect_call()
        self._connect_rest()

    @property
    def in_call(self) -> bool:
        """Whether a call runs."""
        visit = self._session.visit.value
        return (visit is not None and visit.phase != "ended") or self.joined.in_call

    def show(self) -> None:
        """Fill the screens and open Today."""
        session = self._session
        self._ends = [
            session.room.listen(self._room),
            session.status.listen(lambda _status: self._facts()),
            session.visit.listen(self._visit),
            session.note.listen(self.call.note),
            session.choosing.state.listen(self.versions.choosing),
            session.people.state.listen(self.people.people),
            session.people.joined.listen(self.joined.joined),
            session.records.listen(self._records),
            session.sounds.state.listen(self.ask_speaker.sounds),
            *self.self_check.listen(),
            session.desks.state.listen(self.desks.desks),
            session.checking.state.listen(self._checked),
        ]
        found = sum(draft.characters for draft in session.vault.recovered_drafts())
        self.today.recovered(found)
        self._shell.page_chosen.connect(self.go)
        self.go("today")
        session.checking.start_if_stale()

    def leave(self) -> None:
        """Stop listening; the session is closing."""
        for end in self._ends:
            end()
        self._ends = []
        self.ask_speaker.leave()
        self.photo.leave()
        self.desks.leave()
        self.search.leave()
        self._session.checking.preview(on=False)
        self._shell.page_chosen.disconnect(self.go)
        # A locked PC keeps nothing of a patient in its windows.
        self._shell.drop("today", "call", "sync", "self_check", "joined", "versions")

    def go(self, page: str) -> None:
        """Open a page of the rail."""
        self._shell.open(page)
        self._session.checking.preview(on=page == "self_check")
        if page == "today":
            self.today_view.show_state(self.today.state)
        elif page == "sync":
            records = self._session.records.value
            self.sync.items(records.sync_items, records.conflicts)
        elif page == "self_check":
            self.self_check.shown()

    def tick(self) -> None:
        """Once a second."""
        self.ask_speaker.page_changed()
        self.today.tick()
        self.call.tick()
        self.joined.tick()
        self.sync.tick()
        self.self_check.tick()
        self._session.checking.visit_ahead(self._next_ms)
        self._facts()

    # ---- Today ---------------------------------------------------------------------------------

    def _connect_today(self) -> None:
        view, presenter = self.today_view, self.today
        view.acted.connect(presenter.act)
        view.start_first.connect(presenter.start_first)
        view.unflagged.connect(presenter.unflag)
        view.link_asked.connect(presenter.open_link)
        view.link_closed.connect(presenter.close_link)
        view.note_asked.connect(presenter.open_note)
        view.self_check_asked.connect(presenter.open_self_check)
        view.recovered_read.connect(presenter.dismiss_recovered)
        view.phone_asked.connect(presenter.phone)
        view.record_asked.connect(presenter.open_record)
        view.lost_read.connect(presenter.read_lost)
        view.lost_opened.connect(presenter.open_lost)
        view.lost_taken.connect(presenter.take_over)
        view.join_asked.connect(self.joined.presenter.ask)

    def _room(self, view: RoomView) -> None:
        self.today.room(view.waiting, unknown=view.unknown_seats, as_of_ms=view.as_of_ms)

    def _records(self, records: Records) -> None:
        now = wall_ms()
        booked_today = [Booked(c, p) for c, p in records.day]
        self.today.day(booked_today, records.holders, records.lost)
        told = self.today.state.lost
        if told is not None and told != self._told and self._shell.current != "today":
            self._shell.say(told.title, warn=True)
        self._told = told
        booked = [c.booked_ms for c, _ in records.day if c.state is ConsultationState.BOOKED]
        self._next_ms = min((at for at in booked if at > now), default=None)
        self.call.next_patient(self._next_ms)
        self.search.changed()
        if self._shell.current == "sync":
            self.sync.items(records.sync_items, records.conflicts)

    def open_note(self, consultation: bytes) -> None:
        """Open a note that waits to be finished."""
        self._session.review_note(consultation)

    def open_record(self, patient: bytes, consultation: bytes) -> None:
        """Open a patient's record at a visit."""
        self.search.open_record(patient, consultation)

    def open_self_check(self) -> None:
        """Go to the self-check."""
        self.go("self_check")

    # ---- call ----------------------------------------------------------------------------------

    def _connect_call(self) -> None:
        view, presenter = self.call_view, self.call
        view.mute.connect(presenter.toggle_mute)
        view.camera.connect(presenter.toggle_camera)
        view.photo.connect(presenter.take_photo)
        view.clinical.connect(presenter.toggle_clinical_sound)
        view.rung_chosen.connect(lambda rung: presenter.choose_rung(Rung(rung)))
        view.share.connect(presenter.toggle_share)
        view.share_confirmed.connect(presenter.confirm_share)
        view.share_declined.connect(presenter.decline_share)
        view.end.connect(presenter.end)
        view.end_confirmed.connect(presenter.confirm_end)
        view.went_on.connect(presenter.go_on)
        view.left.connect(presenter.leave)
        view.local_toggled.connect(presenter.toggle_local)
        view.notes_toggled.connect(presenter.toggle_notes)
        view.edited.connect(presenter.edit)
        view.left_field.connect(presenter.left_field)
        view.review.connect(presenter.review)
        view.sign.connect(presenter.sign)
        view.kept_draft.connect(presenter.keep_draft)
        view.versions_asked.connect(self._versions_of_note)
        people, shown = self.people, view.people
        view.add_person.connect(people.invite)
        shown.admitted.connect(people.admit)
        shown.removed.connect(people.remove)
        shown.role_chosen.connect(people.choose)
        shown.link_wanted.connect(people.make_link)
        shown.invite_closed.connect(people.close_invite)

    def _visit(self, state: VisitState | None) -> None:
        self.call.visit(state)
        self.people.visit(state)
        if state is None:
            return
        self.call_view.set_levels(state.speaker_dbfs)
        if self._shell.current not in {"call", "versions"}:
            self.today.started()
            self._session.checking.preview(on=False)
            self._shell.open("call")
            self.call_view.show_state(self.call.state)
            self.call_view.focus_first()
        self._facts()

    def _versions_of_note(self) -> None:
        note = self._session.note.value
        if note is not None:
            self.versions.ask(note.consultation)

    def _back_from_versions(self, page: str) -> None:
        if page == "call" and self._session.visit.value is not None:
            self._shell.open("call")
        else:
            self.go(page if page in PAGES else "today")

    def _leave_call(self) -> None:
        self.go("today")

    # ---- sync, self-check, status --------------------------------------------------------------

    def _connect_rest(self) -> None:
        self.sync_view.try_now.connect(self.sync.try_now)
        self.sync_view.paused.connect(self.sync.pause)
        self.sync_view.add_desk.connect(self.sync.add_desk)
        self.sync_view.code_closed.connect(self.sync.close_code)
        self.sync_view.versions_asked.connect(self.versions.ask)

    def _checked(self, state: SelfCheckState) -> None:
        verdict: Verdict | None = state.verdict
        if verdict is not None and not state.running:
            self.today.checked(verdict.rung, words.rung_word(verdict.rung), verdict.at_ms)

    def _facts(self) -> None:
        status = self._session.status.value
        offline = status.link_since_ms if status.link == "offline" else None
        self.today.offline(offline)
        self.call.status(status)
        self.sync.status(status)
        self._shell.show_state(status_state(status, self._person, wall_ms(), self.call.call_link()))
