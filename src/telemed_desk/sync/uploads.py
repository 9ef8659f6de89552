"""The lowest lane: photos' own files, part by part, when nothing else has to travel.

The server says which parts it holds; that is all the memory there is, so a cut, a restart or a second
copy of an answer changes nothing.
"""

from dataclasses import dataclass, field
from typing import Final

from telemed_desk.sync.backoff import Backoff
from telemed_desk.sync.events import Announce, PartsHeld, SendPart
from telemed_desk.sync.problems import BadAnswer
from telemed_protocol.attachments import part_count, part_length
from telemed_protocol.progress import Original

ACTIVE: Final = 3
"""So many files take turns, part by part: one large photo does not hold back the others."""
PARTS_ON_A_FAST_LINE: Final = 4
REFUSALS_UNTIL_HELP: Final = 3


@dataclass(slots=True)
class _File:
    original: Original
    held: set[int] | None = None
    """What the server has; None = ask first."""
    asking: bool = False
    on_the_way: dict[int, int] = field(default_factory=dict)
    """Part → when it left, Unix ms."""
    refusals: int = 0
    turns: int = 0
    problem: str = ""
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def needs_help(self) -> bool:
        return self.refusals >= REFUSALS_UNTIL_HELP

    def missing(self) -> int | None:
        """Return the first part that is neither there nor on its way."""
        held = self.held or set()
        for part in range(part_count(self.original.size)):
            if part not in held and part not in self.on_the_way:
                return part
        return None


class Uploads:
    """Files without the server's word that it has them whole. Pure; time is handed in (Unix ms)."""

    def __init__(self) -> None:
        self._files: dict[bytes, _File] = {}
        self._wait = Backoff()

    @property
    def sending(self) -> bool:
        """Whether a part, or a question about one, is on its way."""
        return self.in_flight > 0

    @property
    def in_flight(self) -> int:
        """Parts and questions on their way."""
        return sum(file.asking + len(file.on_the_way) for file in self._files.values())

    @property
    def waiting(self) -> int:
        """Files that are not whole on the server."""
        return len(self._files)

    @property
    def waiting_bytes(self) -> int:
        """What of them is still to be sent."""
        return sum(
            file.original.size
            - sum(part_length(file.original.size, part) for part in file.held or ())
            for file in self._files.values()
        )

    @property
    def stuck(self) -> frozenset[bytes]:
        """Photos whose file was refused so often that a person has to look."""
        return frozenset(entity for entity, file in self._files.items() if file.needs_help)

    @property
    def problem(self) -> str:
        """Code of what was said against a file the last time; empty when nothing was."""
        return next((f.problem for f in self._files.values() if f.problem), "")

    def pending(self, originals: tuple[Original, ...]) -> None:
        """Take what the store says; what it does not name any more is forgotten."""
        self._files = {
            o.entity: self._files.get(o.entity) or _File(o)
            for o in originals
            if part_count(o.size) > 0
        }

    def send(self, now_ms: int, *, fast: bool) -> list[Announce | SendPart]:
        """Choose what leaves now and note that it is on its way.

        One part at a time on a thin line: whoever comes next waits for that one at most.
        """
        room = PARTS_ON_A_FAST_LINE if fast else 1
        chosen: list[Announce | SendPart] = []
        while self._wait.may_try(now_ms) and self.in_flight < room:
            ready = [f for f in self._active() if self._may_go(f, now_ms)]
            if not ready:
                break
            file = min(ready, key=lambda f: f.turns)
            chosen.append(self._next_of(file, now_ms))
        return chosen

    def _active(self) -> list[_File]:
        able = [f for f in self._files.values() if not f.needs_help]
        return able[:ACTIVE]

    @staticmethod
    def _may_go(file: _File, now_ms: int) -> bool:
        if file.asking or not file.backoff.may_try(now_ms):
            return False
        return file.held is None or file.missing() is not None

    def _next_of(self, file: _File, now_ms: int) -> Announce | SendPart:
        part = None if file.held is None else file.missing()
        if part is None:
            file.asking = True
            return Announce(file.original)
        file.on_the_way[part] = now_ms
        file.turns += 1
        return SendPart(file.original, part)

    def took(self, event: PartsHeld, now_ms: int) -> tuple[int, int] | None:
        """Take the server's word; return size and time of the part that it answers, if one is."""
        file = self._files.get(event.entity)
        if file is None:
            return None
        if event.whole:
            del self._files[event.entity]
        carried = None
        if event.part is None:
            file.asking = False
            file.held = set(event.held)
        else:
            left_ms = file.on_the_way.pop(event.part, None)
            if left_ms is not None:
                carried = part_length(file.original.size, event.part), now_ms - left_ms
            # Answers overtake one another: an older one knows less, and what it knows stays true.
            file.held = (file.held or set()) | event.held
        file.backoff.reset()
        file.problem = ""
        self._wait.reset()
        if file.missing() is None and not file.on_the_way and not event.whole:
            # It has every part and does not call that whole: no reason to ask in a loop.
            file.held, file.problem = None, BadAnswer.code
            file.refusals += 1
            file.backoff.failed(now_ms)
        return carried

    def ended(self, activity: Announce | SendPart) -> None:
        """It came to nothing; whether it arrived all the same, the server will say."""
        file = self._files.get(activity.original.entity)
        if file is None:
            return
        if isinstance(activity, SendPart):
            file.on_the_way.pop(activity.part, None)
        else:
            file.asking = False
        file.held = None

    def refused(self, activity: Announce | SendPart, code: str, now_ms: int) -> None:
        """The server said no to this file, or this PC cannot read it; the others go on."""
        file = self._files.get(activity.original.entity)
        if file is not None:
            file.refusals += 1
            file.problem = code
            file.backoff.failed(now_ms)

    def later(self, now_ms: int, at_least_ms: int) -> None:
        """The server cannot take files now; nothing else is held back by that."""
        if self._wait.may_try(now_ms):
            self._wait.failed(now_ms, at_least_ms)

    def end_waits(self) -> None:
        """Let everything try at once."""
        self._wait.reset()
        for file in self._files.values():
            file.backoff.reset()

    def try_now(self) -> None:
        """Forget refusals and waits."""
        self.end_waits()
        for file in self._files.values():
            file.refusals, file.problem = 0, ""

    def wake_times(self) -> list[int]:
        """Return when something may be tried again."""
        if not self._files:
            return []
        times = [self._wait.next_try_ms, *(f.backoff.next_try_ms for f in self._active())]
        return [at_ms for at_ms in times if at_ms is not None]
