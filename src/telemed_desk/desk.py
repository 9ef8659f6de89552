"""The desk: the only module that knows every concrete class, and puts them together.

Qt's main thread. Work is done on the core thread and the vault's writer; what they find comes back
through :class:`Post`.
"""

import faulthandler
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import structlog
from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from telemed_desk import __version__, core_dumps, logs
from telemed_desk.media.control import Devices
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.ui.desk_screens import LockedScreens, OpenScreens
from telemed_desk.ui.screens.pin.screen import PinScreen
from telemed_desk.ui.shell.state import Person
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.text import t
from telemed_desk.ui.theme.theme import theme
from telemed_desk.vault import Vault, VaultDirectory
from telemed_desk.workflow import place
from telemed_desk.workflow.auto_lock import AutoLock
from telemed_desk.workflow.clock import elapsed_s, wall_ms
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.door import Door
from telemed_desk.workflow.link_watch import LinkWatch
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.session import Session
from telemed_desk.workflow.set_up import SERVER_SETTING
from telemed_desk.workflow.status import LinkWord
from telemed_desk.workflow.system_lock import SystemLock
from telemed_protocol.errors import KnownError

TICK_MS = 1000
CLOSE_S = 10.0
_log = structlog.get_logger("desk")


class Post(QObject):
    """Carries calls from any thread to the GUI thread."""

    _call = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._call.connect(self._run)

    def __call__(self, call: Callable[[], None]) -> None:
        """Run a call on the GUI thread, soon."""
        try:
            self._call.emit(call)
        except RuntimeError:
            # Qt is gone: the desk is closing, and nobody is left to be told.
            return

    def _run(self, call: Callable[[], None]) -> None:
        call()


