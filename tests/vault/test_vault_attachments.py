from pathlib import Path

import pytest

from telemed_desk.vault.attachments import (
    CHUNK_BYTES,
    AttachmentFolder,
    open_chunks,
    seal_chunks,
)
from telemed_desk.vault.problems import PhotoDamaged, UnknownRecord
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Place

KEY = bytes(range(32))
ENTITY = b"p" * 16
JPEG = b"\xff\xd8" + bytes(range(256)) * 700 + b"\xff\xd9"


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 200_000])
def test_any_size_comes_back(size: int) -> None:
    plain = bytes(i % 251 for i in range(size))
    assert open_chunks(KEY, ENTITY, seal_chunks(KEY, ENTITY, plain)) == plain


def test_cutting_swapping_and_altering_are_noticed() -> None:
    sealed = seal_chunks(KEY, ENTITY, bytes(3 * CHUNK_BYTES))
    step = CHUNK_BYTES + 16
    head, chunks = sealed[:5], [sealed[5 + i * step : 5 + (i + 1) * step] for i in range(3)]
    broken = [
        head + b"".join(chunks[:2]),
        head + chunks[1] + chunks[0] + chunks[2],
        head + b"".join([*chunks, chunks[2]]),
        sealed[:-1],
        sealed[:100] + b"\0" + sealed[101:],
        head,
        b"",
        b"TMAT\x02" + sealed[5:],
    ]
    for data in broken:
        with pytest.raises(PhotoDamaged):
            open_chunks(KEY, ENTITY, data)
    with pytest.raises(PhotoDamaged):
        open_chunks(bytes(32), ENTITY, sealed)
    with pytest.raises(PhotoDamaged):
        open_chunks(KEY, b"q" * 16, sealed)


def test_the_layout_is_the_written_one() -> None:
    assert seal_chunks(KEY, ENTITY, b"photo").hex() == (
        "544d415401" + "193413ad5e018d80917d44b81dc3f70f656624010d"
    )


def test_a_photo_is_kept_encrypted_and_read_back(place: Place) -> None:
    vault, consultation = place.vault, new_id()
    op = vault.put_photo(
        consultation, JPEG, b"\xff\xd8small", 640, 360, source="page", at_ms=5
    ).result()
    vault.lock()
    vault = place.unlock()
    (photo,) = vault.photos_of(consultation)
    assert (photo.entity, photo.width, photo.source) == (op.entity, 640, "page")
    assert (photo.preview, photo.is_here) == (b"\xff\xd8small", True)
    assert vault.read_photo(photo.entity) == JPEG
    files = [p for p in (place.directory.path / "att").rglob("*") if p.is_file()]
    assert [p.name for p in files] == [photo.entity.hex()]
    assert JPEG[:40] not in files[0].read_bytes()
    data = bytearray(files[0].read_bytes())
    data[-1] ^= 1
    files[0].write_bytes(data)
    with pytest.raises(PhotoDamaged):
        vault.read_photo(photo.entity)
    files[0].unlink()
    with pytest.raises(UnknownRecord):
        vault.read_photo(photo.entity)
    assert vault.photos_of(consultation)[0].is_here is False
    with pytest.raises(UnknownRecord):
        vault.read_photo(new_id())


def test_a_photo_whose_record_cannot_be_written_leaves_no_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.vault._oplog, "append", fail)
    with pytest.raises(Exception, match="disk of this PC is full"):
        place.vault.put_photo(new_id(), JPEG, b"", 1, 1, source="page", at_ms=1).result()
    assert [p for p in (place.directory.path / "att").rglob("*") if p.is_file()] == []


def test_a_disk_that_returns_something_else_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = AttachmentFolder(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", lambda _: seal_chunks(KEY, ENTITY, b"else"))
    with pytest.raises(PhotoDamaged):
        folder.put(ENTITY, b"mine")
    assert not folder.has(ENTITY)
