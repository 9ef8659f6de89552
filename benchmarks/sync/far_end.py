"""The server's side of a link: the real server behind a relay that can be cut like a cable.

``python -m benchmarks.sync.far_end FOLDER CERTIFICATE KEY``. Says port and founding code as a line of
JSON, then answers each line of standard input, and ends when that does: ``cut``, ``mend``, ``fill
FILE`` (puts sealed segments straight into the log), ``log`` (what the log holds).
"""

import asyncio
import contextlib
import hashlib
import sqlite3
import struct
import sys
import time
from pathlib import Path

import msgspec

from telemed_protocol.segment import next_log_hash, parse_segment
from tests.server.rig import WIDE, ServerProcess

_LENGTH = struct.Struct(">I")


class Cable:
    """A TCP relay: cut, it breaks every connection and takes no new one."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()

    async def lay(self) -> None:
        """Listen."""
        server = await asyncio.start_server(self._accept, "0.0.0.0", 0)
        self.port = server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break everything."""
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._open -= {writer, far_writer}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(16_384):
                writer.write(data)
                await writer.drain()
        writer.close()


def write_wires(path: Path, wires: list[bytes]) -> None:
    """Write segments to a file for ``fill``."""
    path.write_bytes(b"".join(_LENGTH.pack(len(wire)) + wire for wire in wires))


def _read_wires(path: Path) -> list[bytes]:
    data, at, wires = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size + length
        wires.append(data[at - length : at])
    return wires


def fill(database: Path, wires: list[bytes]) -> int:
    """Put sealed segments into the log as if they had been pushed; return its head.

    Pushing years one by one would take the better part of an hour. Desks verify what they fetch
    all the same: numbers, hashes and signatures are the real ones.
    """
    clinic = parse_segment(wires[0]).header.clinic
    connection = sqlite3.connect(database, timeout=30)
    with contextlib.closing(connection), connection:
        head, log_hash = connection.execute(
            "SELECT head, log_hash FROM clinics WHERE clinic = ?", (clinic,)
        ).fetchone()
        rows = []
        for wire in wires:
            header, digest = parse_segment(wire).header, hashlib.sha256(wire).digest()
            head, log_hash = head + 1, next_log_hash(log_hash, digest)
            place = (clinic, head, header.device, header.lane, header.n)
            rows.append((*place, digest, log_hash, time.time(), wire))
        connection.executemany(
            "INSERT INTO segments (clinic, sseq, device, lane, n, hash, log_hash, stored_at, wire)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.execute(
            "UPDATE clinics SET head = ?, log_hash = ? WHERE clinic = ?", (head, log_hash, clinic)
        )
    return int(head)


def _log_of(database: Path) -> dict[str, int]:
    connection = sqlite3.connect(database, timeout=30)
    with contextlib.closing(connection):
        count, size, places = connection.execute(
            "SELECT count(*), coalesce(sum(length(wire)), 0), count(DISTINCT hash) FROM segments"
        ).fetchone()
    return {"segments": count, "bytes": size, "different": places}


async def _serve(server: ServerProcess) -> None:
    database = server.data / "server.sqlite"
    cable = Cable(server.port)
    await cable.lay()
    _say({"port": cable.port, "code": server.code().text})
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        match line:
            case ["cut"]:
                cable.cut()
                _say({})
            case ["mend"]:
                cable.mend()
                _say({})
            case ["fill", name]:
                _say({"head": await asyncio.to_thread(fill, database, _read_wires(Path(name)))})
            case _:
                _say(_log_of(database))


def _say(answer: object) -> None:
    print(msgspec.json.encode(answer).decode(), flush=True)


def main(folder: str, certificate: str, key: str) -> None:
    """Serve until standard input ends."""
    options = ["--host", "127.0.0.1", "--tls-cert", certificate, "--tls-key", key]
    options += ["--origin", "https://10.77.0.2"]
    with ServerProcess(Path(folder) / "server", *WIDE, *options) as server:
        asyncio.run(_serve(server))


if __name__ == "__main__":
    main(*sys.argv[1:])
