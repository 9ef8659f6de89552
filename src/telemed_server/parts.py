"""What every route needs, made once, and who is asking."""

import time
from typing import cast

from starlette.requests import HTTPConnection, Request

from telemed_server import auth
from telemed_server.auth import Challenges, Member
from telemed_server.errors import RequestRefused
from telemed_server.hub import Hub
from telemed_server.limiting import Limiter, network_of
from telemed_server.page import PageFiles
from telemed_server.probe_leases import ProbeLeases
from telemed_server.probe_responder import Responder
from telemed_server.settings import Settings
from telemed_server.store import Store


class Parts:
    """The server's parts. The event loop owns all of them; the store has a thread of its own."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.limiter = Limiter(settings.limits)
        self._challenges: Challenges | None = None
        self.hub = Hub(settings, store)
        self.page = PageFiles(settings.page)
        self.probes = ProbeLeases(Responder(), max_bps=settings.probe_max_bps)

    async def challenges(self) -> Challenges:
        """Return the maker of nonces; the first time its key comes from the store."""
        if self._challenges is None:
            self._challenges = Challenges(await self.store.run(auth.nonce_key))
        return self._challenges

    async def member(self, request: Request) -> Member:
        """Return the device that asks.

        Raises:
            RequestRefused: 401, or 429.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RequestRefused(401, "not_authorised")
        member = await self.store.run(lambda db: auth.member_of(db, time.time(), token))
        self.limiter.check("device", member.device.hex())
        return member

    def check_network(self, connection: HTTPConnection, limit: str) -> None:
        """Count one for the sender's network.

        Raises:
            RequestRefused: 429.
        """
        self.limiter.check(limit, network_of_asker(connection))


def network_of_asker(connection: HTTPConnection) -> str:
    """Return the key of the network that a request comes from."""
    return network_of(connection.client.host if connection.client else "")


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the app that handles this request."""
    return cast("Parts", connection.app.state.parts)
