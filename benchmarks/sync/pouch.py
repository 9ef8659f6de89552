"""Bytes a note costs on the wire: ours beside PouchDB's replication of the same notes.

Both push to a server of their own on loopback, without TLS, through a relay that counts what TCP
carries both ways. Ours: the real desk, the real server, signing in and asking included.
"""

import asyncio
import json
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.sync.desk_end import Line
from benchmarks.sync.history import note_drafts
from telemed_desk.sync.enrolment import found_clinic
from telemed_desk.sync.server_client import ServerClient
from tests.server.rig import WIDE, ServerProcess
from tests.support.waiting import until
from tests.sync.real_desk import RealDesk, wall_ms
from tests.sync.wire_tap import WireTap

PACKAGES: Final = ("pouchdb", "pouchdb-server")
BATCH: Final = 1_000


class NoPouch(Exception):
    """PouchDB could not be had; the text is the command and what it said."""


def obtain(folder: Path) -> Path:
    """Have npm put PouchDB into a folder, unless it is there; return its ``node_modules``.

    Raises:
        NoPouch: No node, no npm, or no network.
    """
    modules = folder / "node_modules"
    if (modules / "express-pouchdb").is_dir():
        return modules
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NoPouch("npm: not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        raise NoPouch(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    return modules


def pouch(modules: Path, notes: int, seed: int) -> dict[str, Any]:
    """Replicate the notes with PouchDB."""
    documents = []
    for draft in note_drafts(random.Random(seed), notes, wall_ms()):
        payload = {**draft.payload, "consultation": bytes(draft.payload["consultation"]).hex()}  # type: ignore[arg-type]
        author = "a1" * 16
        documents.append({"_id": draft.entity.hex(), "author": author, **payload})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notes.json"
        path.write_text(json.dumps(documents))
        done = subprocess.run(
            ["node", str(Path(__file__).with_name("pouch.js")), str(path)],
            capture_output=True,
            text=True,
            timeout=900,
            check=True,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules.resolve()), "HOME": folder},
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


async def ours(notes: int, seed: int) -> dict[str, Any]:
    """Push the notes as the desk does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ServerProcess(folder / "server", *WIDE) as server:
            async with WireTap(server.port).running() as tap:
                desk = RealDesk(folder / "desk", "Dr Amina Mfano", tap.url)
                desk.client = ServerClient(tap.url, desk.identity)
                founded = await found_clinic(desk.client, server.code().text, desk.identity)
                desk.vault.set_clinic(founded.clinic).result()
                await asyncio.to_thread(desk.vault.keep_member_records, founded.chain.records)
                await asyncio.to_thread(desk.vault.keep_epoch_key, 0, founded.epoch_key)
                line = Line(desk)
                async with line.running():
                    await until(lambda: line.up, "the line", timeout_s=60)
                    await line.at_rest(60)
                    line.driver.pause()
                    drafts = list(note_drafts(random.Random(seed), notes, wall_ms()))
                    for at in range(0, len(drafts), BATCH):
                        await asyncio.to_thread(desk.vault.commit(*drafts[at : at + BATCH]).result)
                    before = len(tap.bytes_seen)
                    line.driver.resume()
                    await asyncio.sleep(0.5)
                    await line.at_rest(600)
                    carried = len(tap.bytes_seen) - before
                await desk.close()
    return {"carried": carried}
