"""Every decoder refuses what it cannot read; nothing else happens. See ``python -m tests.fuzz``."""

import random

import pytest

from tests.fuzz import corpus
from tests.fuzz.__main__ import blindly
from tests.fuzz.targets import TARGETS, feed, seeds
from tests.rigs.mutations import altered

INPUTS: dict[str, list[bytes]] = {name: [] for name in TARGETS}
for _name, _data in seeds():
    INPUTS[_name].append(_data)
EXAMPLES = 250


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_kept_and_what_is_near_it_is_read_or_refused(name: str) -> None:
    kept = corpus.load().get(name, [])
    rng = random.Random(name)
    for data in (*INPUTS[name], *kept):
        feed(name, data)
    near = [data for data in (*INPUTS[name], *kept) if data]
    for _ in range(EXAMPLES):
        feed(name, altered(rng.choice(near), rng))


def test_the_corpus_is_small_and_of_targets_that_exist() -> None:
    assert corpus.load().keys() <= TARGETS.keys()
    assert corpus.PATH.stat().st_size < 200_000


def test_a_decoder_that_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        if data[:1] == b"\x42":
            raise IndexError

    monkeypatch.setitem(TARGETS, "op", broken)
    _, wrong = blindly("op", [b"\x41\x41"], 60, 1)
    assert "IndexError" in wrong[0]
