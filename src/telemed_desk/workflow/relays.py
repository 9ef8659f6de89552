"""The STUN and TURN servers a call may use, with credentials that stay fresh. Core thread."""

import asyncio

import structlog

from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.errors import KnownError
from telemed_protocol.talk import IceServer

ICE_EVERY_S = 240.0
"""The relays' credentials are good for ten minutes."""
_log = structlog.get_logger("session")


class Relays:
    """Asks the clinic's server every few minutes; keeps the last answer while it is away."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client
        self.servers: list[IceServer] = []

    async def run(self) -> None:
        """Keep them fresh until cancelled."""
        while True:
            try:
                self.servers = await self._client.ice_servers()
            except KnownError as error:
                _log.info("no_relay_list", code=error.code)
            await asyncio.sleep(ICE_EVERY_S)
