"""The gallery's scenes: each builds a window with a fictional state."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import Section
from telemed_desk.media.control import ScreenState
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_desk.ui import gallery_call
from telemed_desk.ui.gallery_check import check_scenes
from telemed_desk.ui.gallery_claims import claim_scenes
from telemed_desk.ui.gallery_days import NOW_MS, at, booked, waiting
from telemed_desk.ui.gallery_desks import desks_scenes
from telemed_desk.ui.gallery_export import export_scenes
from telemed_desk.ui.gallery_people import people_scenes
from telemed_desk.ui.gallery_pin import pin_scenes
from telemed_desk.ui.gallery_search import search_scenes
from telemed_desk.ui.gallery_versions import versions_scenes
from telemed_desk.ui.screens.call.presenter import CallPresenter
from telemed_desk.ui.screens.set_up.presenter import State as SetUpState
from telemed_desk.ui.screens.set_up.view import SetUpView
from telemed_desk.ui.screens.sync.presenter import SyncPresenter
from telemed_desk.ui.screens.sync.view import SyncView
from telemed_desk.ui.screens.today.presenter import LinkResult, TodayPresenter
from telemed_desk.ui.screens.today.state import LinkDialog
from telemed_desk.ui.screens.today.state import State as TodayState
from telemed_desk.ui.screens.today.view import TodayView
from telemed_desk.ui.screens.unlock.presenter import Attempt, Clinician, Place, UnlockPresenter
from telemed_desk.ui.screens.unlock.view import UnlockView
from telemed_desk.ui.shell.state import CallLink, Person, status_state
from telemed_desk.ui.shell.window import Shell
from telemed_desk.vault import NoteConflict
from telemed_desk.vault.problems import RestoredCopy
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.note_taking import NoteState
from telemed_desk.workflow.status import DeskStatus
from telemed_desk.workflow.visit import VisitState
from telemed_protocol.errors import KnownError

Scene = Callable[[], QWidget]
ME = Person(
    "Dr Achieng Odera",
    "Palliative care · Room 4",
    "AO",
    "Mto Mawe Referral Hospital",
    practice=True,
    version="1.0",
)
STATUS = DeskStatus(
    link="online", rtt_ms=84, last_contact_ms=NOW_MS, waiting_to_sync=3, waiting_bytes=4_600_000
)


def framed(
    screen: str, view: QWidget, call: CallLink | None = None, status: DeskStatus = STATUS
) -> Shell:
    """Put a screen into the window."""
    shell = Shell()
    shell.add_screen(screen, view)
    shell.open(screen)
    shell.show_state(status_state(status, ME, NOW_MS, call))
    return shell


@dataclass(frozen=True, slots=True)
class SyncLine:
    """An invented line of the Sync list."""

    kind: str
    size: int
    state: str
    at_ms: int
    receipt_ms: int | None = None
    entity: bytes = b""


SYNC_ITEMS = (
    SyncLine("consult.urgent", 2000, "waiting", at("09:18")),
    SyncLine("note.sign", 14_000, "waiting", at("09:20")),
    SyncLine("note.revise", 9000, "on-this-pc", at("09:23")),
    SyncLine("photo.add", 3_400_000, "on-this-pc", at("09:11")),
    SyncLine("consult.book", 1000, "sent", at("08:40"), at("08:41")),
    SyncLine("link.make", 300, "sent", at("08:39"), at("08:41")),
    SyncLine("patient.set", 900, "sent", at("08:30"), at("08:31")),
)


class Nobody:
    """Takes intentions and does nothing: the gallery only shows."""

    def unlock(self, clinician: bytes, passphrase: str, done: Callable[[Attempt], None]) -> None:
        """Answer nothing."""

    def unlock_with_pin(self, clinician: bytes, pin: str, done: Callable[[Attempt], None]) -> None:
        """Answer nothing."""

    def pin_tries_left(self, _clinician: bytes) -> int:
        """No PIN is set."""
        return 0

    def start_visit(self, seat: str) -> None:
        """Start nothing."""

    def clear_urgent(self, seat: str, reason: str) -> None:
        """Clear nothing."""

    def link_for(self, consultation: bytes, done: Callable[[LinkResult], None]) -> None:
        """Make nothing."""

    def open_note(self, consultation: bytes) -> None:
        """Open nothing."""

    def open_record(self, patient: bytes, consultation: bytes) -> None:
        """Open nothing."""

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Mute nothing."""

    def choose_rung(self, rung: Rung) -> None:
        """Nothing is chosen."""

    def share_screen(self, *, on: bool) -> None:
        """Nothing is shared."""

    def use_clinical_sound(self, *, on: bool) -> None:
        """Change nothing."""

    def take_photo(self) -> None:
        """Take none."""

    def end_visit(self, agreed: list[str]) -> None:
        """End nothing."""

    def leave_visit(self) -> None:
        """Leave nothing."""

    def edit(self, section: Section, text: str) -> None:
        """Write nothing."""

    def save_now(self) -> None:
        """Save nothing."""

    def sign(self, done: Callable[[KnownError | None], None]) -> None:
        """Sign nothing."""

    def sync_now(self) -> None:
        """Send nothing."""

    def pause_sync(self, *, paused: bool) -> None:
        """Pause nothing."""

    def add_desk(self, done: Callable[[CodeResult], None]) -> None:
        """Make no code."""

    def start_check(self, *, quick: bool) -> None:
        """Check nothing."""

    def stop_check(self) -> None:
        """Stop nothing."""

    def back_to_today(self) -> None:
        """Stay."""

    def open_self_check(self) -> None:
        """Open nothing."""


