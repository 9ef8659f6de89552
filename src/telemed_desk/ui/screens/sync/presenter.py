"""Sync: what still has to travel, and what the server has confirmed. Never merged with "saved"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from telemed_desk.sync import problems
from telemed_desk.ui import words
from telemed_desk.ui.text import has_text, t, tn
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.status import DeskStatus
from telemed_protocol.errors import KnownError

RowState = Literal["on-this-pc", "waiting", "sent", "needs-help", "conflict"]
_STATE: dict[str, tuple[str, str]] = {
    "on-this-pc": ("hard-drive", "second"),
    "waiting": ("arrow-up", "warn"),
    "sent": ("check", "ok"),
    "needs-help": ("circle-alert", "danger"),
    "conflict": ("git-merge", "warn"),
}
_ICON: dict[str, str] = {
    "note": "file-text",
    "photo": "images",
    "link": "link",
    "member": "monitor",
    "device": "monitor",
    "patient": "user",
    "clinician": "user",
    "clinic": "house",
}


class Item(Protocol):
    """One line, as the vault lists it: something recorded on this PC."""

    @property
    def entity(self) -> bytes:
        """What it is about."""
        ...

    @property
    def kind(self) -> str:
        """Kind of op, such as ``note.sign``."""
        ...

    @property
    def size(self) -> int:
        """Bytes before packing."""
        ...

    @property
    def state(self) -> str:
        """``on-this-pc``, ``waiting`` or ``sent``."""
        ...

    @property
    def at_ms(self) -> int:
        """When it was recorded."""
        ...

    @property
    def receipt_ms(self) -> int | None:
        """When the server confirmed it."""
        ...


class Conflict(Protocol):
    """A note with versions side by side, as the vault lists it."""

    @property
    def note(self) -> bytes:
        """Which."""
        ...

    @property
    def consultation(self) -> bytes:
        """What it records."""
        ...

    @property
    def versions(self) -> int:
        """How many."""
        ...

    @property
    def changed_ms(self) -> int:
        """When the newest was written."""
        ...


class SyncPort(Protocol):
    """What this screen needs of the workflow's session."""

    def sync_now(self) -> None:
        """Try now, whatever the back-off says."""
        ...

    def pause_sync(self, *, paused: bool) -> None:
        """Hold it back, or let it go on."""
        ...

    def add_desk(self, done: Callable[[CodeResult], None]) -> None:
        """Make a code for one more PC; ``done`` is called on the GUI thread."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; exactly one state. ``consultation`` = its versions can be chosen from."""

    icon: str
    title: str
    size: str
    made: str
    state: str
    state_icon: str
    tone: str
    consultation: bytes = b""

    @property
    def spoken(self) -> str:
        """For screen readers."""
        return f"{self.title}, {self.made}, {self.state}"


