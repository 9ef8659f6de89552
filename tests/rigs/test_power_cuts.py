"""A power cut at any moment of the real work costs nothing that was called saved."""

import sys
from pathlib import Path

import pytest

from tests.rigs.power import power_cuts

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD"),
    pytest.mark.timeout(400),
]


def test_nothing_that_was_called_saved_is_lost(shim: Path, memory: Path) -> None:
    found = power_cuts(shim, memory, 20261123, cuts=24)
    assert found.wrong == []
    assert found.states > 60
    assert found.spoiled > 3


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        ("NORMAL", "lost typed text"),
        ("photos-not-synced", "a photo: TD-VLT"),
        ("journal-not-synced", "lost unsent ops"),
    ],
)
def test_a_planted_laxity_is_found(shim: Path, memory: Path, plant: str, words: str) -> None:
    found = power_cuts(shim, memory, 4, cuts=40, plant=plant, until=words)
    assert any(words in line for line in found.wrong), found.wrong[:5]
