"""What all tests share."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

# The same examples in every run, so that a red run is about the change; TELEMED_SEEDS asks for others.
settings.register_profile("same", derandomize=True)
if "TELEMED_SEEDS" not in os.environ:
    settings.load_profile("same")


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Postgres]":
    """One PostgreSQL for the whole run; each test takes a fresh database of it."""
    from tests.support.postgres import running  # noqa: PLC0415 - most tests need no driver for it

    with running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def second_postgres() -> "Iterator[Postgres]":
    from tests.support.postgres import running  # noqa: PLC0415 - as above

    with running(mortal=True) as cluster:
        yield cluster


@pytest.fixture
def mortal_postgres(second_postgres: "Postgres") -> "Iterator[Postgres]":
    """A second PostgreSQL, which tests may crash and whose disk they may fill."""
    yield second_postgres
    second_postgres.free_disk()
    if not second_postgres.is_running:
        second_postgres.start()
