"""Search while typing: what is on this PC, newest first. Plain Python."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.ui import words
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.finding import Found, SearchResult, Spans, matched

DEBOUNCE_MS = 150
_ICON = {"patient": "user", "consult": "calendar", "note": "file-text"}
Later = Callable[[int, Callable[[], None]], None]
"""Calls something after so many milliseconds, on the GUI thread."""


class SearchPort(Protocol):
    """What the search needs of the workflow."""

    def search(self, typed: str, done: Callable[[SearchResult], None]) -> None:
        """Search; ``done`` is called on the GUI thread."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what was found, with the places of the matched words."""

    icon: str
    title: str
    title_spans: Spans
    more: str
    more_spans: Spans
    excerpt: str
    excerpt_spans: Spans

    @property
    def spoken(self) -> str:
        """For screen readers."""
        return ", ".join(part for part in (self.title, self.more, self.excerpt) if part)


@dataclass(frozen=True, slots=True)
class State:
    """What the list below the field shows; ``title`` and ``words`` stand where there are no rows."""

    is_open: bool = False
    rows: tuple[Row, ...] = ()
    chosen: int = 0
    title: str = ""
    words: str = ""
    is_problem: bool = False
    foot: str = ""


class SearchPresenter:
    """Decides what the list shows. GUI thread.

    Args:
        port: The workflow.
        later: Waits until typing pauses.
        now_ms: Wall clock.
        show: Gets every new state.
        opened: Gets what was chosen, and what had been typed.
    """

    def __init__(
        self,
        port: SearchPort,
        later: Later,
        now_ms: Callable[[], int],
        show: Callable[[State], None],
        opened: Callable[[Found, str], None],
    ) -> None:
        self._port = port
        self._later = later
        self._now_ms = now_ms
        self._show = show
        self._opened = opened
        self._typed = ""
        self._asked = 0
        self._busy = False
        self._open_first = False
        self._found: tuple[Found, ...] = ()
        self.state = State()

    def _set(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._show(state)

    # ---- intentions ----------------------------------------------------------------------------

    def typed(self, text: str) -> None:
        """The field changed. What stands is kept until the answer is there."""
        self._typed = text.strip()
        self._asked += 1
        self._open_first = False
        self._busy = bool(self._typed)
        if not self._typed:
            self._found = ()
            self._set(self._hint())
            return
        asked = self._asked
        self._later(DEBOUNCE_MS, lambda: self._ask(asked))

    def begin(self) -> None:
        """The field got the keyboard (Ctrl+K)."""
        if not self._typed:
            self._set(self._hint())
        elif not self.state.is_open:
            # Searched again: the records may have changed since.
            self.typed(self._typed)

    def move(self, by: int) -> None:
        """Up or down, round the ends."""
        if self.state.rows:
            chosen = (self.state.chosen + by) % len(self.state.rows)
            self._set(replace(self.state, chosen=chosen))

    def open(self) -> None:
        """Enter. Typed faster than found: the first is opened when it is there."""
        if self._busy:
            self._open_first = True
        elif self.state.is_open:
            self.pick(self.state.chosen)

    def pick(self, number: int) -> None:
        """Open one of them."""
        if 0 <= number < len(self._found):
            found = self._found[number]
            self._set(State())
            self._opened(found, self._typed)

    def close(self) -> None:
        """Esc, or the keyboard went elsewhere: the list goes, what was typed stays."""
        self._asked += 1
        self._busy = self._open_first = False
        self._set(State())

    def forget(self) -> None:
        """The PC locks: nothing of a patient stays here."""
        self.close()
        self._typed, self._found = "", ()

    # ---- answers -------------------------------------------------------------------------------

    def _ask(self, asked: int) -> None:
        if asked == self._asked:
            self._port.search(self._typed, lambda result: self._answered(asked, result))

    def _answered(self, asked: int, result: SearchResult) -> None:
        if asked != self._asked:
            return
        self._busy = False
        self._found = result.found
        if result.problem is not None:
            problem = result.problem
            self._set(
                State(
                    is_open=True,
                    title=problem.sentence,
                    words=problem.next_step,
                    is_problem=True,
                )
            )
        elif not result.found:
            self._set(
                State(
                    is_open=True,
                    title=t("search.none", typed=self._typed),
                    words=t("search.none.words"),
                )
            )
        else:
            count = len(result.found)
            foot = t("search.more", n=count) if result.more else tn("search.found", count)
            rows = tuple(self._row(found) for found in result.found)
            self._set(State(is_open=True, rows=rows, foot=f"{foot} {t('search.here')}"))
            if self._open_first:
                self._open_first = False
                self.pick(0)

    @staticmethod
    def _hint() -> State:
        return State(is_open=True, title=t("search.hint"), words=t("search.here"))

    def _row(self, found: Found) -> Row:
        patient = found.patient
        title = words.patient_name(patient)
        more = self._more(found)
        return Row(
            icon=_ICON.get(found.kind, "file-text"),
            title=title,
            title_spans=matched(title, self._typed) if patient is not None else (),
            more=more,
            more_spans=matched(more, self._typed) if found.kind == "patient" else (),
            excerpt=found.excerpt,
            excerpt_spans=matched(found.excerpt, self._typed),
        )

    def _more(self, found: Found) -> str:
        if found.kind == "patient" and found.patient is not None:
            line = words.patient_line(found.patient, words.local(self._now_ms()).year)
            return " · ".join(part for part in (line, found.patient.phone) if part)
        visit = found.consultation
        parts = [
            t(f"search.kind.{found.kind}"),
            words.day(visit.booked_ms if visit else found.at_ms),
        ]
        if visit is not None:
            parts.append(t(f"programme.short.{visit.programme.value}"))
        if found.note is not None:
            parts.append(t("record.signed" if found.note.is_signed else "record.draft"))
        return " · ".join(parts)
