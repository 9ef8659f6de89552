"""The clinic's side of a link: real desks (vault, sync, the line to the waiting room), no window.

``python -m benchmarks.sync.desk_end FOLDER`` reads one :class:`Order` a line and answers each with
lines of JSON. What takes long says ``{"begun": true}`` first.
"""

import asyncio
import contextlib
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.sync.far_end import write_wires
from benchmarks.sync.history import (
    DAY_MS,
    NEWEST_DAYS,
    VISITS_A_DAY,
    ClinicHistory,
    note_drafts,
)
from telemed_desk.sync.desk_socket import DeskSocket, LinkState
from telemed_desk.sync.driver import SyncDriver
from telemed_desk.sync.enrolment import (
    found_clinic,
    make_invitation,
)
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.sync.status import Phase
from telemed_desk.vault import OpDraft, SyncState
from telemed_protocol.ids import new_id
from tests.support.waiting import until
from tests.sync.let_in import let_in
from tests.sync.real_desk import RealDesk, wall_ms

BATCH = 1_000
LONG_S = 3_000.0


class Order(msgspec.Struct, frozen=True):
    """What to do; fields that an order does not need are left out."""

    do: str
    url: str = ""
    authority: str = ""
    code: str = ""
    notes: int = 0
    seed: int = 1
    changes: bool = False
    visits: int = 0


class Line:
    """A desk with its sync and its line running, as in the desk's own session."""

    def __init__(self, desk: RealDesk) -> None:
        self.desk = desk
        self.up = False
        self.driver: SyncDriver
        self.socket = DeskSocket(
            desk.client,
            on_room=lambda _room: None,
            on_box=lambda *_box: None,
            on_head=lambda sseq: self.driver.head_announced(sseq),  # noqa: PLW0108 - made below
            on_enrol=lambda: None,
            on_link=self._on_link,
        )
        self.driver = SyncDriver(
            desk.store,
            desk.identity,
            desk.client,
            clock=wall_ms,
            on_status=lambda _status: None,
            on_applied=lambda _ops: None,
            urgent=self.socket.push,
            bulk=desk.vault,
        )

    def _on_link(self, state: LinkState, _rtt_ms: float | None) -> None:
        was_up, self.up = self.up, state is LinkState.UP
        if was_up != self.up:
            self.driver.link_changed(up=self.up)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Line"]:
        """Run both until the block ends; a commit wakes sync as in the desk."""
        stop = self.desk.vault.on_change(lambda _changes: self.driver.poke())
        jobs = [asyncio.create_task(self.driver.run()), asyncio.create_task(self.socket.run())]
        try:
            yield self
        finally:
            stop()
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def at_rest(self, limit_s: float = LONG_S) -> None:
        """Wait until all is sent and fetched."""

        def done() -> bool:
            status = self.driver.status
            return status.phase is Phase.IDLE and status.waiting_ops == 0

        await until(done, "everything sent", timeout_s=limit_s)


