"""One server for the tests that do not mind each other, over each store; a fresh clinic for each."""

from collections.abc import Iterator

import pytest

from tests.server.rig import WIDE, Desk, ServerProcess


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    store = None
    if request.param == "postgresql":
        store = request.getfixturevalue("postgres").fresh()
    secret = tmp_path_factory.mktemp("secret") / "turn"
    secret.write_text("a fictional relay secret\n")
    with ServerProcess(
        tmp_path_factory.mktemp("server") / "data",
        *WIDE,
        *("--lease-seconds", "2", "--stun-url", "stun:127.0.0.1:3478"),
        *("--turn-url", "turn:127.0.0.1:3478?transport=udp", "--turn-secret-file", str(secret)),
        store=store,
    ) as process:
        yield process


@pytest.fixture
def desk(server: ServerProcess) -> Iterator[Desk]:
    made = Desk.founding(server)
    yield made
    made.close()
