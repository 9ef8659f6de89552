"""Whatever a server sends is refused, kept aside, found at the next exchange, or harmless."""

from collections.abc import Callable
from typing import Any

import pytest

from telemed_desk.sync import hands, receiving
from tests.rigs import mutations
from tests.rigs.mutations import Mutations
from tests.simulator.broken import believes_members
from tests.sync.memory_store import MemoryStore


def nothing(*_: object, **__: object) -> None:
    return None


def test_no_altered_answer_is_silently_accepted() -> None:
    tally = Mutations().play(range(600))
    assert tally.silent == []
    assert tally.verdicts["refused"] > 400


@pytest.mark.parametrize(
    ("module", "name", "planted"),
    [
        (receiving.LogReader, "_check_chains", nothing),
        (MemoryStore, "log_hash_at", nothing),
        (hands, "grown_chain", believes_members),
    ],
    ids=["chains", "receipts", "members"],
)
def test_a_check_left_out_is_found(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, planted: Callable[..., object]
) -> None:
    rig = Mutations()
    monkeypatch.setattr(module, name, planted)
    assert rig.play(range(3000)).silent


def test_a_photo_that_is_not_checked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Mutations()
    monkeypatch.setattr(mutations, "open_chunks", lambda *_: mutations.JPEG)
    assert rig.play(range(300)).silent
