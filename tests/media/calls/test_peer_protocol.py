"""The headless peer keeps its protocol, also with whoever does not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


class _Program:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def tell(self, **command: Any) -> None:
        await self.say(json.dumps(command).encode())

    async def hear(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        while line := await asyncio.wait_for(self.process.stdout.readline(), 60):
            heard: dict[str, Any] = json.loads(line)
            if heard["ev"] == event:
                return heard
        raise AssertionError(f"the peer left without '{event}'")


@asynccontextmanager
async def _peer(*options: str) -> AsyncIterator[_Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "telemed_desk.media.peer",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    try:
        yield _Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # the end of its input is the order to leave
        try:
            await asyncio.wait_for(process.wait(), 30)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0


async def test_bad_lines_are_refused_and_the_next_good_one_obeyed() -> None:
    async with _peer("--camera", "pattern:320x180@15") as peer:
        await peer.tell(cmd="prepare")
        assert (await peer.hear("ready"))["wall"] > 1e12
        for line, why in (
            (b"not json", "not JSON"),
            (b"[1, 2]", "not a JSON object"),
            (b'{"cmd": "dance"}', "unknown command"),
            (b'{"cmd": "onanswer", "sdp": "v=0"}', "no call yet"),
            (b'{"cmd": "candidate", "c": {"candidate": "x"}}', "no call yet"),
        ):
            await peer.say(line)
            assert why in (await peer.hear("error"))["e"]
        await peer.tell(cmd="offer", cfg={"iceServers": []})
        assert (await peer.hear("offer"))["sdp"].startswith("v=0")


async def test_an_offer_that_is_no_sdp_is_refused() -> None:
    async with _peer("--camera", "pattern:320x180@15") as peer:
        await peer.tell(cmd="prepare")
        await peer.hear("ready")
        await peer.tell(cmd="onoffer", sdp="nonsense", cfg={})
        assert (await peer.hear("error"))["e"]


async def test_the_offer_has_the_agreed_lines() -> None:
    async with _peer("--camera", "pattern:320x180@15") as peer:
        await peer.tell(cmd="prepare")
        await peer.hear("ready")
        await peer.tell(cmd="offer", cfg={})
        sdp = (await peer.hear("offer"))["sdp"]
    kinds = [line.split()[0] for line in sdp.splitlines() if line.startswith("m=")]
    assert kinds == ["m=audio", "m=video", "m=video", "m=application"]
    assert "a=group:BUNDLE 0 1 2 3" in sdp


async def test_without_devices_it_still_calls_and_writes_its_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with _peer("--camera", "none", "--microphone", "none") as peer:
        await peer.tell(cmd="prepare")
        await peer.hear("ready")
        await peer.tell(cmd="offer", cfg={})
        await peer.hear("offer")
        await peer.tell(cmd="finish", out=str(out))
        await peer.hear("done")
    assert {path.name for path in out.iterdir()} == {"data.npz", "thumbs.npz", "stats.json"}
