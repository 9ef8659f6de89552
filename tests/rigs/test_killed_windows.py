"""The whole desk killed while somebody types in its window: what it called saved is shown again."""

import sys
from pathlib import Path

import pytest

from tests.rigs.apps import Windows, _compare, _Run, kill_windows

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
    pytest.mark.timeout(500),
]


def test_what_the_window_called_saved_is_shown_again(tmp_path: Path) -> None:
    found = kill_windows(tmp_path, 3, 1)
    assert found.wrong == []
    assert found.kills == 1


def test_what_is_missing_or_late_is_noticed() -> None:
    before = _Run(shown=0, keys=[(0, 1), (100, 2), (2000, 3)], saved=2, killed_ms=2000)
    found = Windows()
    assert len(_compare(before, _Run(shown=1, prefix=False), found)) == 2
    assert (found.lost, found.late) == (2, 1)
    assert _compare(before, _Run(shown=2), found) == []
    assert (found.lost, found.late) == (3, 1)
