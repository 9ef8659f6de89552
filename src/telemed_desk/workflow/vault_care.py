"""Looks after the vault while it is open: a backup an hour when there is news, all pages once a day.

Core thread; the work itself is done beside it, while others read and write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from telemed_desk.vault import Vault
from telemed_desk.vault.problems import VaultDamaged, VaultLocked
from telemed_protocol.errors import KnownError

FIRST_LOOK_S: Final = 60.0
LOOK_EVERY_S: Final = 600.0
BACKUP_EVERY_MS: Final = 3600_000
CHECK_EVERY_MS: Final = 24 * 3600_000
CHECKED_SETTING: Final = "care.checked_ms"
_log = structlog.get_logger("vault_care")


class VaultCare:
    """Backups and checks of one open vault.

    Args:
        vault: Looked after.
        now_ms: The wall clock.
        sleep: Waits.
    """

    def __init__(
        self,
        vault: Vault,
        now_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vault = vault
        self._now_ms = now_ms
        self._sleep = sleep
        self._news = True

    async def run(self) -> None:
        """Look from time to time, until cancelled."""
        stop = self._vault.on_change(lambda _changes: self._heard())
        try:
            await self._sleep(FIRST_LOOK_S)
            while True:
                await self.look()
                await self._sleep(LOOK_EVERY_S)
        finally:
            stop()

    async def look(self) -> None:
        """Do what is due now. What cannot be done is logged and tried again next time."""
        try:
            if self._backup_is_due():
                self._news = False
                await asyncio.to_thread(self._vault.back_up)
                _log.info("backup_made")
            if self._check_is_due():
                await self._check()
        except VaultLocked:
            return
        except VaultDamaged:
            self._vault.suspect()
            _log.error("pages_do_not_verify")
        except KnownError as error:
            self._news = True
            _log.warning("care_failed", code=error.code)

    def _heard(self) -> None:
        self._news = True

    def _backup_is_due(self) -> bool:
        newest = self._vault.newest_backup_ms()
        age_ms = None if newest is None else self._now_ms() - newest
        # One from the future tells that the clock was set back: its age cannot be told.
        return self._news and (age_ms is None or not 0 <= age_ms < BACKUP_EVERY_MS)

    def _check_is_due(self) -> bool:
        checked = int.from_bytes(self._vault.setting(CHECKED_SETTING) or b"", "big")
        return not 0 <= self._now_ms() - checked < CHECK_EVERY_MS

    async def _check(self) -> None:
        faults = await asyncio.to_thread(self._vault.verify_file)
        if faults:
            self._vault.suspect()
            _log.error("pages_do_not_verify", count=len(faults))
        now = self._now_ms().to_bytes(8, "big")
        await asyncio.wrap_future(self._vault.set_setting(CHECKED_SETTING, now))
