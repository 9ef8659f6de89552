"""Originals of photos between two real desks and a real server, over a line that breaks."""

import asyncio
import contextlib
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from telemed_desk.sync.driver import SyncDriver
from telemed_desk.sync.originals import OriginalFetcher
from telemed_desk.sync.problems import OriginalNotThere, ServerUnreachable
from telemed_desk.vault import SyncState
from telemed_desk.vault.problems import NoRoomForPhotos, PhotoForged, UnknownRecord
from telemed_desk.workflow.photo_opening import PhotoNotShown, PhotoOpening
from telemed_protocol.attachments import PART_BYTES, Announce, part_count
from telemed_protocol.ids import new_id
from tests.server.rig import WIDE, ServerProcess
from tests.support.waiting import until
from tests.sync.real_desk import RealDesk, at_rest, wall_ms
from tests.sync.test_two_desks import found, join
from tests.sync.wire_tap import WireTap

PREVIEW = b"\xff\xd8" + bytes(3000) + b"\xff\xd9"


def jpeg(seed: int, size: int) -> bytes:
    return b"\xff\xd8" + random.Random(seed).randbytes(size) + b"\xff\xd9"


@contextlib.asynccontextmanager
async def clinic(
    server: ServerProcess, folder: Path
) -> AsyncIterator[tuple[RealDesk, RealDesk, WireTap]]:
    async with WireTap(server.port).running() as tap:
        a = RealDesk(folder / "a", "Dr Amina Mfano", tap.url)
        b = RealDesk(folder / "b", "Dr Brian Mfano", tap.url)
        await found(server, a)
        await join(a, b)
        try:
            yield a, b, tap
        finally:
            await a.close()
            await b.close()


def take(desk: RealDesk, picture: bytes) -> bytes:
    op = desk.vault.put_photo(
        new_id(), picture, PREVIEW, 640, 480, source="page", at_ms=wall_ms()
    ).result()
    return op.entity


async def all_there(driver: SyncDriver, desk: RealDesk) -> None:
    await at_rest(driver, desk)
    await until(lambda: not desk.vault.originals_waiting(), "originals sent", timeout_s=60)
    await until(lambda: driver.status.originals == 0, "nothing waits", timeout_s=60)


async def test_an_original_reaches_the_other_desk_and_is_sent_only_when_all_is_there(
    tmp_path: Path,
) -> None:
    picture = jpeg(1, 300_000)
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, b, tap):
            photo = take(a, picture)
            state = a.vault.sync_of(photo)
            assert state is not None
            assert state.state is SyncState.ON_THIS_PC
            async with a.syncing() as driver:
                await all_there(driver, a)
            state = a.vault.sync_of(photo)
            assert state is not None
            assert state.state is SyncState.SENT
            assert a.vault.outbox().count == 0
            async with b.syncing() as driver:
                await until(
                    lambda: bool(b.vault.sync_items(1) or b.applied), "preview", timeout_s=60
                )
                await at_rest(driver, b)
            with pytest.raises(UnknownRecord):
                b.vault.read_photo(photo)
            seen: list[tuple[int, int]] = []
            fetcher = OriginalFetcher(b.vault, b.client, wall_ms)
            await fetcher.fetch(photo, lambda got, of: seen.append((got, of)))
            assert b.vault.read_photo(photo) == picture
            assert seen[-1][0] == seen[-1][1] > len(picture)
            # What came is not sent back.
            assert b.vault.originals_waiting() == []
            assert picture[1000:1100] not in tap.bytes_seen
        assert picture[1000:1100] not in (tmp_path / "server" / "server.sqlite").read_bytes()


async def test_through_cuts_little_is_sent_twice(tmp_path: Path) -> None:
    """Cut in the middle of a part, again and again; a person presses "try now" each time."""
    picture = jpeg(2, 800_000)
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, _b, tap):
            photo = take(a, picture)
            size, _ = a.vault.sealed_original(photo)
            cuts = 0
            async with a.syncing() as driver:
                while (cuts < 6 and driver.status.originals_bytes > 3 * PART_BYTES) or cuts == 0:
                    mark = len(tap.bytes_seen)
                    enough = mark + PART_BYTES + PART_BYTES // 2

                    def carried(enough: int = enough) -> bool:
                        return len(tap.bytes_seen) > enough or not a.vault.originals_waiting()

                    await until(carried, "some parts", timeout_s=60)
                    tap.cut()
                    cuts += 1
                    await asyncio.sleep(0)
                    tap.mend()
                    driver.try_now()
                await all_there(driver, a)
            state = await a.client.original_state(photo)
            assert state.whole
            # At most what was on its way at each cut, four parts on this fast line.
            assert len(tap.bytes_seen) < size + cuts * 5 * PART_BYTES + 200_000
            assert cuts >= 3


async def test_a_desk_that_was_killed_goes_on_where_the_server_is(tmp_path: Path) -> None:
    picture = jpeg(3, 1_200_000)
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, _b, tap):
            photo = take(a, picture)
            async with a.syncing() as driver:
                await until(
                    lambda: 0 < driver.status.originals_bytes < 1_150_000, "begun", timeout_s=60
                )
            # The task was cancelled in the middle, whatever it was doing; so is the server.
            server.kill()
            server.start()
            with contextlib.suppress(ServerUnreachable):  # a connection to the killed one was kept
                await a.client.original_state(photo)
            held = await a.client.original_state(photo)
            assert not held.whole or not a.vault.originals_waiting()
            mark = len(tap.bytes_seen)
            async with a.syncing() as driver:
                await all_there(driver, a)
            assert (await a.client.original_state(photo)).whole
            assert len(tap.bytes_seen) - mark < 1_200_000