class DeskEnd:
    """Two PCs of one clinic: A has been there, B is new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._desks: list[RealDesk] = []
        self._order = Order("")
        self._end_ms = 0
        self._took: list[float] = []

    def _desk(self, name: str, order: Order) -> RealDesk:
        desk = RealDesk(self._folder / f"{name}{len(self._desks)}", f"Dr {name} Mfano", order.url)
        desk.client = ServerClient(order.url, desk.identity, ca_file=Path(order.authority))
        self._desks.append(desk)
        return desk

    async def follow(self, order: Order) -> dict[str, Any]:
        """Do it and return the answer."""
        match order.do:
            case "found":
                return await self._found(order)
            case "upload":
                return await self._upload(order)
            case "verify":
                return await self._verify()
            case "history":
                return self._history(order)
            case "join":
                return await self._join()
            case _:
                return await self._newest(order)

    async def _found(self, order: Order) -> dict[str, Any]:
        self._order = order
        desk = self._desk("A", order)
        founded = await found_clinic(desk.client, order.code, desk.identity)
        desk.vault.set_clinic(founded.clinic).result()
        await asyncio.to_thread(desk.vault.keep_member_records, founded.chain.records)
        await asyncio.to_thread(desk.vault.keep_epoch_key, 0, founded.epoch_key)
        return {}

    # ---- upload ----------------------------------------------------------------------------

    async def _upload(self, order: Order) -> dict[str, Any]:
        desk = self._desks[0]
        line = Line(desk)
        async with line.running():
            await until(lambda: line.up, "the line", timeout_s=120)
            await line.at_rest()
            line.driver.pause()
            drafts = list(note_drafts(random.Random(order.seed), order.notes, wall_ms()))
            for at in range(0, len(drafts), BATCH):
                await asyncio.to_thread(desk.vault.commit(*drafts[at : at + BATCH]).result)
            await asyncio.sleep(2)
            say({"begun": True})
            began = time.monotonic()
            line.driver.resume()
            changes = asyncio.create_task(self._changes(line, order))
            await self._all_notes_sent(desk, order.notes)
            seconds = time.monotonic() - began
            changes.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await changes
            took = list(self._took)
            await line.at_rest()
        with desk.vault.reading() as connection:
            segments, payload = connection.exec_driver_sql(
                "SELECT count(*), sum(size) FROM segment WHERE own = 1 AND lane = 1"
            ).one()
        return {
            "seconds": seconds,
            "payload": payload,
            "segments": segments,
            "changes_s": took,
            "median_s": statistics.median(took) if took else 0.0,
        }

    async def _all_notes_sent(self, desk: RealDesk, notes: int) -> None:
        def sent() -> bool:
            with desk.vault.reading() as connection:
                (count,) = connection.exec_driver_sql(
                    "SELECT coalesce(sum(o.n), 0) FROM (SELECT segment_n, count(*) n FROM op WHERE"
                    " own = 1 AND lane = 1 AND segment_n IS NOT NULL GROUP BY segment_n) o JOIN"
                    " segment s ON s.own = 1 AND s.lane = 1 AND s.n = o.segment_n"
                    " WHERE s.stored_ms IS NOT NULL"
                ).one()
            return int(count) >= notes

        limit = time.monotonic() + LONG_S
        while not await asyncio.to_thread(sent):
            if time.monotonic() > limit:
                raise TimeoutError("notes")
            await asyncio.sleep(0.1)

    async def _changes(self, line: Line, order: Order) -> None:
        """Change the queue again and again, and time each until the server has it."""
        self._took = []
        rng = random.Random(order.seed)
        while order.changes:
            await asyncio.sleep(rng.uniform(2.0, 4.0))
            entity = rng.randbytes(16)
            began = time.monotonic()
            draft = OpDraft("consult.state", entity, {"state": "waiting", "at_ms": wall_ms()})
            await asyncio.to_thread(line.desk.vault.commit(draft).result)
            while not await asyncio.to_thread(_is_sent, line.desk, entity):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.02)
            self._took.append(time.monotonic() - began)

    # ---- a second PC -----------------------------------------------------------------------

    async def _join(self) -> dict[str, Any]:
        a, b = self._desks[0], self._desk("B", self._order)
        code = await make_invitation(a.client, wall_ms() / 1000)
        key = a.vault.epoch_key(0)
        assert key is not None
        member = (a.client, a.identity, verified_chain(a.vault.member_records()))
        chain, granted = await let_in(member, (b.client, b.identity), code, {0: key})
        await asyncio.to_thread(a.vault.keep_member_records, chain.records)
        b.vault.set_clinic(granted.clinic).result()
        await asyncio.to_thread(b.vault.keep_member_records, granted.chain.records)
        await asyncio.to_thread(b.vault.keep_epoch_key, 0, granted.keys[0])
        return {}

    async def _verify(self) -> dict[str, Any]:
        """Fetch all on a second PC and compare op by op with the first."""
        await self._join()
        a, b = self._desks[0], self._desks[-1]
        line = Line(b)
        async with line.running():
            await until(lambda: line.up, "the line", timeout_s=120)
            await line.at_rest()
        mine = _ops(a, "own = 1")
        there = _ops(b, "own = 0")
        return {"lost": len(set(mine) - set(there)), "doubled": len(there) - len(set(there))}

    def _history(self, order: Order) -> dict[str, Any]:
        a = self._desks[0]
        key = a.vault.epoch_key(0)
        assert key is not None
        assert a.vault.clinic is not None
        history = ClinicHistory(a.identity, a.vault.clinic, key, bytes(new_id()), order.seed)
        self._end_ms = wall_ms()
        wires = list(history.wires(order.visits, self._end_ms))
        path = self._folder / "history"
        write_wires(path, wires)
        return {"file": str(path), "segments": len(wires), "bytes": sum(map(len, wires))}

    async def _newest(self, order: Order) -> dict[str, Any]:
        b = self._desks[-1]
        after = self._end_ms - NEWEST_DAYS * DAY_MS
        wanted = min(order.visits, NEWEST_DAYS * VISITS_A_DAY)
        line = Line(b)
        times: dict[str, float] = {}
        say({"begun": True})
        began = time.monotonic()
        async with line.running():
            while "all" not in times:
                seen = await asyncio.to_thread(_seen, b, after)
                now = time.monotonic() - began
                reached = {
                    "newest": seen["visits"] >= wanted and seen["notes"] >= wanted,
                    "names": seen["names"] >= wanted,
                    "all": seen["ever"] >= order.visits,
                }
                for name, there in reached.items():
                    if there and name not in times:
                        times[name] = now
                        if name == "newest":
                            times["names_at_newest"] = seen["names"] / wanted
                if now > LONG_S:
                    raise TimeoutError("history")
                await asyncio.sleep(0.25)
        return times


def _is_sent(desk: RealDesk, entity: bytes) -> bool:
    found = desk.vault.sync_of(entity)
    return found is not None and found.state is SyncState.SENT


def _ops(desk: RealDesk, which: str) -> list[tuple[bytes, int, bytes]]:
    with desk.vault.reading() as connection:
        rows = connection.exec_driver_sql(f"SELECT device, number, payload FROM op WHERE {which}")
        return [tuple(row) for row in rows]


def _seen(desk: RealDesk, after: int) -> dict[str, int]:
    with desk.vault.reading() as connection:
        visits, names = connection.exec_driver_sql(
            "SELECT count(*), count(p.entity) FROM consult c LEFT JOIN patient p"
            " ON p.entity = c.patient WHERE c.booked_ms >= ? AND c.state = 'signed'",
            (after,),
        ).one()
        (notes,) = connection.exec_driver_sql(
            "SELECT count(*) FROM note WHERE changed_ms >= ? AND revision = 2", (after,)
        ).one()
        (ever,) = connection.exec_driver_sql(
            "SELECT count(*) FROM consult WHERE state = 'signed'"
        ).one()
    return {"visits": visits, "names": names, "notes": notes, "ever": ever}


def say(answer: object) -> None:
    """Answer a line."""
    print(msgspec.json.encode(answer).decode(), flush=True)


async def _run(folder: Path) -> None:
    end = DeskEnd(folder)
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(await end.follow(msgspec.json.decode(line, type=Order)))


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
