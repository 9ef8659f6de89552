"""An exported file: cut, altered, shuffled or with another secret, it does not open."""

import io
import random

import pytest

from telemed_desk.vault.problems import ExportUnreadable
from telemed_desk.vault.sealed_stream import CHUNK_BYTES, SealedWriter, SecretOf, read_sealed
from tests.vault.vault_kit import CHEAP

SECRET = b"granite otter velvet lantern"
STEP = CHUNK_BYTES + 16


def sealed(plain: bytes) -> bytes:
    out = io.BytesIO()
    writer = SealedWriter(out, SECRET, "passphrase", CHEAP)
    for at in range(0, len(plain), 10_000):
        writer.write(plain[at : at + 10_000])
    writer.finish()
    return out.getvalue()


def opened(data: bytes, secret: bytes = SECRET) -> bytes:
    return b"".join(read_sealed(data, SecretOf(secret, None)))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 300_000])
def test_what_goes_in_comes_out(size: int) -> None:
    plain = random.Random(size).randbytes(size)
    assert opened(sealed(plain)) == plain


def test_whatever_is_done_to_it_is_noticed() -> None:
    rng = random.Random(3)
    plain = rng.randbytes(3 * CHUNK_BYTES + 5)
    data = sealed(plain)
    head = len(data) - (3 * STEP + 5 + 16)
    swapped = (
        data[:head] + data[head + STEP : head + 2 * STEP] + data[head : head + STEP]
        + data[head + 2 * STEP :]
    )  # fmt: skip
    cut_at_a_chunk = data[: head + 2 * STEP]
    doubled = data[: head + STEP] + data[head:]
    for altered in (swapped, cut_at_a_chunk, doubled, data + b"x", data[:-1], b"", data[:5]):
        with pytest.raises(ExportUnreadable):
            opened(altered)
    for _ in range(300):
        flipped = bytearray(data)
        flipped[rng.randrange(head) if rng.random() < 0.5 else rng.randrange(len(data))] ^= 1
        with pytest.raises(ExportUnreadable):
            opened(bytes(flipped))
    with pytest.raises(ExportUnreadable):
        opened(data, b"another")
    assert opened(data) == plain


def test_a_file_that_asks_for_more_memory_than_there_is_is_refused_unread() -> None:
    data = sealed(b"x")
    assert data.count(b"\x40\x01\x01") == 1, "the cost: 64 KiB, one pass, one lane"
    greedy = data.replace(b"\x40\x01\x01", b"\xce\x7f\xff\xff\xff\x01\x01")
    greedy = greedy[:5] + (int.from_bytes(greedy[5:7], "big") + 4).to_bytes(2, "big") + greedy[7:]
    with pytest.raises(ExportUnreadable):
        opened(greedy)
