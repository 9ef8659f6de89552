"""The search finds a planted secret in every form, and nothing in what is random."""

import random

import pytest

from tests.secrecy.search import Searcher, forms_of, packed

WORD = "zqłvbkwtrpmd"
KEY = bytes(range(100, 132))
SECRETS = {"word": WORD.encode(), "key": KEY}


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    many = {f"other {n}": random.Random(f"other {n}").randbytes(16) for n in range(1000)}
    return Searcher({**SECRETS, **many})


NOISE = random.Random(7).randbytes(300_000)


@pytest.mark.parametrize("name", list(SECRETS))
def test_every_form_is_found_in_the_middle_of_noise(searcher: Searcher, name: str) -> None:
    for form, data in forms_of(SECRETS[name]).items():
        hits = searcher.in_bytes(NOISE[:5000] + data + NOISE[5000:9000], "there")
        assert any(hit.name == name for hit in hits), form
    assert len(forms_of(SECRETS[name])) >= 9


def test_it_is_found_at_every_alignment_of_base64(searcher: Searcher) -> None:
    import base64  # noqa: PLC0415 - only here

    for before in range(6):
        text = b"x" * before + KEY + b"y" * (before % 4)
        for encoded in (base64.b64encode(text), base64.urlsafe_b64encode(text)):
            assert any(h.name == "key" for h in searcher.in_bytes(encoded, "there")), before


@pytest.mark.parametrize("kind", list(packed(b"")))
def test_it_is_found_inside_streams(searcher: Searcher, kind: str) -> None:
    hits = searcher.in_bytes(NOISE[:3000] + packed(WORD.encode())[kind] + NOISE[:50], "there")
    assert [hit.name for hit in hits][:1] == ["word"]


def test_it_is_found_below_a_mask_on_a_wire(searcher: Searcher) -> None:
    text = b'{"t":"x","name":"' + WORD.encode() + b'"}'
    mask = bytes((0x9A, 0x11, 0xF3, 0x42))
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
    data = NOISE[:1000] + masked + NOISE[:1000]
    assert not searcher.in_bytes(data, "there")
    assert [hit.name for hit in searcher.in_bytes(data, "there", wire=True)] == ["word"]


def test_nothing_is_found_where_nothing_is(searcher: Searcher) -> None:
    assert searcher.in_bytes(NOISE, "there", wire=True) == []
