"""A disk that refuses any call costs nothing that was called done, and no refusal is a surprise."""

import errno
import sys
from pathlib import Path

import pytest

from tests.rigs.refusals import MANY, refuse_calls

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD"),
    pytest.mark.timeout(400),
]


@pytest.mark.parametrize(("code", "many"), [(errno.EIO, MANY[0]), (errno.ENOSPC, MANY[2])])
def test_nothing_that_was_called_done_is_lost(
    shim: Path, memory: Path, code: int, many: int
) -> None:
    found = refuse_calls(shim, memory, (7, many, code, 1), step=60, actions=10)
    assert found.wrong == []
    assert found.runs >= 3
    assert found.refused > 0, "some failures must have been told, or this test shows nothing"
