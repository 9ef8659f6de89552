from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vault.vault_kit import Place, make_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


@pytest.fixture
def another_place(tmp_path: Path) -> Iterator[Callable[[], Place]]:
    made: list[Place] = []

    def make() -> Place:
        made.append(make_place(tmp_path / f"vault-{len(made) + 2}"))
        return made[-1]

    yield make
    for each in made:
        each.close()