def unlock() -> QWidget:
    """Who is working here."""
    view = UnlockView()
    place = Place("Mto Mawe Referral Hospital", "Telemedicine room 4", "1.0", practice=True)
    presenter = UnlockPresenter(Nobody(), lambda: at("07:58"), view.show_state, place)
    presenter.link("online", 24)
    presenter.waiting(3, 4_600_000)
    presenter.clinicians(
        (
            Clinician(b"1", "Dr Achieng Odera", "Palliative care", "last here Friday 16:40"),
            Clinician(b"2", "Dr Samuel Kiprop", "Dermatology", "yesterday 15:12"),
            Clinician(b"3", "Dr Zainab Hassan", "Oncology, specialist consults", "Thursday"),
            Clinician(b"4", "Mercy Wambui", "Nurse", "today 07:31"),
        )
    )
    view.passphrase.edit.setText("sixteen letters")
    return framed("unlock", view)


def unlock_wrong() -> QWidget:
    """A wrong passphrase without a link."""
    shell = unlock()
    view = shell.findChild(UnlockView)
    if view is None:
        raise LookupError("no unlock screen")
    presenter = UnlockPresenter(
        Nobody(),
        lambda: at("07:58"),
        view.show_state,
        Place("Mto Mawe Referral Hospital", "Room 4"),
    )
    presenter.link("offline")
    presenter.clinicians((Clinician(b"1", "Dr Achieng Odera", "Palliative care"),))
    presenter.unlock("wrong")
    presenter._done(Attempt("wrong"))  # noqa: SLF001 - the gallery plays the workflow's part
    return shell


def set_up(state: SetUpState) -> Scene:
    """Return a scene of the first run."""

    def scene() -> QWidget:
        view = SetUpView()
        view.left.clock.setText("07:58")
        view.left.date.setText("Monday 23 November")
        view.left.show_place("", "", "1.0", practice=False)
        view.show_state(state)
        return framed("set_up", view)

    return scene


def today_presenter(show: Callable[[TodayState], None], *, practice: bool = True) -> TodayPresenter:
    """Return Today as of 09:24."""
    return TodayPresenter(Nobody(), Nobody(), lambda: NOW_MS, show, practice=practice)


def today() -> QWidget:
    """A busy morning."""
    view = TodayView()
    presenter = today_presenter(view.show_state)
    presenter.checked(Rung.HD_VIDEO, "HD video ready", at("08:12"))
    presenter.room(waiting())
    presenter.day(booked())
    return framed("today", view)


def today_offline() -> QWidget:
    """Nobody waits, and the link is gone."""
    view = TodayView()
    presenter = today_presenter(view.show_state)
    presenter.day(booked()[5:])
    presenter.room((), unknown=1)
    presenter.offline(at("09:12"))
    presenter.recovered(214)
    status = DeskStatus(link="offline", link_since_ms=at("09:12"), waiting_to_sync=2)
    return framed("today", view, status=status)


def today_link() -> QWidget:
    """A patient's link."""
    view = TodayView()
    presenter = today_presenter(view.show_state)
    presenter.day(booked())
    url = "https://visit.example/j#Zk3w-fictional-link-for-the-gallery-0123456789abcdef"
    presenter._set(link=LinkDialog("Otieno Jaribio", url, "Good until 11:40.", working=False))  # noqa: SLF001 - as above
    return framed("today", view)


def in_call(
    state: Callable[[], VisitState],
    note: NoteState | None,
    then: Callable[[CallPresenter], None] | None = None,
) -> Scene:
    """Return a scene of a call."""

    def put(screen: str, view: QWidget, presenter: CallPresenter) -> QWidget:
        status = DeskStatus(link="online", rtt_ms=84, saved_ms=NOW_MS, waiting_to_sync=3)
        return framed(screen, view, presenter.call_link(), status)

    return lambda: gallery_call.scene(Nobody(), put, state(), note, then)


