"""A lie counts when a desk looks at it: not when it is planned, nor when its answer is lost."""

from collections.abc import Callable

import pytest

from tests.simulator.history import History
from tests.simulator.people import plain_note
from tests.simulator.world import HOUR_MS, Parts, Plan


class Lied:
    """Four notes that everybody but the last desk has read; from then on it is lied to."""

    def __init__(self, kind: str) -> None:
        self.history = History(2, Plan(desks=3, liar=kind), Parts())
        assert self.history.liar is not None
        self.liar = self.history.liar
        self.writer, _, self.victim = self.history.desks
        self.device = self.victim.identity.device
        for words in ("one", "two", "three", "four"):
            self.writes(words)
        self.victim.line_up = False
        for words in ("five", "six"):
            self.writes(words)
        for _ in range(100):  # until something fits the lie
            self.liar.begin({self.device}, self.after)
        assert self.liar.lying

    @property
    def after(self) -> int:
        return self.victim.store.cursor().sseq

    def writes(self, words: str) -> None:
        self.writer.record(plain_note(words))
        self.history.world.run_until(self.history.world.now_ms + HOUR_MS)

    def serves_a_page(self) -> Callable[[], None]:
        """Return what the desk does with it, if it comes."""
        page, after = self.liar.pull(self.device, self.after, 4), self.after
        return lambda: self.liar.page_taken(self.device, page, after)

    def serves_members(self) -> Callable[[], None]:
        records, _ = self.liar.members(self.device)
        return lambda: self.liar.members_taken(self.device, records)


@pytest.mark.parametrize("kind", ["omit", "swap", "edit", "stranger", "forge"])
def test_a_page_tells_a_lie_once_it_is_looked_at(kind: str) -> None:
    lied = Lied(kind)
    look = lied.serves_a_page()
    assert lied.liar.lied_to == set()
    look()
    assert lied.liar.lied_to == {lied.device}


def test_a_log_shorter_than_it_was_tells_so_once_it_is_looked_at() -> None:
    lied = Lied("rollback")
    assert lied.liar._other is not None
    del lied.liar._other.log[lied.after - 1 :]
    look = lied.serves_a_page()
    assert lied.liar.lied_to == set()
    look()
    assert lied.liar.lied_to == {lied.device}


def test_a_made_up_member_is_told_of_once_the_members_are_looked_at() -> None:
    lied = Lied("stranger")
    look = lied.serves_members()
    assert lied.liar.lied_to == set()
    look()
    assert lied.liar.lied_to == {lied.device}


def test_two_histories_contradict_each_other_once_the_page_is_looked_at() -> None:
    lied = Lied("fork")
    honest = lied.serves_a_page()
    for number in range(10):  # the liar passes on one in two, and each names what it hides
        lied.writes(f"on the other side {number}")
    assert lied.liar._contradictions
    assert lied.liar.lied_to == set()
    honest()
    assert lied.liar.lied_to == set()
    while lied.victim.store.cursor().sseq < len(lied.liar.pull(lied.device, 0, 99).segments):
        look = lied.serves_a_page()
        look()
        if lied.liar.lied_to:
            break
        page, asked = lied.liar.pull(lied.device, lied.after, 4), lied.victim.hands.position()
        lied.victim.hands.take_page(page, asked)
    assert lied.liar.lied_to == {lied.device}
