"""Which of the working paths carries a call, and whether it still does.

Every path that passed a check stays a candidate for as long as the call lives. The one that carries
is asked for consent (RFC 7675) every 2.5 s, and at once when nothing was heard for 0.75 s: so silence
in the media (DTX, muted, camera off) never looks like a dead path. While it is quiet, the other paths
are tried at the same time and the first that answers takes over; while it is a relay, better paths
are tried now and then and taken when they answer. The controlling side says so by USE-CANDIDATE, as
RFC 5245's aggressive nomination does and browsers follow. Loop thread.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterable
from typing import Any, Final, Protocol

from aioice import ice, stun

log = logging.getLogger(__name__)

S: Final = 1_000_000_000
TEND_S: Final = 0.25
CONSENT_INTERVAL_S: Final = 2.5
CONSENT_EXPIRY_S: Final = 30.0
"""RFC 7675, 5.1: consent ends 30 s after the last valid answer."""
QUIET_NS: Final = 750_000_000
"""Nothing heard for so long: ask. An answer is due after a round trip."""
DEAD_NS: Final = 1_500_000_000
"""A path not heard for so long gives way to any that answers."""
_ASK_AGAIN_NS: Final = (500_000_000, 2 * S)
"""Between two checks of a path: soon at first; in a long silence they would only fill a thin link."""
_NO_ANSWER_NS: Final = 8 * S
"""It is heard, and does not hear us: consent is asked for every 3 s, an answer may be lost twice."""
_UPGRADE_NS: Final = (2 * S, 15 * S)
"""How often better paths are tried: first, and after many tries in vain."""
_MOST_AT_ONCE: Final = 12
_CONSENT_REPEATS: Final = 4
"""0.5 + 1 + 2 + 4 + 8 s: an answer may take 15 s."""


class Connection(Protocol):
    """The part of :class:`~.ice.PatientConnection` that matters here."""

    ice_controlling: bool
    remote_password: str | None
    _nominated: dict[int, ice.CandidatePair]
    _check_list: list[ice.CandidatePair]
    _closing: bool

    def heard(self, protocol: ice.StunProtocol, address: tuple[str, int]) -> None:
        """Note that the other side was heard there."""
        ...

    def pair_all(self) -> None:
        """Pair what is known on both sides."""
        ...

    def build_request(self, pair: ice.CandidatePair, nominate: bool) -> stun.Message:  # noqa: FBT001 - aioice's
        """Return a check."""
        ...

    def check_complete(self, pair: ice.CandidatePair) -> None:
        """Take the end of a check."""
        ...

    def spawn(self, work: Any) -> None:
        """Run something until the connection closes."""
        ...


class PathChoice:
    """The paths of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heard_ns: dict[tuple[Any, tuple[str, int]], int] = {}
        self._asked_ns: dict[ice.CandidatePair, int] = {}
        self._consent_due_ns = 0
        self._upgrade_ns = 0
        self._upgrade_gap_ns = _UPGRADE_NS[0]
        self.consent_ns: int | None = None
        self.rtt_ms: float | None = None
        self.expired = False
        self.switches = 0
        self.path_lost = False

    # ---- what is known ----------------------------------------------------------------------

    @property
    def carrying(self) -> ice.CandidatePair | None:
        """The pair that carries, None before there is one."""
        return next(iter(self._connection._nominated.values()), None)  # noqa: SLF001 - aioice has no accessor

    @property
    def kind(self) -> str:
        """How the call travels: direct, relay-udp, relay-tcp, relay-tls, relay (the other side's)."""
        pair = self.carrying
        if pair is None:
            return ""
        if pair.local_candidate.type == "relay":
            return f"relay-{getattr(pair.protocol.transport, 'way', 'udp')}"
        return "relay" if pair.remote_candidate.type == "relay" else "direct"

    def heard(self, protocol: Any, address: tuple[str, int], now_ns: int) -> None:
        """Note that something authentic came on a path."""
        self._heard_ns[protocol, address] = now_ns

    def _quiet_ns(self, pair: ice.CandidatePair, now_ns: int) -> int:
        return now_ns - self._heard_ns.get((pair.protocol, pair.remote_addr), 0)

    def _priority(self, pair: ice.CandidatePair) -> int:
        return ice.candidate_pair_priority(
            pair.local_candidate, pair.remote_candidate, self._connection.ice_controlling
        )

    def prefers(self, pair: ice.CandidatePair, now_ns: int) -> bool:
        """Say whether a pair that works should carry instead of the one that does."""
        current = self.carrying
        if current is None or current is pair or self._is_dead(now_ns):
            return True
        return self._priority(pair) > self._priority(current)

    def lost(self, protocol: ice.StunProtocol) -> None:
        """A socket or relay is gone."""
        current = self.carrying
        if current is not None and current.protocol is protocol:
            self.path_lost = True

    def moved(self, addresses: frozenset[str]) -> None:
        """This PC has these addresses now; a path from another one is gone."""
        current = self.carrying
        if current is None:
            return
        local = current.local_candidate
        self.path_lost = self.path_lost or (local.type == "host" and local.host not in addresses)
        self._asked_ns.clear()
        self._upgrade_ns, self._upgrade_gap_ns = 0, _UPGRADE_NS[0]
        self._look(time.monotonic_ns())

    # ---- what is done -----------------------------------------------------------------------

    async def tend(self) -> None:
        """Look after the paths from the first nomination to the end."""
        now_ns = time.monotonic_ns()
        self.consent_ns = now_ns
        self._upgrade_ns = now_ns + int(TEND_S * S)
        while True:
            await asyncio.sleep(TEND_S)
            self._look(time.monotonic_ns())

    def _look(self, now_ns: int) -> None:
        current, consent_ns = self.carrying, self.consent_ns
        if current is None or consent_ns is None:
            return
        if now_ns - consent_ns > CONSENT_EXPIRY_S * S:
            if not self.expired:
                log.info("consent to send expired")
            self.expired = True  # a restart brings another connection, and with it consent
            return
        quiet = self.path_lost or self._quiet_ns(current, now_ns) > QUIET_NS
        if now_ns >= self._consent_due_ns or quiet:
            self._ask(current, now_ns, nominate=False, repeats=_CONSENT_REPEATS)
            # spread, so that checks of many calls do not fall together
            spread = 0.8 + 0.4 * random.random()  # noqa: S311 - guards nothing
            self._consent_due_ns = now_ns + int(CONSENT_INTERVAL_S * spread * S)
        if quiet:
            self._connection.pair_all()
            self._try(self._others(current), now_ns)
        elif now_ns >= self._upgrade_ns:
            self._look_for_better(current, now_ns)

    def _look_for_better(self, current: ice.CandidatePair, now_ns: int) -> None:
        self._connection.pair_all()
        mine = self._priority(current)
        better = [p for p in self._others(current) if self._priority(p) > mine]
        self._try(better, now_ns)
        self._upgrade_ns = now_ns + self._upgrade_gap_ns
        self._upgrade_gap_ns = min(self._upgrade_gap_ns * 3 // 2, _UPGRADE_NS[1])

    def _others(self, current: ice.CandidatePair) -> list[ice.CandidatePair]:
        return [p for p in self._connection._check_list if p is not current]  # noqa: SLF001 - as above

    def _try(self, pairs: Iterable[ice.CandidatePair], now_ns: int) -> None:
        longest_ago_first = sorted(pairs, key=lambda pair: self._asked_ns.get(pair, 0))
        for pair in longest_ago_first[:_MOST_AT_ONCE]:
            self._ask(pair, now_ns, nominate=self._connection.ice_controlling, repeats=2)

    def _ask(self, pair: ice.CandidatePair, now_ns: int, *, nominate: bool, repeats: int) -> None:
        current = self.carrying
        quiet_ns = 0 if current is None else self._quiet_ns(current, now_ns)
        gap_ns = min(max(quiet_ns // 4, _ASK_AGAIN_NS[0]), _ASK_AGAIN_NS[1])
        if now_ns - self._asked_ns.get(pair, 0) >= gap_ns:
            self._asked_ns[pair] = now_ns
            self._connection.spawn(self._check(pair, nominate=nominate, repeats=repeats))

    async def _check(self, pair: ice.CandidatePair, *, nominate: bool, repeats: int) -> None:
        connection = self._connection
        begun_ns = time.monotonic_ns()
        try:
            _, address = await pair.protocol.request(
                connection.build_request(pair, nominate=nominate),
                pair.remote_addr,
                integrity_key=(connection.remote_password or "").encode("utf8"),
                retransmissions=repeats,
            )
        except (stun.TransactionError, ConnectionError, OSError, AttributeError):
            return  # AttributeError: a socket that was closed meanwhile has no transport
        if connection._closing or address != pair.remote_addr:  # noqa: SLF001 - as above
            return
        now_ns = time.monotonic_ns()
        takes_over = pair is not self.carrying and (nominate or self._is_dead(now_ns))
        connection.heard(pair.protocol, pair.remote_addr)
        if takes_over and self.prefers(pair, now_ns):
            log.info("the call takes another path")
            self.switches += 1
            self.path_lost = False
            pair.state = ice.CandidatePair.State.SUCCEEDED
            pair.nominated = True
            with contextlib.suppress(ValueError):  # it may have left the list meanwhile
                connection.check_complete(pair)
        if pair is self.carrying:
            self.consent_ns = now_ns
            self.rtt_ms = (now_ns - begun_ns) / 1e6

    def _is_dead(self, now_ns: int) -> bool:
        current, consent_ns = self.carrying, self.consent_ns
        if current is None or self.path_lost or self._quiet_ns(current, now_ns) > DEAD_NS:
            return True
        return consent_ns is not None and now_ns - consent_ns > _NO_ANSWER_NS