def sync(
    status: DeskStatus,
    *,
    code: str = "",
    empty: bool = False,
    conflicts: tuple[NoteConflict, ...] = (),
) -> Scene:
    """Return a scene of Sync."""

    def scene() -> QWidget:
        view = SyncView()
        presenter = SyncPresenter(Nobody(), lambda: NOW_MS, view.show_state)
        presenter.status(status)
        presenter.items(() if empty else SYNC_ITEMS, conflicts)
        if code:
            presenter.add_desk()
            presenter._coded(CodeResult(code))  # noqa: SLF001 - as above
        return framed("sync", view, status=status)

    return scene


SCENES: dict[str, Scene] = {
    "01-unlock": unlock,
    "01-unlock-wrong": unlock_wrong,
    "01-set-up": set_up(SetUpState(server_url="https://desk.example", pc_label="Room 4")),
    "01-set-up-errors": set_up(
        SetUpState(
            way="join",
            errors={
                "code": "That code is not complete or has a wrong character.",
                "clinician_name": "Type your name as patients know it.",
                "passphrase": "Too easy to guess.",
            },
            problem="The clinic server does not answer.",
            problem_words="Check the address and the link, then try again.",
        )
    ),
    "01-set-up-recovery": set_up(
        SetUpState(step="recovery", recovery_code="K7QM-2XVP-9TRA-HH4N-3WZE-PB6D")
    ),
    "02-today": today,
    "02-today-offline": today_offline,
    "02-today-link": today_link,
    "07-sync": sync(
        replace(STATUS, waiting_to_sync=7, sync=SyncStatus(Phase.SENDING, waiting_ops=7))
    ),
    "07-sync-offline": sync(
        DeskStatus(
            link="offline",
            link_since_ms=at("08:58"),
            last_contact_ms=at("08:58"),
            waiting_to_sync=2,
            sync=SyncStatus(Phase.OFFLINE, next_try_ms=NOW_MS + 40_000),
        )
    ),
    "07-sync-refused": sync(
        replace(STATUS, waiting_to_sync=0, sync=SyncStatus(Phase.REFUSED, problem="TD-NET-005")),
        empty=True,
    ),
    "07-sync-held": sync(
        replace(STATUS, waiting_to_sync=4, sync=SyncStatus(Phase.IDLE), held=RestoredCopy())
    ),
    "07-sync-conflict": sync(
        STATUS, conflicts=(NoteConflict(b"n" * 16, b"c" * 16, 2, at("09:21")),)
    ),
    "07-sync-code": sync(STATUS, code="TMD-7QK2-M4XV-09TR-AHH4-N3WZ-EPB6"),
    **check_scenes(framed),
    **versions_scenes(framed),
    "04-call": in_call(gallery_call.visit, gallery_call.note()),
    "05-call-badlink": in_call(
        lambda: replace(
            gallery_call.visit(rung=Rung.AUDIO_PHOTOS, rtt=640, loss=0.09),
            photo_progress=gallery_call.ASKED,
        ),
        gallery_call.note(),
    ),
    "04-call-chosen": in_call(gallery_call.voice_chosen, gallery_call.note()),
    "04-call-reconnecting": in_call(
        lambda: gallery_call.visit("reconnecting"), gallery_call.note()
    ),
    "04-call-ended": in_call(
        lambda: gallery_call.visit("ended"), gallery_call.note(), lambda p: p.review()
    ),
    "04-call-versions": in_call(
        lambda: gallery_call.visit("ended"), replace(gallery_call.note(), leaves=2)
    ),
    "04-call-signed": in_call(lambda: gallery_call.visit("ended"), gallery_call.signed()),
    "04-call-share": in_call(gallery_call.visit, gallery_call.note(), lambda p: p.toggle_share()),
    "04-call-shared": in_call(
        lambda: replace(gallery_call.visit(), screen=ScreenState(on=True)), gallery_call.note()
    ),
    "04-call-calling": in_call(
        lambda: replace(gallery_call.visit("calling"), photos=(), remote_memory=""), None
    ),
}
SCENES |= claim_scenes(framed)
SCENES |= desks_scenes(framed, STATUS, SYNC_ITEMS)
SCENES |= export_scenes(framed)
SCENES |= search_scenes(framed, SCENES["02-today"])
SCENES |= pin_scenes(framed, SCENES["02-today"])
SCENES |= people_scenes(framed, SCENES["04-call"], SCENES["02-today"])
