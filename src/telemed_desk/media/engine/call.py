"""One call: negotiation, streams, health and figures around a peer connection on our own parts.

Everything here runs on the asyncio loop of the media process. Encoders and the decoder have threads
of their own; the speaker's thread pulls from :attr:`Call.feed`.
"""

import asyncio
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
from telemed_desk.media.transport.install import install
from telemed_protocol.errors import KnownError

from .health import Health
from .streams import Streams

DATA_LABEL: Final = "desk"
_TICK_S: Final = 0.25
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
        self._channel: Any = None
        self._ticker: asyncio.Task[None] | None = None
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
        await self._pc.setLocalDescription(await self._pc.createOffer())
        self._begin()
        return tidy(self._pc.localDescription.sdp)

    async def accept_offer(self, sdp: str) -> str:
        """Take the other side's offer and return our answer. Raises CallFailure."""
        await self._set_remote(sdp, "offer")
        seen: set[str] = set()
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind not in seen and transceiver._offerDirection != "inactive":  # noqa: SLF001 - aiortc offers no way to ask
                transceiver.direction = "sendrecv"
                seen.add(transceiver.kind)
        self._attach()
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        self._begin()
        return tidy(self._pc.localDescription.sdp)

    async def accept_answer(self, sdp: str) -> None:
        """Take the other side's answer. Raises CallFailure."""
        await self._set_remote(sdp, "answer")

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
            self._streams.transport.connection.on_late_candidate = self._on_late_candidate

    def _on_late_candidate(self, candidate: Any) -> None:
        text = candidate_to_sdp(candidate_from_aioice(candidate))
        self._events.on_candidate(f"candidate:{text}", "0", 0)

    def _begin(self) -> None:
        if self._ticker is None:
            self._events.on_phase("connecting", "")
            self._ticker = asyncio.create_task(self._tick())

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
        while not self._closed:
            await asyncio.sleep(_TICK_S)
            now_ns = time.monotonic_ns()
            transport = self._streams.transport
            heard = None if transport is None else transport.connection.last_heard_ns
            self._tell(self._health.tick(now_ns, heard))
            self._streams.tick(now_ns)

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
        if self._ticker is not None:
            self._ticker.cancel()
        await asyncio.to_thread(self._streams.stop)
        await self._pc.close()
        self._tell(self._health.end("closed"))
