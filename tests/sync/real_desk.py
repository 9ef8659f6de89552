"""A desk without windows: the real vault, the real sync, a real server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from telemed_desk.clinical.people import Clinician
from telemed_desk.sync.driver import SyncDriver
from telemed_desk.sync.ports import SegmentStore
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_desk.vault import Argon2Cost, Vault, VaultDirectory
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id
from telemed_protocol.op import Op
from tests.support.waiting import until

PASSPHRASE = "four fictional lamps over Kisumu"
QUICK = Argon2Cost(memory_kib=8 * 1024, passes=1, lanes=1)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class RealDesk:
    """Vault, client and driver of one PC."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        self.clinician = Clinician(new_id(), name)
        self.identity = DeviceIdentity.generate(new_id())
        self.directory = VaultDirectory(folder, reserve_bytes=4096)
        self.vault: Vault
        self.vault, _ = self.directory.create(
            clinician=self.clinician,
            passphrase=PASSPHRASE,
            device=self.identity,
            argon=QUICK,
        )
        self.vault.photo_stop_bytes = 0  # whatever the disk under test has left
        self.client = ServerClient(url, self.identity)
        self.statuses: list[SyncStatus] = []
        self.applied: list[Op] = []

    @property
    def store(self) -> SegmentStore:
        return self.vault

    @contextlib.asynccontextmanager
    async def syncing(self) -> AsyncIterator[SyncDriver]:
        driver = SyncDriver(
            self.store,
            self.identity,
            self.client,
            clock=wall_ms,
            on_status=self.statuses.append,
            on_applied=self.applied.extend,
            originals=self.vault,
        )
        task = asyncio.create_task(driver.run())
        try:
            yield driver
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        await self.client.aclose()
        await asyncio.to_thread(self.vault.lock)


async def at_rest(driver: SyncDriver, desk: RealDesk) -> None:
    """Wait until everything has its receipt."""

    def done() -> bool:
        return (
            driver.status.phase is Phase.IDLE
            and driver.status.waiting_ops == 0
            and not desk.vault.unacknowledged()
            and not desk.vault.pending_batches(1000)
        )

    await until(done, "everything sent", timeout_s=60)
