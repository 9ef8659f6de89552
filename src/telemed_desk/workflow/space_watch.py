"""Watches the room on the vault's disk, so that the screens say it before something is refused."""

import asyncio
from collections.abc import Callable
from typing import Final

from telemed_desk.vault import SpaceLeft, Vault

LOOK_EVERY_S: Final = 15.0


async def watch_space(
    vault: Vault, on_space: Callable[[SpaceLeft], None], every_s: float = LOOK_EVERY_S
) -> None:
    """Look now and then, until cancelled or locked. Core thread; the look is taken beside it."""
    while not vault.is_locked:
        on_space(await asyncio.to_thread(vault.look_at_space))
        await asyncio.sleep(every_s)
