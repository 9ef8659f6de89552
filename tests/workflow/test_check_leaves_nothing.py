"""A whole check on a real desk, and a search through every file that was written while it ran."""

import json
import platform
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from telemed_desk.devices.history import HISTORY_FILE
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.site import place_text
from telemed_desk.media.control import Devices
from telemed_desk.workflow.check_plan import CheckMode
from tests.end_to_end.headless_desk import new_vault, running_desk, running_server, until

WIDTH, HEIGHT, PICTURES = 320, 240, 30
RATE_HZ = 48_000
PIECE = 24
"""So many bytes in a row of a random picture or sound are no accident."""
RNG = np.random.default_rng(77)
PICTURE = RNG.integers(40, 220, (HEIGHT, WIDTH), dtype=np.uint8)
SOUND = RNG.integers(-3000, 3000, 2 * RATE_HZ).astype("<i2")
FILE_KINDS = (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n", b"RIFF", b"YUV4MPEG2", b"OggS", b"\x1aE\xdf\xa3")


def camera_file(folder: Path) -> Path:
    path = folder / "scene.y4m"
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg\n".encode())
        for _ in range(PICTURES):
            file.write(b"FRAME\n" + PICTURE.tobytes() + grey)
    return path


def microphone_file(folder: Path) -> Path:
    path = folder / "room.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(SOUND.tobytes())
    return path


def pieces() -> Iterator[tuple[str, bytes]]:
    for line in range(0, HEIGHT, 7):
        yield "a frame", PICTURE[line, 100 : 100 + PIECE].tobytes()
    raw = SOUND.tobytes()
    for start in range(0, len(raw) - PIECE, 4801 * 2):
        yield "sound", raw[start : start + PIECE]


def addresses() -> list[bytes]:
    found = {"127.0.0.1", "localhost", place_text(), platform.node()}
    return [text.encode() for text in found if len(text) > 3]


def written(folders: list[Path], before: dict[Path, tuple[int, int]]) -> list[Path]:
    return [path for path, stamp in stamps(folders).items() if before.get(path) != stamp]


def stamps(folders: list[Path]) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def what_it_holds(path: Path, *, with_addresses: bool) -> list[str]:
    data = path.read_bytes()
    found = [name for name, piece in pieces() if piece in data]
    found += ["a picture or sound file" for kind in FILE_KINDS if data.startswith(kind)]
    if with_addresses:
        found += ["an address" for text in addresses() if text in data]
    return sorted(set(found))


async def test_nothing_that_was_seen_heard_or_reached_is_on_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = {name: tmp_path / name for name in ("profile", "tmp", "home", "inputs")}
    for folder in scratch.values():
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch["tmp"]))
    monkeypatch.setenv("HOME", str(scratch["home"]))
    devices = Devices(
        f"file:{camera_file(scratch['inputs'])}",
        f"file:{microphone_file(scratch['inputs'])}",
        "null",
    )
    profile = scratch["profile"]
    async with running_server(tmp_path / "server") as server:
        vault = await new_vault(profile / "vault", server)
        ours = [profile, scratch["tmp"], scratch["home"], tmp_path / "server"]
        async with running_desk(vault, server.origin, devices, folder=profile) as desk:
            before = stamps(ours)
            checking = desk.session.checking
            checking.start(CheckMode.STANDARD)
            await until(lambda: checking.state.value.running, "the check runs")
            await until(lambda: not checking.state.value.running, "the check ends")
            state = checking.state.value
            assert state.verdict is not None
            report = json.dumps(checking.report())
        touched = written(ours, before)
        # The server's own files know where they listen; they are not the desk's.
        held = {
            path.name: what_it_holds(path, with_addresses=tmp_path / "server" not in path.parents)
            for path in touched
        }
    assert {name: found for name, found in held.items() if found} == {}
    seen = {finding.check for finding in state.findings if finding.value is not None}
    assert {"C2", "M4", "N1"} <= seen  # it did look, listen and reach
    assert profile / HISTORY_FILE in touched
    for text in addresses():
        assert text.decode() not in report
    names = set(json.loads((profile / HISTORY_FILE).read_text("utf-8").splitlines()[1])["values"])
    assert names <= set(LIMITS)


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        (b"x" * 999 + PICTURE.tobytes(), "a frame"),
        (b"y" + SOUND.tobytes()[2:], "sound"),
        (b"\xff\xd8\xff\xe0 JFIF", "a picture or sound file"),
        (b'{"at": "127.0.0.1"}', "an address"),
    ],
)
def test_the_search_finds_what_is_there(tmp_path: Path, planted: bytes, name: str) -> None:
    before = stamps([tmp_path])
    (tmp_path / "left").write_bytes(planted)
    (path,) = written([tmp_path], before)
    assert name in what_it_holds(path, with_addresses=True)
