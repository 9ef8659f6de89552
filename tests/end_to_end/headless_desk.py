"""A whole desk without windows: real server process, real vault, real media process, real sync.

The tests act on it as the screens do, through the session.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from telemed_desk import practice
from telemed_desk.media.control import Devices
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Vault, VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_desk.workflow.booking import PatientLink, make_link
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.session import Session
from telemed_desk.workflow.set_up import NewDesk, set_up

T = TypeVar("T")
TEST_DEVICES = Devices(camera="pattern:640x360@15", microphone="tone:440", speaker="null")
WAIT_S = 60.0


async def until(condition: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Poll a condition; on a loaded machine things take their time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.05)


@dataclass
class HeadlessDesk:
    """One PC of the clinic."""

    vault: Vault
    session: Session
    core: CoreThread
    hub: MediaHub
    bugs: list[BaseException] = field(default_factory=list)

    async def on_core(self, action: Callable[[], T]) -> T:
        """Run something on the core thread, as the desk does."""

        async def run() -> T:
            return action()

        return await asyncio.wrap_future(self.core.submit(run()))

    async def link(self) -> PatientLink:
        """Make a link for the first booking of the day."""
        today = start_of_day_ms(wall_ms())
        booked = self.vault.today(today - DAY_MS, today + 2 * DAY_MS)
        consultation = next(c for c, _ in booked if c.state.value == "booked")
        return await asyncio.wrap_future(
            self.core.submit(make_link(self.vault, self.session.client, consultation, wall_ms()))
        )


@contextlib.asynccontextmanager
async def running_server(
    folder: Path, *, port: int = 0, also_reached_at: tuple[str, ...] = ()
) -> AsyncIterator[practice.PracticeServer]:
    """The real server as its own process, on a free loopback port unless told which."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    server = await asyncio.to_thread(
        practice.start_server,
        folder / "server",
        port or practice.free_port(0),
        folder / "server.log",
        also_reached_at,
    )
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def new_vault(
    folder: Path, server: practice.PracticeServer, *, code: str = "", name: str = ""
) -> Vault:
    """Set a PC up: founding the clinic without a code, joining it with one."""
    founding = not code
    result = await set_up(
        VaultDirectory(folder),
        NewDesk(
            server_url=server.origin,
            code=code or await asyncio.to_thread(practice.founding_code, server.data),
            clinician_name=name or practice_data.CLINICIAN,
            role=practice_data.CLINICIAN_ROLE,
            passphrase=practice_data.PASSPHRASE,
            clinic_name=practice_data.CLINIC_NAME if founding else "",
            clinic_phone=practice_data.CLINIC_PHONE if founding else "",
        ),
        lambda _step: None,
    )
    if result.problem is not None:
        raise result.problem
    assert result.vault is not None
    vault = result.vault
    if founding:
        drafts = practice_data.practice_ops(
            vault.clinic or b"", vault.clinician.entity, vault.identity.device, wall_ms()
        )
        await asyncio.wrap_future(vault.commit(*drafts))
    return vault


@contextlib.asynccontextmanager
async def running_desk(
    vault: Vault,
    origin: str,
    devices: Devices = TEST_DEVICES,
    *,
    media: bool = True,
    folder: Path | None = None,
) -> AsyncIterator[HeadlessDesk]:
    """Unlock: core thread, media process, session; ``folder`` is what it keeps beside the vault."""
    bugs: list[BaseException] = []
    core = CoreThread(lambda call: call(), bugs.append)
    core.start()
    hub = MediaHub(devices)

    async def client() -> ServerClient:
        return ServerClient(origin, vault.identity)

    server_client = await asyncio.wrap_future(core.submit(client()))
    if media:
        await asyncio.wrap_future(core.submit(hub.start()))

    async def make() -> Session:
        return Session(core, vault, server_client, hub, folder)

    session = await asyncio.wrap_future(core.submit(make()))
    session.start()
    desk = HeadlessDesk(vault, session, core, hub, bugs)
    try:
        yield desk
        assert not bugs, bugs
    finally:
        await asyncio.wrap_future(core.submit(session.close()))
        if media:
            await asyncio.wrap_future(core.submit(hub.stop()))
        await asyncio.to_thread(core.stop)
