"""A real desk, a real server and the wire between them: none of a thousand planted things is found.

Not even in what a killed desk leaves behind. And a thing planted in any of those places is found.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telemed_desk import practice
from tests.end_to_end.headless_desk import running_server
from tests.end_to_end.tapped_line import TappedLine, tapped_line
from tests.secrecy.canaries import made
from tests.secrecy.search import Hit, Searcher

WAIT_S = 400.0
ROOT = Path(__file__).resolve().parents[2]
ON_THE_WIRE_BY_DESIGN = frozenset({"token"})
"""TLS is outside of what is tapped here; nobody but the server learns it."""

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc"),
    pytest.mark.timeout(900),
]


@dataclass
class Clinic:
    """Where everything of one desk and one server lies."""

    folder: Path
    line: TappedLine
    searcher: Searcher = field(init=False)
    secrets: dict[str, bytes] = field(default_factory=dict)
    looked_at: dict[str, int] = field(default_factory=dict)

    def places(self) -> dict[str, Path]:
        return {
            "desk": self.folder / "desk",
            "home and temporary files": self.folder / "home",
            "what it prints": self.folder / "printed",
            "server": self.folder / "clinic",
        }

    def look(self) -> list[Hit]:
        """Search every place as it is now."""
        hits: list[Hit] = []
        for name, path in self.places().items():
            hits += self.searcher.in_folder(path, name)
            files = [p for p in path.rglob("*") if p.is_file()]
            self.looked_at[name] = sum(p.stat().st_size for p in files)
        heard = self.searcher.in_bytes(bytes(self.line.heard), "wire", wire=True)
        self.looked_at["wire"] = len(self.line.heard)
        return hits + [hit for hit in heard if hit.name not in ON_THE_WIRE_BY_DESIGN]


@dataclass
class DeskProcess:
    """The desk in its own process, paused where it says."""

    process: asyncio.subprocess.Process
    told: int

    def secrets(self) -> dict[str, bytes]:
        """Its keys and tokens, told through a pipe of their own."""
        with os.fdopen(self.told, "rb") as pipe:
            line = pipe.readline()
        return {name: bytes.fromhex(value) for name, value in json.loads(line).items()}

    async def says(self, word: str) -> None:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), WAIT_S)
        assert line.decode().strip() == word, f"ended by itself: {self.process.returncode}"

    def go_on(self, words: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode() + b"\n")

    def about(self) -> bytes:
        """What others on this machine may see of it: command and, for the same user, environment."""
        place = Path(f"/proc/{self.process.pid}")
        seen = (place / "cmdline").read_bytes()
        with contextlib.suppress(OSError):  # of a process that nobody may look into
            seen += (place / "environ").read_bytes()
        return seen

    def leaves_core_dumps(self) -> bool:
        limits = Path(f"/proc/{self.process.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        # What may not be dumped belongs to root: proc(5), "/proc/pid".
        owner = Path(f"/proc/{self.process.pid}/status").stat().st_uid
        return core.split()[4:6] != ["0", "0"] or (os.geteuid() != 0 and owner == os.geteuid())


@contextlib.asynccontextmanager
async def desk_process(clinic: Clinic) -> AsyncIterator[DeskProcess]:
    for folder in ("home/tmp", "printed", "desk"):
        (clinic.folder / folder).mkdir(parents=True)
    told, write = os.pipe()
    with (clinic.folder / "printed" / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.secrecy.canary_desk",
            str(clinic.folder / "desk"), clinic.line.origin, str(write),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
            cwd=ROOT, pass_fds=(write,),
            env={
                "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PYTHONDONTWRITEBYTECODE": "1",
                "HOME": str(clinic.folder / "home"), "TMPDIR": str(clinic.folder / "home" / "tmp"),
            },
        )  # fmt: skip
    os.close(write)
    try:
        desk = DeskProcess(process, told)
        yield desk
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.communicate()
        with contextlib.suppress(OSError):  # read to its end already
            os.close(told)


async def test_none_of_a_thousand_planted_things_is_found_anywhere(tmp_path: Path) -> None:
    port = practice.free_port(0)
    async with (
        tapped_line(port) as line,
        running_server(tmp_path / "clinic", port=port, also_reached_at=(line.origin,)) as server,
    ):
        clinic = Clinic(tmp_path, line)
        code = await asyncio.to_thread(practice.founding_code, server.data)
        async with desk_process(clinic) as desk:
            desk.go_on(code)
            await desk.says("open")
            clinic.secrets = await asyncio.to_thread(desk.secrets)
            planted = made()
            words = planted.names | clinic.secrets
            assert len(words) >= 1000
            clinic.searcher = Searcher(words)
            assert await asyncio.to_thread(clinic.look) == []
            assert not clinic.searcher.in_bytes(desk.about(), "process")
            assert not desk.leaves_core_dumps()
            desk.go_on()
            await desk.says("locked")
            assert await asyncio.to_thread(clinic.look) == []
            desk.go_on()
            await desk.says("typing")
            desk.process.send_signal(signal.SIGKILL)
            await desk.process.wait()
        assert await asyncio.to_thread(clinic.look) == []
        assert await asyncio.to_thread(_pin_in, clinic, planted.pin) == []
        for place in ("desk", "server", "wire"):
            assert clinic.looked_at[place] > 100_000, place
        await asyncio.to_thread(_control, clinic)


def _pin_in(clinic: Clinic, pin: str) -> list[str]:
    """Six digits are too few for the search: they must stand by themselves, and not in a time."""
    alone = re.compile(rf"(?<![\d.]){pin}(?!\d)".encode())
    files = [p for folder in clinic.places().values() for p in folder.rglob("*") if p.is_file()]
    return [str(path) for path in files if alone.search(path.read_bytes())]


def _control(clinic: Clinic) -> None:
    """Put a planted thing into every file of every place, of a copy, and see all of them named."""
    key = clinic.secrets["master key"]
    for name, folder in clinic.places().items():
        copied = clinic.folder / "control" / folder.name
        shutil.copytree(folder, copied)
        (copied / "left over").touch()
        files = {path for path in copied.rglob("*") if path.is_file()}
        for path in files:
            whole = path.read_bytes()
            middle = len(whole) // 2
            path.write_bytes(whole[:middle] + key.hex().encode() + whole[middle:])
        found = {hit.place for hit in clinic.searcher.in_folder(copied, name)}
        assert found == {f"{name}/{path.relative_to(copied)}" for path in files}
    (clinic.folder / "printed" / "leak").write_text(f"PIN {made().pin}")
    assert len(_pin_in(clinic, made().pin)) == 1
    clinic.line.heard += key
    assert {hit.place for hit in clinic.look()} == {"wire"}
