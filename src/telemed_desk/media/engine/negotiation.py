"""Offers, answers, candidates and ICE restarts around one peer connection on our own parts.

Loop thread only. One description is worked on at a time; a stranger's SDP is refused, never fatal.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp

from telemed_desk.media.control import IceServerSpec
from telemed_desk.media.transport.dtls import MediaTransport
from telemed_desk.media.transport.install import install

from .contract import CallFailure
from .voice_terms import voice_terms

_SETUP: Final = re.compile(r"^a=setup:\w+", re.MULTILINE)
REFUSALS: Final = (
    ValueError,
    LookupError,
    AttributeError,
    AssertionError,
    TypeError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc's parser and state machine raise for SDP that a stranger wrote."""


def tidy(sdp: str) -> str:
    """Leave out what only makes a description long or wrong.

    Two of three fingerprints of the same certificate, and the claim that no candidate follows: a
    STUN or TURN server on a slow link may still answer.
    """
    superfluous = ("a=end-of-candidates", "a=fingerprint:sha-384", "a=fingerprint:sha-512")
    return "".join(
        line for line in sdp.splitlines(keepends=True) if not line.startswith(superfluous)
    )


def _servers(specs: list[IceServerSpec]) -> list[RTCIceServer]:
    return [RTCIceServer(s.urls, s.username or None, s.credential or None) for s in specs]


class Negotiation:
    """One peer connection and how its two sides agree.

    Args:
        ice_servers: STUN and TURN servers.
        relay_only: Use relayed paths only.
        transport: Returns the transport of the media, None before it is known.
        start_rung: What the link is believed to carry; says how the voice is asked for.
        takes_screen: As answerer: a third line is answered both ways, if it is offered so.
    """

    def __init__(
        self,
        ice_servers: list[IceServerSpec],
        *,
        relay_only: bool,
        transport: Callable[[], MediaTransport | None],
        start_rung: int,
        takes_screen: bool = False,
    ) -> None:
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        self.pc: Any = install().RTCPeerConnection(
            RTCConfiguration(
                iceServers=_servers(ice_servers),
                iceTransportPolicy=policy,
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self._transport = transport
        self._start_rung = start_rung
        self._takes_screen = takes_screen
        self._revision = 0
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def sdp(self) -> str:
        """Our description as it is now."""
        return voice_terms(tidy(self.pc.localDescription.sdp), self._start_rung)

    async def offer(self) -> str:
        """Return our SDP, candidates included as far as they were found within a second."""
        async with self._lock:
            await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.sdp

    async def answer(self, sdp: str, attach: Callable[[], None]) -> str:
        """Take the other side's offer and return our answer; in a running call an ICE restart.

        Args:
            sdp: The offer.
            attach: Called when the lines of a first offer are known, before the answer.

        Raises:
            CallFailure: It cannot be agreed to. A running call goes on as it was.
        """
        async with self._lock:
            transport = self._transport()
            if transport is not None and transport.ice.asks_for_restart(sdp):
                await transport.ice.renew()
            await self._set_remote(sdp, "offer")
            if transport is None:
                self._answer_with_ours()
                attach()
            try:
                await self.pc.setLocalDescription(await self.pc.createAnswer())
            except (
                *REFUSALS,
                RuntimeError,
            ) as error:  # lines that parse, and contradict one another
                raise CallFailure(type(error).__name__) from error
        return self.sdp

    def _answer_with_ours(self) -> None:
        seen: list[str] = []
        for transceiver in self.pc.getTransceivers():
            offered = transceiver._offerDirection  # noqa: SLF001 - aiortc offers no way to ask
            if offered == "inactive":
                continue
            kind = transceiver.kind
            screen = kind == "video" and seen.count(kind) == 1 and offered == "sendrecv"
            if kind not in seen or (screen and self._takes_screen):
                transceiver.direction = "sendrecv"
            seen.append(kind)

    async def accept_answer(self, sdp: str, revision: int | None) -> None:
        """Take the other side's answer; one to an older offer comes too late and is ignored.

        Raises:
            CallFailure: It does not fit.
        """
        async with self._lock:
            if revision is None or revision == self._revision:
                await self._set_remote(sdp, "answer")

    async def restart(self) -> tuple[str, int] | None:
        """Return an offer of another path (ICE restart) with its revision; the one in use stays.

        None when there is nothing to restart, or nothing to offer.
        """
        async with self._lock:
            transport = self._transport()
            if self._closed or transport is None or not await transport.ice.renew():
                return None
            self._revision += 1
            await self.pc.setLocalDescription(await self.pc.createOffer())
            # RFC 8842, 5.3: the role stays, but an offer says actpass
            return _SETUP.sub("a=setup:actpass", self.sdp), self._revision

    async def _set_remote(self, sdp: str, kind: str) -> None:
        try:
            await self.pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
        except (
            Exception
        ) as error:  # aiortc raises ValueError, KeyError, its own and more for foreign SDP
            raise CallFailure(type(error).__name__) from error

    async def add_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """Add a candidate of the other side; empty = no more. An unreadable one is left out."""
        if not candidate or self._closed:
            return
        try:
            parsed = candidate_from_sdp(candidate.removeprefix("a=").removeprefix("candidate:"))
        except (ValueError, IndexError, AssertionError):
            return
        parsed.sdpMid = mid
        parsed.sdpMLineIndex = mline if mid is not None or mline is not None else 0
        await self.pc.addIceCandidate(parsed)

    def use_servers(self, ice_servers: list[IceServerSpec]) -> None:
        """Ask these servers from the next restart on: credentials for relays do not last a call."""
        transport = self._transport()
        if transport is not None:
            transport.ice.use_servers(_servers(ice_servers))

    async def close(self) -> None:
        """Close the connection."""
        self._closed = True
        users = [t.receiver for t in self.pc.getTransceivers()] + [self.pc.sctp]
        try:
            await self.pc.close()
        except AttributeError:
            # A stranger's description may bundle lines with one that is not there: aiortc leaves them
            # without a transport, and stumbles over that before it has stopped the others.
            for transport in {user.transport for user in users if user is not None} - {None}:
                await transport.stop()
                await transport.transport.stop()