@dataclass(frozen=True, slots=True)
class AddDesk:
    """The code for one more PC while it is shown."""

    working: bool = True
    code: str = field(default="", repr=False)
    problem: str = ""
    problem_words: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What the screen shows."""

    headline: str = ""
    words: str = ""
    activity: str = ""
    busy: bool = False
    paused: bool = False
    offline: bool = False
    problem: str = ""
    problem_words: str = ""
    needs_help: bool = False
    is_out: bool = False
    rows: tuple[Row, ...] = ()
    add_desk: AddDesk | None = None


class SyncPresenter:
    """Decides what the Sync screen shows. GUI thread.

    Args:
        port: The workflow's session.
        now_ms: Wall clock.
        show: Gets every new state.
    """

    def __init__(
        self, port: SyncPort, now_ms: Callable[[], int], show: Callable[[State], None]
    ) -> None:
        self._port = port
        self._now_ms = now_ms
        self._show = show
        self._status = DeskStatus()
        self._items: tuple[Item, ...] = ()
        self._conflicts: tuple[Conflict, ...] = ()
        self.state = State()
        self.tick()

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def status(self, status: DeskStatus) -> None:
        """The one model of the status line moved."""
        before, self._status = self._status, status
        self.tick()
        if (status.held, _stuck(status), _is_removed(status)) != (
            *(before.held, _stuck(before)),
            _is_removed(before),
        ):
            self._set(rows=self._rows())

    def items(self, items: Sequence[Item], conflicts: Sequence[Conflict] = ()) -> None:
        """What was recorded on this PC lately; conflicts stand first, then what waits."""
        self._conflicts = tuple(conflicts)
        self._items = tuple(sorted(items, key=lambda i: (str(i.state) == "sent", -i.at_ms)))
        self._set(rows=self._rows())

    def tick(self) -> None:
        """Once a second: times to the next try go on."""
        status, sync, held = self._status, self._status.sync, self._status.held
        waiting = status.waiting_to_sync
        headline = tn("sync.headline", waiting) if waiting else t("sync.headline.none")
        said = t("sync.safe") if waiting else t("sync.all_sent")
        if held is not None:
            headline = tn("sync.headline.held", waiting) if waiting else t("sync.headline.silent")
            said = t("sync.safe") if waiting else t("sync.safe_next")
        if waiting and status.waiting_bytes:
            headline = f"{headline}, {words.size(status.waiting_bytes)}"
        contact = status.last_contact_ms
        last = t("sync.contact", time=words.clock(contact)) if contact else t("sync.contact.none")
        title, step = _problem(sync.problem if sync is not None else "")
        removed = _is_removed(self._status)
        if removed:
            headline = tn("sync.headline.removed", waiting) if waiting else t("sync.headline.out")
            said = t("sync.safe") if waiting else t("sync.safe_next")
        if held is not None:
            title, step = t("sync.help", why=held.sentence), held.next_step
        self._set(
            headline=headline,
            words=f"{said} {last}",
            activity=self._activity(),
            busy=sync is not None and str(sync.phase) in {"sending", "receiving"},
            paused=sync is not None and sync.paused,
            offline=status.link == "offline",
            problem=title,
            problem_words=step,
            needs_help=held is not None or removed,
            is_out=removed,
        )

    def _activity(self) -> str:
        status, sync = self._status, self._status.sync
        if _is_removed(status):
            return t("sync.out")
        if sync is not None and sync.paused:
            return t("sync.paused")
        next_ms = sync.next_try_ms if sync is not None else None
        wait = ""
        if next_ms is not None and next_ms > self._now_ms():
            wait = tn("sync.next_try", -(-(next_ms - self._now_ms()) // 1000))
        if status.link == "offline" or (sync is not None and str(sync.phase) == "offline"):
            since = status.link_since_ms
            gone = t("sync.offline", time=words.clock(since)) if since else t("status.link.none")
            return f"{gone}, {wait}" if wait else gone
        if sync is None:
            return t("sync.phase.connecting")
        if status.held is not None and str(sync.phase) in {"idle", "sending"}:
            return t("sync.held")
        said = t(f"sync.phase.{sync.phase}")
        return f"{said}, {wait}" if wait else said

    def _rows(self) -> tuple[Row, ...]:
        clashing = {conflict.note for conflict in self._conflicts}
        rest = (
            item
            for item in self._items
            # Each thing carries one state: of this one the doctor has to know that it clashes.
            if not (item.kind == "note.revise" and item.entity in clashing)
        )
        return (*map(_conflict, self._conflicts), *map(self._row, rest))

    def _row(self, item: Item) -> Row:
        state = str(item.state)
        stuck = item.kind == "photo.add" and item.entity in _stuck(self._status)
        if state != "sent" and (
            self._status.held is not None or stuck or _is_removed(self._status)
        ):
            state = "needs-help"
        icon, tone = _STATE[state]
        said = t(f"sync.state.{state}")
        if item.receipt_ms is not None:
            said = t("sync.state.sent_at", time=words.clock(item.receipt_ms))
        key = f"sync.{item.kind}"
        return Row(
            icon=_ICON.get(item.kind.split(".")[0], "calendar"),
            title=t(key if has_text(key) else "sync.kind.other"),
            size=words.size(item.size),
            made=words.clock(item.at_ms),
            state=said,
            state_icon=icon,
            tone=tone,
        )

    # ---- intentions ----------------------------------------------------------------------------

    def try_now(self) -> None:
        """Sync now (F5)."""
        self._port.sync_now()

    def pause(self) -> None:
        """Pause, or go on."""
        self._port.pause_sync(paused=not self.state.paused)

    def add_desk(self) -> None:
        """Make a code for one more PC and show it."""
        if self.state.add_desk is None:
            self._set(add_desk=AddDesk())
            self._port.add_desk(self._coded)

    def _coded(self, result: CodeResult) -> None:
        if self.state.add_desk is None:
            return
        if result.problem is not None:
            shown = AddDesk(False, "", result.problem.sentence, result.problem.next_step)
        else:
            shown = AddDesk(working=False, code=result.text)
        self._set(add_desk=shown)

    def close_code(self) -> None:
        """The dialog was closed: the code is forgotten here."""
        self._set(add_desk=None)


def _stuck(status: DeskStatus) -> frozenset[bytes]:
    """Return the photos whose file does not go by itself any more."""
    return status.sync.stuck if status.sync is not None else frozenset()


def _is_removed(status: DeskStatus) -> bool:
    return status.sync is not None and status.sync.problem == problems.DeskRemoved.code


def _conflict(conflict: Conflict) -> Row:
    icon, tone = _STATE["conflict"]
    return Row(
        icon=_ICON["note"],
        title=t("sync.note.revise"),
        size="",
        made=words.clock(conflict.changed_ms),
        state=t("sync.state.conflict", n=conflict.versions),
        state_icon=icon,
        tone=tone,
        consultation=conflict.consultation,
    )


def _problem(code: str) -> tuple[str, str]:
    """Return sentence and next step of what stands in the way; a missing link is no problem here."""
    if not code or code == problems.ServerUnreachable.code:
        return "", ""
    for known in vars(problems).values():
        if isinstance(known, type) and issubclass(known, KnownError) and known.code == code:
            return known.sentence, known.next_step
    return t("sync.problem.other"), t("sync.problem.other.words", code=code)
