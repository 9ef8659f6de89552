import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disk.disk import build_shim


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory: the rigs look at what is asked of a disk, and need not wait for one."""
    there = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=there if there.is_dir() else None) as folder:
        yield Path(folder)