async def test_altered_parts_are_refused_and_said(tmp_path: Path) -> None:
    """A server that gives out other bytes, with a hash that fits them."""
    picture = jpeg(4, 100_000)
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, b, _tap):
            photo = take(a, picture)
            sealed = bytearray(a.vault.original_part(photo, 0) + a.vault.original_part(photo, 1))
            sealed += a.vault.original_part(photo, 2) + a.vault.original_part(photo, 3)
            sealed[70_000] ^= 1
            forged = bytes(sealed)
            said = Announce(len(forged), hashlib.sha256(forged).digest())
            await a.client.announce_original(photo, said)
            for part in range(part_count(len(forged))):
                await a.client.put_part(
                    photo, part, forged[part * PART_BYTES : (part + 1) * PART_BYTES]
                )
            async with a.syncing() as driver:
                await until(lambda: bool(driver.status.problem), "said", timeout_s=60)
                assert driver.status.waiting_ops == 0
            async with b.syncing() as driver:
                await until(lambda: bool(b.applied), "preview", timeout_s=60)
                await at_rest(driver, b)
            with pytest.raises(PhotoForged):
                await OriginalFetcher(b.vault, b.client, wall_ms).fetch(photo)
            with pytest.raises(UnknownRecord):
                b.vault.read_photo(photo)
            # The desk that took it says that it is not sent.
            state = a.vault.sync_of(photo)
            assert state is not None
            assert state.state is SyncState.WAITING


async def test_opening_brings_a_photo_and_puts_right_one_that_was_damaged(tmp_path: Path) -> None:
    noise = np.random.default_rng(8).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    picture = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, b, tap):
            photo, strange = take(a, picture), take(a, jpeg(9, 1_000))
            async with a.syncing() as driver:
                await all_there(driver, a)
            async with b.syncing() as driver:
                await until(lambda: len(b.applied) > 1, "previews", timeout_s=60)
                await at_rest(driver, b)
            opening = PhotoOpening(None, b.vault, b.client)  # type: ignore[arg-type]  # no GUI here
            seen: list[int] = []
            opened = await opening.opened(photo, lambda got, _of: seen.append(got))
            assert (opened.jpeg, opened.problem) == (picture, None)
            assert seen
            # Authentic, and yet nothing that any of our PCs would have made.
            not_ours = await opening.opened(strange, lambda *_: None)
            assert isinstance(not_ours.problem, PhotoNotShown)
            assert not_ours.jpeg == b""
            file = b.vault._attachments.path_of(photo)
            file.write_bytes(file.read_bytes()[:-1])
            seen.clear()
            assert (await opening.opened(photo, lambda got, _of: seen.append(got))).jpeg == picture
            assert seen
            # Only the PC that took it says where it is: once it says so, everybody can have it.
            assert opened.state == ""
            mine = await PhotoOpening(None, a.vault, a.client).opened(  # type: ignore[arg-type]
                photo, lambda *_: None
            )
            assert mine.state == "sent"
            assert mine.receipt_ms is not None
            # From here on it needs nobody.
            tap.cut()
            assert (await opening.opened(photo, lambda *_: None)).jpeg == picture
            b.vault.photo_stop_bytes = 2**62
            file.unlink()
            tap.mend()
            full = await opening.opened(photo, lambda *_: None)
            assert isinstance(full.problem, NoRoomForPhotos)


async def test_a_photo_that_is_not_there_yet_is_said(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, _b, tap):
            photo = take(a, jpeg(5, 90_000))
            fetcher = OriginalFetcher(a.vault, a.client, wall_ms)
            with pytest.raises(OriginalNotThere):
                await fetcher.fetch(photo)
            size, sha256 = a.vault.sealed_original(photo)
            await a.client.announce_original(photo, Announce(size, sha256))
            await a.client.put_part(photo, 0, a.vault.original_part(photo, 0))
            with pytest.raises(OriginalNotThere):
                await fetcher.fetch(photo)
            tap.cut()
            with pytest.raises(ServerUnreachable):
                await fetcher.fetch(photo)


async def test_photos_of_an_earlier_version_are_found_and_sent(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", *WIDE) as server:
        async with clinic(server, tmp_path) as (a, _b, _tap):
            photo = take(a, jpeg(6, 50_000))
            a.vault.trial(
                lambda connection, _log: connection.exec_driver_sql("DELETE FROM original")
            ).result()
            assert a.vault.originals_waiting() == []
            async with a.syncing() as driver:
                await until(lambda: driver.status.originals == 1, "found", timeout_s=60)
                await all_there(driver, a)
            assert (await a.client.original_state(photo)).whole


async def test_a_full_share_keeps_photos_here_and_lets_notes_go(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", *WIDE, "--attachment-quota-mb", "0") as server:
        async with clinic(server, tmp_path) as (a, _b, _tap):
            photo = take(a, jpeg(7, 50_000))
            async with a.syncing() as driver:
                await until(lambda: driver.status.problem == "TD-NET-009", "told", timeout_s=60)
                assert driver.status.waiting_ops == 0
            state = a.vault.sync_of(photo)
            assert state is not None
            assert state.state is SyncState.WAITING
            assert a.vault.outbox().count == 1