class Desk(QObject):
    """One window on one PC: locked, being set up, or open with a session."""

    def __init__(
        self,
        data: Path,
        server_url: str,
        devices: Devices,
        *,
        practice: bool = False,
        practice_passphrase: str = "",
    ) -> None:
        super().__init__()
        self._data = data
        self._server_url = server_url or place.recall(data).server_url
        self._practice = practice
        self.post = Post()
        self.core = CoreThread(self.post, self._bug)
        self.hub = MediaHub(devices)
        self.door = Door(self.core, VaultDirectory(data / "vault"))
        self.shell = Shell()
        self.session: Session | None = None
        self._auto_lock = AutoLock()
        self._auto_lock.used(elapsed_s())
        self._system_lock = SystemLock(lambda why: self.post(lambda: self._auto_lock.ask(why)))
        self._closing = False
        self.link_watch = LinkWatch(self.core, self._locked_link)
        self.locked = LockedScreens(
            self.shell,
            self.door,
            opened=self.open,
            server_url=self._server_url,
            practice=practice,
            practice_passphrase=practice_passphrase,
        )
        self.open_screens: OpenScreens | None = None
        self._pin: PinScreen | None = None
        self.shell.lock_asked.connect(self.lock)
        self.shell.closing.connect(self.close)
        self.shell.may_close = self._may_close
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Show the window; the media process starts meanwhile."""
        self.core.start()
        self.core.run(self._start_media())
        self.core.run(self._system_lock.run())
        self._show_locked()
        self.shell.show()
        self._timer.start()

    async def _start_media(self) -> None:
        try:
            await self.hub.start()
        except KnownError as error:
            _log.error("media_did_not_start", code=error.code)

    def _show_locked(self) -> None:
        memory = place.recall(self._data)
        self.locked.unlock.waiting(memory.waiting, memory.waiting_bytes)
        self.locked.unlock.link("connecting")
        self.locked.show()
        self.link_watch.watch(self._server_url)

    def _locked_link(self, word: LinkWord, rtt_ms: float | None) -> None:
        self.locked.unlock.link(word, rtt_ms)

    # ---- open and lock -------------------------------------------------------------------------

    def open(self, vault: Vault, server_url: str = "") -> None:
        """Go to work with an unlocked vault."""
        stored = vault.setting(SERVER_SETTING)
        url = server_url or self._server_url or (stored.decode() if stored else "")
        self._server_url = url
        place.remember(self._data, place.PlaceMemory(url))
        self.link_watch.stop()
        self._auto_lock.unlocked(elapsed_s())

        async def make() -> Session:
            client = ServerClient(url, vault.identity)
            return Session(self.core, vault, client, self.hub, self._data)

        self.core.run(make(), self._opened)

    def _opened(self, session: Session) -> None:
        self.session = session
        profile = session.vault.clinic_profile()
        clinician = session.vault.clinician
        person = Person(
            name=clinician.name,
            role=" · ".join(part for part in (clinician.role, clinician.place) if part),
            initials=clinician.initials,
            clinic=profile.name if profile else "",
            practice=self._practice,
            version=__version__,
            lock_minutes=int(self._auto_lock.idle_s // 60),
        )
        self.open_screens = OpenScreens(self.shell, session, person)
        self.open_screens.show()
        self._pin = PinScreen(self.shell, self.door, session.vault)
        session.start()
        self._tell_of_the_vault(session.vault)

    def _tell_of_the_vault(self, vault: Vault) -> None:
        """Say what opening found: never is a damaged file repaired in silence."""
        report = vault.repair_report
        if report is not None:
            self.shell.say(
                t("vault.repaired", bad=report.bad_pages, read=report.ops_read), warn=True
            )
            vault.repair_was_seen()
        elif vault.push_held is not None:
            self.shell.say(t("vault.held"), warn=True)

    def lock(self) -> None:
        """Save what is typed, drop the keys, show the unlock screen."""
        session, screens = self.session, self.open_screens
        if session is None or screens is None:
            return
        if screens.in_call:
            self.shell.say(t("lock.in_call"), warn=True)
            return
        self._note_waiting(session)
        self.session = self.open_screens = None
        if self._pin is not None:
            self._pin.leave()
            self._pin = None
        self._show_locked()
        screens.leave()
        self.core.run(self.door.while_closing(session.close()))

    def _note_waiting(self, session: Session) -> None:
        status = session.status.value
        # A count beside "they send once someone unlocks" would promise what a held copy does not do.
        held = status.held is not None
        unsure = held or status.unsaved or session.note.value is not None
        place.remember(
            self._data,
            place.PlaceMemory(
                self._server_url,
                None if unsure else status.waiting_to_sync,
                status.waiting_bytes,
            ),
        )

    def _may_close(self) -> bool:
        if self.open_screens is not None and self.open_screens.in_call:
            self.shell.say(t("close.in_call"), warn=True)
            return False
        return True

    def close(self) -> None:
        """End in order: text saved, vault locked, media process ended."""
        if self._closing:
            return
        self._closing = True
        self._timer.stop()
        session = self.session
        if session is not None:
            self._note_waiting(session)

        async def end() -> None:
            if session is not None:
                await session.close()
            await self._system_lock.aclose()
            await self.hub.stop()

        try:
            self.core.submit(end()).result(CLOSE_S)
        except TimeoutError:
            _log.error("slow_close")
        self.core.stop()
        QApplication.quit()

    # ---- time and use --------------------------------------------------------------------------

    def _tick(self) -> None:
        if self.session is None or self.open_screens is None:
            self.locked.tick()
            return
        self.open_screens.tick()
        note = self.session.note.value
        why = self._auto_lock.why_now(
            elapsed_s(),
            in_call=self.open_screens.in_call,
            unsaved=note is not None and note.unsaved,
        )
        if why:
            _log.info("locks_by_itself", reason=why)
            self.lock()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys and mouse hold the automatic lock off."""
        if event.type() in _USE:
            self._auto_lock.used(elapsed_s())
        return super().eventFilter(watched, event)

    def _bug(self, error: BaseException) -> None:
        kind = type(error).__name__
        self.post(lambda: self.shell.say(t("bug.words", kind=kind), warn=True))


_USE = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
    }
)


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log an exception that nobody expected: its type and place, never its words."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last else ""
    _log.critical("crash", error_type=kind.__name__, where=where)
    if os.environ.get("TELEMED_DEBUG"):
        sys.__excepthook__(kind, error, trace)


def make_application() -> QApplication:
    """Return the one QApplication, dressed."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("TeleMed Desk")
    app.setStyle("Fusion")
    app.setQuitOnLastWindowClosed(False)
    theme().apply("system")
    return app


def run_desk(
    *,
    data: Path,
    server_url: str = "",
    devices: tuple[str, str, str] = ("default", "default", "default"),
    practice: bool = False,
    practice_passphrase: str = "",
) -> int:
    """Open the window and stay until it is closed; return the exit code."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    core_dumps.leave_none()
    logs.configure(data / "logs")
    faulthandler.enable()
    sys.excepthook = _hook
    app = make_application()
    desk = Desk(
        data,
        server_url,
        Devices(*devices),
        practice=practice,
        practice_passphrase=practice_passphrase,
    )
    app.installEventFilter(desk)
    desk.start()
    code = app.exec()
    _log.info("closed", ms=wall_ms())
    return code
