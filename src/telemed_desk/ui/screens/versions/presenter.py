"""Choosing between the versions of a note, section by section. Plain Python, GUI thread.

A choice holds for the texts that were on the screen when it was made. When a section gets a text
that the doctor has not seen, the choice is kept but no longer counts until they have looked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.ui.screens.versions import phrases
from telemed_desk.ui.screens.versions.state import ResultLine, SectionView, State
from telemed_desk.ui.text import t
from telemed_desk.workflow.note_choosing import ChoosingState, Version
from telemed_protocol.errors import KnownError
from telemed_protocol.op import OpId

UNDO_STEPS = 100


class ChoosingPort(Protocol):
    """What this screen needs of the workflow."""

    def settle(self, text: NoteText, shown: tuple[OpId, ...]) -> None:
        """Record one text instead of the versions that were shown."""
        ...

    def keep(self, edits: Mapping[Section, str]) -> None:
        """Keep what is written by hand until it is saved."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What was chosen for a section, and which texts were seen then."""

    text: str
    by_hand: bool
    seen: frozenset[str]


Decisions = dict[Section, Decision]


class VersionsPresenter:
    """Decides what the versions screen shows.

    Args:
        port: The workflow.
        leave: Goes back to where the doctor came from.
        show: Gets every new state.
    """

    def __init__(
        self, port: ChoosingPort, leave: Callable[[], None], show: Callable[[State], None]
    ) -> None:
        self._port = port
        self._leave = leave
        self._show = show
        self._shown: ChoosingState | None = None
        self._newest: ChoosingState | None = None
        self._decisions: Decisions = {}
        self._undo: list[tuple[str, Decisions]] = []
        self._read_problem: KnownError | None = None
        self.state = State()

    # ---- facts in ------------------------------------------------------------------------------

    def choosing(self, state: ChoosingState | None) -> None:
        """The workflow moved; None = the screen is closed."""
        self._newest = state
        if state is None:
            self._shown = None
            self._decisions, self._undo = {}, []
            self.state = State()
            return
        if state.saved:
            self._leave()
            return
        if self._shown is None or self._shown.note != state.note:
            self._shown = state
            self._undo = []
            # Written in an earlier sitting: shown again, and looked at before it counts.
            self._decisions = {
                section: Decision(text, by_hand=True, seen=frozenset())
                for section, text in state.kept.items()
            }
        elif not self._has_news():
            self._shown = state
        self._refresh()

    def _has_news(self) -> bool:
        shown, newest = self._shown, self._newest
        if shown is None or newest is None:
            return False
        return _ids(shown) != _ids(newest) or shown.signed_ms != newest.signed_ms

    # ---- intentions ----------------------------------------------------------------------------

    def take(self, section: Section, key: int) -> None:
        """Take one version's text of a section."""
        texts = self._texts(section)
        if self._may_change() and 0 <= key < len(texts):
            self._remember("")
            self._decide(section, Decision(texts[key], by_hand=False, seen=frozenset(texts)))

    def edit(self, section: Section) -> None:
        """Write a section by hand, from what was taken, or from all texts one below the other."""
        decision = self._decisions.get(section)
        if not self._may_change() or (decision is not None and decision.by_hand):
            return
        texts = self._texts(section)
        start = decision.text if decision is not None else "\n".join(x for x in texts if x.strip())
        self._remember("")
        self._decide(section, Decision(start, by_hand=True, seen=frozenset(texts)))

    def typed(self, section: Section, text: str) -> None:
        """The field's text changed."""
        decision = self._decisions.get(section)
        if not self._may_change() or decision is None or decision.text == text:
            return
        if decision.by_hand:
            # One step back undoes a stretch of typing, not a letter.
            self._remember(section.value)
            self._decide(section, replace(decision, text=text))

    def keep(self, section: Section) -> None:
        """What arrived was looked at, and the choice stands."""
        decision = self._decisions.get(section)
        if self._may_change() and decision is not None:
            self._remember("")
            self._decide(section, replace(decision, seen=frozenset(self._texts(section))))

    def undo(self) -> None:
        """Take the last step back."""
        if self._undo and self._may_change():
            _, self._decisions = self._undo.pop()
            self._kept_changed()
            self._refresh()

    def show_newer(self) -> None:
        """Look at what arrived; choices stay, and those that it touches ask to be looked at."""
        if self._has_news():
            self._shown = self._newest
            # It said that there was news; that has been looked at now.
            self._read_problem = self._newest.problem if self._newest is not None else None
            self._refresh()

    def save(self) -> None:
        """Record the result as one version."""
        if self.state.may_save and self._shown is not None:
            text = NoteText()
            for line in self.state.result:
                text = text.with_section(line.section, line.text)
            self._port.settle(text, _ids(self._shown))

    def leave(self) -> None:
        """Go back without saving; what was written by hand is kept on this PC."""
        if not self.state.saving:
            self._leave()

    # ---- within --------------------------------------------------------------------------------

    def _may_change(self) -> bool:
        shown = self._shown
        return shown is not None and shown.signed_ms is None and not self.state.saving

    def _texts(self, section: Section) -> list[str]:
        shown = self._shown
        if shown is None:
            return []
        return list(dict.fromkeys(v.text.section(section) for v in _in_order(shown.versions)))

    def _remember(self, typing: str) -> None:
        if typing and self._undo and self._undo[-1][0] == typing:
            return
        self._undo = [*self._undo[-UNDO_STEPS:], (typing, dict(self._decisions))]

    def _decide(self, section: Section, decision: Decision) -> None:
        hand = decision.by_hand or self._is_by_hand(section)
        self._decisions = {**self._decisions, section: decision}
        if hand:
            self._kept_changed()
        self._refresh()

    def _is_by_hand(self, section: Section) -> bool:
        found = self._decisions.get(section)
        return found is not None and found.by_hand

    def _kept_changed(self) -> None:
        self._port.keep({s: d.text for s, d in self._decisions.items() if d.by_hand})

    def _refresh(self) -> None:
        shown, newest = self._shown, self._newest
        if shown is None or newest is None:
            return
        sections = tuple(self._section(shown, section) for section in Section)
        result = tuple(self._line(view) for view in sections)
        left = [t(f"section.{view.section.value}") for view in sections if not self._is_done(view)]
        news = self._has_news()
        nothing = shown.signed_ms is None and not any(view.differs for view in sections)
        title, words, tone = phrases.headline(shown, sections, nothing=nothing)
        newer, newer_words = phrases.news(shown, newest) if news else ("", "")
        why_not = ""
        if shown.signed_ms is None and not nothing:
            if news:
                why_not = t("versions.save.news")
            elif left:
                why_not = t("versions.save.open", sections=", ".join(left))
        problem = newest.problem if newest.problem is not self._read_problem else None
        may_save = shown.signed_ms is None and not nothing and not why_not and not newest.saving
        state = State(
            there=True,
            name=phrases.name(shown),
            facts=phrases.facts(shown),
            title=title,
            words=words,
            tone=tone,
            newer=newer,
            newer_words=newer_words,
            problem=problem.sentence if problem is not None else "",
            problem_words=problem.next_step if problem is not None else "",
            sections=sections,
            result=result,
            read_only=shown.signed_ms is not None,
            nothing=nothing,
            may_save=may_save,
            why_not=why_not,
            saving=newest.saving,
            may_undo=bool(self._undo) and shown.signed_ms is None and not newest.saving,
            history=phrases.history(newest),
        )
        if state != self.state:
            self.state = state
            self._show(state)

    def _section(self, shown: ChoosingState, section: Section) -> SectionView:
        texts, decision = self._texts(section), self._decisions.get(section)
        by_hand = decision is not None and decision.by_hand and shown.signed_ms is None
        if len(texts) == 1 and not by_hand:
            return SectionView(section, same=texts[0], settled=True)
        settled = decision is not None and decision.seen >= set(texts)
        cards = phrases.cards(_in_order(shown.versions), section, None if by_hand else decision)
        return SectionView(
            section,
            differs=True,
            cards=cards,
            grave=phrases.is_grave(cards),
            editing=by_hand,
            text=decision.text if decision is not None and by_hand else "",
            settled=settled,
            again=decision is not None and not settled,
            edit=t("versions.edit.taken" if decision is not None else "versions.edit.both"),
        )

    @staticmethod
    def _is_done(view: SectionView) -> bool:
        return view.settled or not view.differs

    def _line(self, view: SectionView) -> ResultLine:
        if not view.differs:
            return ResultLine(view.section, view.same)
        decision = self._decisions.get(view.section)
        if decision is None:
            return ResultLine(view.section, open=True)
        return ResultLine(
            view.section, decision.text, open=not view.settled, by_hand=decision.by_hand
        )


def _ids(state: ChoosingState) -> tuple[OpId, ...]:
    return tuple(version.revision for version in state.versions)


def _in_order(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    """The signed one first, then one's own, then by time."""
    return tuple(sorted(versions, key=lambda v: (not v.signed, not v.mine, v.at_ms)))
