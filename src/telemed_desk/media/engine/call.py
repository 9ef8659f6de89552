"""One call: negotiation, streams, health and figures around a peer connection on our own parts.

Everything here runs on the asyncio loop of the media process. Encoders and the decoder have threads
of their own; the speaker's thread pulls from :attr:`Call.feed`.
"""

import asyncio
import logging
import re
import time
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcicetransport import candidate_from_aioice
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from telemed_desk.media.control import CallPhase, CallStats, IceServerSpec
from telemed_desk.media.ports import PictureSink, PictureSource, SoundFeed, SoundSource
from telemed_desk.media.transport.ice import local_addresses
from telemed_desk.media.transport.install import install
from telemed_protocol.errors import KnownError

from .health import Health
from .restarts import RestartClock, silence_ns
from .streams import Streams

log = logging.getLogger(__name__)

DATA_LABEL: Final = "desk"
_TICK_S: Final = 0.25
_ADDRESSES_S: Final = 2.0
_SETUP: Final = re.compile(r"^a=setup:\w+", re.MULTILINE)
_REFUSALS: Final = (
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
_MOST_BUFFERED: Final = 16 * 1024 * 1024


class CallFailure(KnownError):
    """The two sides could not agree on a call."""

    code = "TD-MED-012"
    sentence = "The call could not be set up with the other side."
    next_step = "Call again. If it stays, ask the other side to open the link in another browser."


@dataclass(frozen=True)
class CallParts:
    """Where pictures and sound come from, and where pictures go."""

    camera: PictureSource | None
    microphone: SoundSource | None
    remote_pictures: PictureSink


class CallEvents(Protocol):
    """What a call tells its owner; all on the loop thread."""

    def on_phase(self, phase: CallPhase, reason: str) -> None:
        """The call stands differently; ``reason`` is a stable code or empty."""
        ...

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """A local candidate found after the description was made."""
        ...

    def on_data(self, message: str | bytes) -> None:
        """A message on the data channel."""
        ...

    def on_data_open(self) -> None:
        """The data channel is open."""
        ...

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        """An offer for an ICE restart, to be sent."""
        ...


def tidy(sdp: str) -> str:
    """Leave out what only makes a description long or wrong.

    Two of three fingerprints of the same certificate, and the claim that no candidate follows: a
    STUN or TURN server on a slow link may still answer.
    """
    superfluous = ("a=end-of-candidates", "a=fingerprint:sha-384", "a=fingerprint:sha-512")
    return "".join(
        line for line in sdp.splitlines(keepends=True) if not line.startswith(superfluous)
    )


class Call:
    """One call with one other side.

    Args:
        call: The call's id, for the figures.
        parts: Devices; may be changed later with :meth:`replace_parts`.
        events: Told what happens.
        offer: True when we make the offer.
        ice_servers: STUN and TURN servers.
        relay_only: Use relayed paths only.
        start_rung: Where to begin on the ladder (:class:`~telemed_desk.clinical.ladder.Rung`).
    """

    def __init__(
        self,
        call: str,
        parts: CallParts,
        events: CallEvents,
        *,
        offer: bool,
        ice_servers: list[IceServerSpec],
        relay_only: bool,
        start_rung: int,
    ) -> None:
        self._id = call
        self._events = events
        self._parts = parts
        self._closed = False
        self._muted = (False, False)
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        self._pc: Any = install().RTCPeerConnection(
            RTCConfiguration(
                iceServers=[
                    RTCIceServer(s.urls, s.username or None, s.credential or None)
                    for s in ice_servers
                ],
                iceTransportPolicy=policy,
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self._streams = Streams(asyncio.get_running_loop(), parts, start_rung)
        self._health = Health(time.monotonic_ns())
        self._offers = offer
        self._revision = 0
        self._restarts = RestartClock()
        self._negotiating = asyncio.Lock()
        self._channel: Any = None
        self._ticking: list[asyncio.Task[None]] = []
        self._pc.on("connectionstatechange", self._on_connection_state)
        self._pc.on("datachannel", self._on_channel)
        if offer:
            self._pc.addTransceiver("audio", direction="sendrecv")
            self._pc.addTransceiver("video", direction="sendrecv")
            self._pc.addTransceiver("video", direction="inactive")
            self._on_channel(self._pc.createDataChannel(DATA_LABEL))
            self._attach()

    # ---- negotiation ------------------------------------------------------------------------

    async def make_offer(self) -> str:
        """Return our SDP, candidates included as far as they were found within a second."""
        async with self._negotiating:
            await self._pc.setLocalDescription(await self._pc.createOffer())
        self._begin()
        return tidy(self._pc.localDescription.sdp)

    async def accept_offer(self, sdp: str) -> str:
        """Take the other side's offer and return our answer; in a running call an ICE restart.

        Raises:
            CallFailure: It cannot be agreed to. A running call goes on as it was.
        """
        async with self._negotiating:
            transport = self._streams.transport
            if transport is not None and transport.ice.asks_for_restart(sdp):
                await transport.ice.renew()
            await self._set_remote(sdp, "offer")
            if transport is None:
                self._answer_with_ours()
                self._attach()
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        self._begin()
        return tidy(self._pc.localDescription.sdp)

    def _answer_with_ours(self) -> None:
        seen: set[str] = set()
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind not in seen and transceiver._offerDirection != "inactive":  # noqa: SLF001 - aiortc offers no way to ask
                transceiver.direction = "sendrecv"
                seen.add(transceiver.kind)

    async def accept_answer(self, sdp: str, revision: int | None = None) -> None:
        """Take the other side's answer.

        Args:
            sdp: The answer.
            revision: Of the offer that it answers; one to an older offer comes too late and is
                ignored. None = to the last.

        Raises:
            CallFailure: It does not fit.
        """
        async with self._negotiating:
            if revision is None or revision == self._revision:
                await self._set_remote(sdp, "answer")

    async def restart(self) -> None:
        """Offer another path (ICE restart); the one in use stays until the other carries."""
        async with self._negotiating:
            transport = self._streams.transport
            if self._closed or transport is None or not await transport.ice.renew():
                return
            self._revision += 1
            await self._pc.setLocalDescription(await self._pc.createOffer())
            sdp = tidy(self._pc.localDescription.sdp)
        if not self._closed:
            # RFC 8842, 5.3: the role stays, but an offer says actpass
            self._events.on_restart_offer(_SETUP.sub("a=setup:actpass", sdp), self._revision)

    async def _set_remote(self, sdp: str, kind: str) -> None:
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
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
        await self._pc.addIceCandidate(parsed)

    # ---- devices and data -------------------------------------------------------------------

    def set_muted(self, microphone: bool, camera: bool) -> None:  # noqa: FBT001 - two switches, as the screen has them
        """Send silence for sound, nothing for pictures; devices and call go on."""
        self._muted = (microphone, camera)
        self._streams.set_muted(microphone=microphone, camera=camera)

    def replace_parts(self, parts: CallParts) -> None:
        """Change devices; nothing is negotiated anew."""
        self._parts = parts
        self._streams.replace_parts(parts)

    @property
    def feed(self) -> SoundFeed:
        """What the speaker pulls."""
        return self._streams.playout

    def send_data(self, message: str | bytes) -> bool:
        """Send on the data channel; False when it is not open or its queue is full."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > _MOST_BUFFERED:
            return False
        channel.send(message)
        return True

    def _on_channel(self, channel: Any) -> None:
        if channel.label != DATA_LABEL:
            return
        self._channel = channel
        channel.on("message", self._events.on_data)
        if channel.readyState == "open":
            self._events.on_data_open()
        else:
            channel.on("open", self._events.on_data_open)

    # ---- life -------------------------------------------------------------------------------

    def _attach(self) -> None:
        transceivers = self._pc.getTransceivers()
        audio = next((t for t in transceivers if t.kind == "audio"), None)
        video = next((t for t in transceivers if t.kind == "video"), None)
        if audio is None and video is None:
            raise CallFailure("no media")
        self._streams.attach(audio, video)
        self._streams.set_muted(microphone=self._muted[0], camera=self._muted[1])
        if self._streams.transport is not None:
            self._streams.transport.ice.on_late_candidate = self._on_late_candidate

    def _on_late_candidate(self, candidate: Any) -> None:
        text = candidate_to_sdp(candidate_from_aioice(candidate))
        self._events.on_candidate(f"candidate:{text}", "0", 0)

    def _begin(self) -> None:
        if not self._ticking:
            self._events.on_phase("connecting", "")
            self._ticking.append(asyncio.create_task(self._tick()))
            if self._offers:
                self._ticking.append(asyncio.create_task(self._watch_addresses()))

    def _on_connection_state(self) -> None:
        state = self._pc.connectionState
        now_ns = time.monotonic_ns()
        if state == "connected":
            self._tell(self._health.connected(now_ns))
        elif state == "failed":
            self._tell(self._health.fail("no-path"))
        elif state == "closed" and not self._closed:
            self._tell(self._health.end("remote-closed"))

    async def _tick(self) -> None:
        restarting: asyncio.Task[None] | None = None
        try:
            while not self._closed:
                await asyncio.sleep(_TICK_S)
                now_ns = time.monotonic_ns()
                if self._judge(now_ns) and (restarting is None or restarting.done()):
                    restarting = asyncio.create_task(self._try_restart())
                self._streams.tick(now_ns)
        finally:
            if restarting is not None:
                restarting.cancel()

    async def _try_restart(self) -> None:
        try:
            await self.restart()
        except (*_REFUSALS, OSError) as error:
            # while a stranger's offer is half done, or without network; the clock tries again
            log.info("no restart: %s", type(error).__name__)

    def _judge(self, now_ns: int) -> bool:
        """Tell how the call stands; True when a restart is due."""
        transport = self._streams.transport
        if transport is None:
            self._tell(self._health.tick(now_ns, None))
            return False
        heard_ns, consent_ns = transport.connection.last_heard_ns, transport.connection.consent_ns
        self._tell(self._health.tick(now_ns, heard_ns))
        if not self._offers or self._health.phase not in ("connected", "reconnecting"):
            return False
        return self._restarts.due(now_ns, silence_ns(now_ns, heard_ns or now_ns, consent_ns))

    async def _watch_addresses(self) -> None:
        """Another network may be better, and the old one gone: find out before silence tells."""
        known = await asyncio.to_thread(local_addresses)
        while not self._closed:
            await asyncio.sleep(_ADDRESSES_S)
            found = await asyncio.to_thread(local_addresses)
            if found and found != known:
                self._restarts.moved()
            known = found or known

    def _tell(self, change: tuple[CallPhase, str] | None) -> None:
        if change is not None:
            self._events.on_phase(*change)

    def stats(self) -> CallStats:
        """Return the figures now. Cheap; meant for once a second."""
        return self._streams.stats(self._id, time.monotonic_ns(), self._path())

    def _path(self) -> str:
        transport = self._streams.transport
        if transport is None:
            return ""
        for pair in transport.connection._nominated.values():  # noqa: SLF001 - aioice has no accessor
            kinds = {pair.local_candidate.type, pair.remote_candidate.type}
            return "relay" if "relay" in kinds else "direct"
        return ""

    async def close(self) -> None:
        """End the call and free everything; harmless twice."""
        if self._closed:
            return
        self._closed = True
        for task in self._ticking:
            task.cancel()
        await asyncio.to_thread(self._streams.stop)
        await self._pc.close()
        self._tell(self._health.end("closed"))
