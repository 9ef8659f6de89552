"""SIGKILL at random moments of opening and of work costs nothing that was called done."""

import sys
from pathlib import Path

import pytest

from tests.rigs.doctors_work import Said, open_at
from tests.rigs.kills import kill_often
from tests.rigs.power import make_base
from tests.rigs.shortcomings import shortcomings

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="fork"),
    pytest.mark.timeout(400),
]


def test_nothing_that_was_called_done_is_lost(memory: Path) -> None:
    found = kill_often(memory / "vault", 20261123, 10)
    assert found.wrong == []
    assert (found.kills, found.actions > 10) == (10, True)


def test_each_thing_that_could_be_lost_is_missed(memory: Path) -> None:
    make_base(memory / "vault")
    said = Said(
        ops=99,
        typed={"00": "words"},
        signed={"11": "22"},
        photos={"33" * 16: "44"},
        heads={"1": (1, "55")},
        keys=1,
        cursor=1,
        strange=1,
        backups=1,
    )
    vault = open_at(memory / "vault", said)
    try:
        wrong = shortcomings(vault, said)
        assert shortcomings(vault, Said()) == []
    finally:
        vault.lock()
    for words in (
        *("lost ops", "lost typed text", "a signature is gone", "a photo", "is free again"),
        *("a key is gone", "what was pulled", "kept aside", "no backup verifies"),
    ):
        assert any(words in line for line in wrong), words
