"""One call: negotiation, streams, liveness and data around a peer connection on our own parts.

Everything here runs on the asyncio loop of the media process. Encoders and the decoder have threads
of their own; the speaker's thread pulls from :attr:`Call.feed`.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from aiortc.rtcicetransport import candidate_from_aioice
from aiortc.sdp import candidate_to_sdp

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import CallStats, IceServerSpec
from telemed_desk.media.ports import PictureSource, SoundFeed

from .contract import CallEvents, CallFailure, CallParts
from .data_line import DATA_LABEL, DataLine
from .liveness import Liveness
from .negotiation import Negotiation
from .steering import Steering
from .streams import Streams

__all__ = ["Call", "CallEvents", "CallFailure", "CallParts"]


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

    Attributes:
        on_relay: Told (server, code) of each relay that was asked; the codes are those of
            :func:`~telemed_desk.media.transport.relay.relay_problem`, empty = it works.
        shared_screen: The screen that is shared; None = none.
        on_restart_wanted: As answerer: the path is silent or this PC moved, and the other side should
            offer another path. To be sent over the signalling.
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
        self.shared_screen: PictureSource | None = None
        self.on_relay: Callable[[str, str], None] | None = None
        self.on_restart_wanted: Callable[[], None] | None = None
        self._streams = Streams(asyncio.get_running_loop(), parts, start_rung)
        self._negotiation = Negotiation(
            ice_servers,
            takes_screen=parts.remote_screen is not None,
            relay_only=relay_only,
            transport=lambda: self._streams.transport,
            start_rung=start_rung,
        )
        self._liveness = Liveness(
            lambda: self._streams.transport,
            events.on_phase,
            self.restart if offer else self._want_restart,
            self._streams.tick,
        )
        self._data = DataLine(events)
        pc = self._negotiation.pc
        pc.on(
            "connectionstatechange",
            lambda: self._liveness.on_connection_state(pc.connectionState),
        )
        pc.on("datachannel", self._data.take)
        if offer:
            pc.addTransceiver("audio", direction="sendrecv")
            pc.addTransceiver("video", direction="sendrecv")
            # the screen, silent until one is shared
            both = parts.remote_screen is not None
            pc.addTransceiver("video", direction="sendrecv" if both else "sendonly")
            self._data.take(pc.createDataChannel(DATA_LABEL))
            self._attach()

    # ---- negotiation ------------------------------------------------------------------------

    async def make_offer(self) -> str:
        """Return our SDP, candidates included as far as they were found within a second."""
        sdp = await self._negotiation.offer()
        self._liveness.begin()
        return sdp

    async def accept_offer(self, sdp: str) -> str:
        """Take the other side's offer and return our answer; in a running call an ICE restart.

        Raises:
            CallFailure: It cannot be agreed to. A running call goes on as it was.
        """
        answer = await self._negotiation.answer(sdp, self._attach)
        self._liveness.begin()
        return answer

    async def accept_answer(self, sdp: str, revision: int | None = None) -> None:
        """Take the other side's answer.

        Args:
            sdp: The answer.
            revision: Of the offer that it answers; one to an older offer comes too late and is
                ignored. None = to the last.

        Raises:
            CallFailure: It does not fit.
        """
        await self._negotiation.accept_answer(sdp, revision)

    async def restart(self) -> None:
        """Offer another path (ICE restart); the one in use stays until the other carries."""
        offered = await self._negotiation.restart()
        if offered is not None and not self._closed:
            self._events.on_restart_offer(*offered)

    async def _want_restart(self) -> None:
        if self.on_restart_wanted is not None:
            self.on_restart_wanted()

    def want_restart(self) -> None:
        """The other side asks for another path, or a line to it came back. Offers it, if we offer."""
        self._liveness.want_restart()

    def use_servers(self, ice_servers: list[IceServerSpec]) -> None:
        """Ask these STUN and TURN servers from the next restart on."""
        self._negotiation.use_servers(ice_servers)

    async def add_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """Add a candidate of the other side; empty = no more. An unreadable one is left out."""
        await self._negotiation.add_candidate(candidate, mid, mline)

    @property
    def steering(self) -> Steering:
        """What steers the sending: its estimate, and what others may tell it."""
        return self._streams.steering

    # ---- devices and data -------------------------------------------------------------------

    def set_muted(self, microphone: bool, camera: bool) -> None:  # noqa: FBT001 - two switches, as the screen has them
        """Send silence for sound, nothing for pictures; devices and call go on."""
        self._muted = (microphone, camera)
        self._streams.set_muted(microphone=microphone, camera=camera)

    def set_clinical(self, on: bool) -> None:  # noqa: FBT001 - one switch, as the screen has it
        """Code sound that is not speech (cough, breath, stethoscope), or speech. Loop thread."""
        self._streams.set_clinical(on)

    def show_screen(self, source: PictureSource | None) -> bool:
        """Share a screen, or None: stop that; nothing is negotiated anew.

        Returns:
            False when there is no line for it: the other side takes no screen.
        """
        self.shared_screen = source
        has_line = self._streams.show_screen(source)
        if has_line:
            self.tell_screen()
        return has_line

    def tell_screen(self) -> bool:
        """Tell the other side whether a screen is shared; False when it cannot be told yet."""
        return self.send_data(json.dumps({"t": "screen", "on": self._streams.shows_screen}))

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
        return self._data.send(message)

    # ---- life -------------------------------------------------------------------------------

    def _attach(self) -> None:
        transceivers = self._negotiation.pc.getTransceivers()
        audio = next((t for t in transceivers if t.kind == "audio"), None)
        video, screen = ([t for t in transceivers if t.kind == "video"] + [None, None])[:2]
        if audio is None and video is None:
            raise CallFailure("no media")
        self._streams.attach(audio, video, screen)
        self._streams.show_screen(self.shared_screen)
        self._streams.set_muted(microphone=self._muted[0], camera=self._muted[1])
        if self._streams.transport is not None:
            self._streams.transport.ice.on_late_candidate = self._on_late_candidate
            self._streams.transport.ice.on_relay = self._on_relay

    def _on_late_candidate(self, candidate: Any) -> None:
        text = candidate_to_sdp(candidate_from_aioice(candidate))
        self._events.on_candidate(f"candidate:{text}", "0", 0)

    def _on_relay(self, server: str, code: str) -> None:
        if self.on_relay is not None:
            self.on_relay(server, code)

    def stats(self) -> CallStats:
        """Return the figures now. Cheap; meant for once a second."""
        return self._streams.stats(self._id, time.monotonic_ns(), self._path())

    def take_at_most(self, rung: Rung) -> None:
        """Send no larger pictures than the other side has use for."""
        self._streams.steering.outside.taken = rung

    def choose_at_most(self, rung: Rung) -> None:
        """Send no larger pictures than the person at this PC wants."""
        self._streams.steering.outside.chosen = rung

    def _path(self) -> str:
        transport = self._streams.transport
        return "" if transport is None else transport.connection.paths.kind

    async def close(self) -> None:
        """End the call and free everything; harmless twice."""
        if self._closed:
            return
        self._closed = True
        self._liveness.stop()
        await asyncio.to_thread(self._streams.stop)
        await self._negotiation.close()
        self._liveness.end()
