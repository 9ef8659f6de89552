"""Who may fill a link at this moment: one PC of a site, so much at a time and so much an hour.

A site is a clinic in one network, as this server sees it (:func:`.limiting.network_of`). Two PCs of a
site that come by IPv4 and by IPv6 are taken for two sites. In memory: a restart forgets all leases,
and with them who had one; the datagrams of a forgotten one are not answered.
"""

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from telemed_protocol import probe
from telemed_protocol.api import ProbeGrant
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.probe_responder import Grant, Responder

LEASE_S: Final = 40.0
THOROUGH_LEASE_S: Final = 90.0
MAX_BYTES: Final = 4_000_000
THOROUGH_MAX_BYTES: Final = 30_000_000
CLINIC_BYTES_AN_HOUR: Final = 300_000_000
AT_ONCE: Final = 16
HOUR_S: Final = 3600.0


@dataclass(slots=True)
class _Lease:
    session: bytes
    device: bytes
    ends_at: float


@dataclass(slots=True)
class _Account:
    began_at: float
    used: int = 0


@dataclass
class ProbeLeases:
    """All leases of this server. Event loop only.

    Args:
        responder: Is told who may come.
        host, port: Where it listens, as desks reach it; port 0 = nowhere, so that leases only keep
            PCs of a site apart.
        max_bps: The fastest that it sends to one desk.
        clock: Monotonic seconds; the responder's as well.
    """

    responder: Responder
    host: str = ""
    port: int = 0
    max_bps: int = 30_000_000
    clock: Callable[[], float] = time.monotonic
    _leases: dict[tuple[bytes, str], _Lease] = field(default_factory=dict)
    _accounts: dict[bytes, _Account] = field(default_factory=dict)

    def ask(self, member: Member, network: str, *, thorough: bool) -> ProbeGrant:
        """Give a lease; a device's own older one ends.

        Raises:
            RequestRefused: 409 ``other_pc_checks`` while another PC of the site has one, 429
                ``probe_bytes`` when the clinic has moved enough for this hour, 503 ``busy``.
        """
        now = self.clock()
        self._end_late(now)
        site = (member.clinic, network)
        held = self._leases.get(site)
        if held is not None and held.device != member.device:
            raise RequestRefused(
                409, "other_pc_checks", retry_after_s=max(1, math.ceil(held.ends_at - now))
            )
        for own in [s for s, lease in self._leases.items() if lease.device == member.device]:
            self._drop(own)
        if len(self._leases) >= AT_ONCE:
            raise RequestRefused(503, "busy", retry_after_s=10)
        account = self._account(member.clinic, now)
        size = THOROUGH_MAX_BYTES if thorough else MAX_BYTES
        if account.used + size > CLINIC_BYTES_AN_HOUR:
            wait_s = math.ceil(account.began_at + HOUR_S - now)
            raise RequestRefused(429, "probe_bytes", retry_after_s=max(1, wait_s))
        life_s = THOROUGH_LEASE_S if thorough else LEASE_S
        session = secrets.token_bytes(probe.SESSION_BYTES)
        key = secrets.token_bytes(probe.KEY_BYTES)
        self._leases[site] = _Lease(session, member.device, now + life_s)

        def spend(moved: int) -> None:
            account.used += moved

        if self.port:
            grant = Grant(session, key, now + life_s, size, size, self.max_bps, spend)
            self.responder.admit(grant)
        return ProbeGrant(session, key, self.port, self.host, life_s, size, self.max_bps)

    def end(self, member: Member, session: bytes) -> None:
        """Take a lease back; one that is over or another's is left as it is."""
        for site, lease in list(self._leases.items()):
            if lease.session == session and lease.device == member.device:
                self._drop(site)

    def _drop(self, site: tuple[bytes, str]) -> None:
        self.responder.dismiss(self._leases.pop(site).session)

    def _end_late(self, now: float) -> None:
        for site in [site for site, lease in self._leases.items() if now >= lease.ends_at]:
            self._drop(site)

    def _account(self, clinic: bytes, now: float) -> _Account:
        for old in [c for c, held in self._accounts.items() if now - held.began_at >= HOUR_S]:
            del self._accounts[old]
        return self._accounts.setdefault(clinic, _Account(now))
