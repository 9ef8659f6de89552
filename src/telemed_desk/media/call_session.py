"""One call inside the media process: the engine's :class:`Call` joined to devices and to the desk."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import structlog

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from telemed_desk.media.bridge.bridge import PATIENT, Bridge
from telemed_desk.media.bridge.sharing import Limit, Need
from telemed_desk.media.engine.call import Call
from telemed_desk.media.engine.contract import CallParts
from telemed_desk.media.others_screen import OthersScreen, screen_told
from telemed_desk.media.peer_advice import PeerAdvice
from telemed_desk.media.photo_answering import PhotoAnswering
from telemed_desk.media.photo_taking import PhotoShelf, PhotoTaking
from telemed_desk.media.ports import PictureSource
from telemed_desk.media.remote_pictures import RemotePictures
from telemed_desk.media.station import Station

HELLO = json.dumps({"t": "hello", "v": 1})
STATS_S = 1.0

_log = structlog.get_logger(__name__)


class CallSession:
    """Made on StartCall, closed on EndCall. Everything on the loop, but for events of the engine.

    Args:
        start: What the desk asked for.
        station: The devices; held open while the call lives.
        bridge: The others of the consultation.
        report: Thread-safe way to tell the desk something.
        shelf: Where a photo stays whose call broke.
        on_screen: Told when the other side begins or ends to share its screen.
    """

    def __init__(
        self,
        start: control.StartCall,
        station: Station,
        bridge: Bridge,
        report: Callable[[control.FromMedia], None],
        shelf: PhotoShelf,
        *,
        on_screen: Callable[[], None],
    ) -> None:
        self.id = start.call
        self.leg = start.leg
        self._start = start
        self._station = station
        self._bridge = bridge
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._pictures = RemotePictures()
        self._screen = OthersScreen(start.call, report)
        self._on_screen = on_screen
        self._call: Call | None = None
        self._shelf = shelf
        self._advice = PeerAdvice()
        self._photos: PhotoTaking | None = None
        self._answering: PhotoAnswering | None = None
        self._stats: asyncio.Task[None] | None = None
        self._closing = False

    async def begin(self) -> None:
        """Open the devices and the connection; as offerer the offer follows."""
        await self._station.use(self._user)
        self._bridge.use(self._station.camera, self._station.microphone)
        call = Call(
            self.id,
            self._parts(),
            self,
            offer=self._start.offer,
            ice_servers=list(self._start.ice_servers),
            relay_only=self._start.relay_only,
            start_rung=self._start.start_rung,
        )
        self._call = call
        call.on_relay = lambda server, code: self._report(control.RelayState(self.id, server, code))
        call.on_restart_wanted = lambda: self._report(control.PathWanted(self.id))
        call.set_clinical(self._station.clinical)
        self._photos = PhotoTaking(
            self.id, call.send_data, self._pictures, self._report, self._shelf
        )
        if not self._start.offer:
            self._answering = PhotoAnswering(call.send_data, lambda: self._bridge.camera)
        self._bridge.hear(self.leg, call.feed)
        self._station.play(self._bridge)
        self._report(control.VideoStream("remote", self._pictures.memory, self.id))
        self._stats = asyncio.create_task(self._report_stats(call), name="call-stats")
        if self._start.offer:
            sdp = await call.make_offer()
            self._report(control.LocalDescription(self.id, "offer", sdp, 0))

    def _parts(self) -> CallParts:
        """The devices of this call; a patient's page shares no screen, so it is not asked to."""
        parts = self._bridge.join(self.leg, self._pictures)
        return replace(parts, remote_screen=self._screen) if self._takes_screen else parts

    @property
    def _takes_screen(self) -> bool:
        return not self._start.offer or self.leg != PATIENT

    @property
    def others_screen(self) -> PictureSource | None:
        """The screen that the other side shares now."""
        return self._screen.source

    async def describe(self, message: control.RemoteDescription) -> None:
        """Take the other side's description; an offer is answered."""
        if self._call is None:
            return
        if message.kind == "answer":
            await self._call.accept_answer(message.sdp, message.revision)
            return
        sdp = await self._call.accept_offer(message.sdp)
        self._report(control.LocalDescription(self.id, "answer", sdp, message.revision))

    async def add_candidate(self, message: control.RemoteCandidate) -> None:
        """Take a candidate of the other side."""
        if self._call is not None:
            await self._call.add_candidate(message.candidate, message.mid, message.mline)

    def use_servers(self, message: control.UseServers) -> None:
        """Ask other STUN and TURN servers from the next restart on; or restart now."""
        if self._call is None:
            return
        if message.ice_servers:
            self._call.use_servers(list(message.ice_servers))
        if message.restart:
            self._call.want_restart()

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending; the devices stay open."""
        if self._call is not None:
            self._call.set_muted(microphone, camera)

    def set_clinical(self, *, on: bool) -> None:
        """Code sound that is not speech, or speech."""
        if self._call is not None:
            self._call.set_clinical(on)

    def choose(self, rung: Rung) -> None:
        """Neither send nor ask for more than this."""
        if self._call is not None:
            self._call.choose_at_most(rung)
        self._advice.wanted = rung

    def show_screen(self, source: PictureSource | None) -> None:
        """Share this screen, or none."""
        if self._call is not None and source is not self._call.shared_screen:
            self._call.show_screen(source)

    def need(self) -> Need:
        """What this call could use of line and processor, for all calls to share."""
        steering = None if self._call is None else self._call.steering
        return Need(
            self.id,
            0.0 if steering is None else steering.rate.target_bps,
            0.0 if steering is None else steering.rate.loss_ratio,
            camera=steering is not None and steering.outside.camera,
            first=self.leg == PATIENT,
        )

    def limit(self, limit: Limit) -> None:
        """Take no more than this."""
        if self._call is not None:
            self._call.steering.outside.cap_bps = limit.cap_bps
            self._call.steering.outside.carried = limit.most

    def take_photo(self, photo: str) -> None:
        """Ask for a photo."""
        if self._photos is not None:
            self._photos.take(photo)

    async def close(self) -> None:
        """End the connection, give memory and devices back."""
        self._closing = True
        self._bridge.leave(self.leg)
        if not self._bridge.count:
            self._station.play(None)
            self._bridge.use(None, None)
        if self._stats is not None:
            self._stats.cancel()
        if self._photos is not None:
            await self._photos.close()
        if self._answering is not None:
            await self._answering.close()
        try:
            if self._call is not None:
                await self._call.close()
        finally:  # whatever the libraries below make of the end: nobody is filmed any longer
            await self._station.release(self._user)
            self._screen.turn(on=False)
            self._pictures.close()

    # ---- CallEvents: the engine may call these from any of its threads --------------------------

    def on_phase(self, phase: control.CallPhase, reason: str) -> None:
        """The connection changed its state."""
        if not self._closing:  # of an end that was asked for, the process itself says why
            self._report(control.CallState(self.id, phase, reason))
            self._loop.call_soon_threadsafe(self._hold_photo, phase == "reconnecting")
        if phase in {"ended", "failed"}:
            self._loop.call_soon_threadsafe(self._forget_screen)

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """A local candidate was found after the description."""
        self._report(control.LocalCandidate(self.id, candidate, mid, mline))

    def on_data(self, message: str | bytes) -> None:
        """Something came over the data channel."""
        self._loop.call_soon_threadsafe(self._take_data, message)

    def on_data_open(self) -> None:
        """The data channel is open: greet."""
        self._loop.call_soon_threadsafe(self._greet)

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        """The engine wants an ICE restart."""
        self._report(control.LocalDescription(self.id, "offer", sdp, revision))

    # ---------------------------------------------------------------------------------------------

    @property
    def _user(self) -> str:
        return f"call {self.id}"

    def _take_data(self, message: str | bytes) -> None:
        if self._answering is not None:
            self._answering.on_data(message)
        if self._call is not None:
            self._advice.heed(self._call, message)
        if self._photos is not None:
            self._photos.on_data(message)
        told = screen_told(message)
        if (
            told is not None
            and self._takes_screen
            and not self._closing
            and self._screen.turn(on=told)
        ):
            self._on_screen()

    def _greet(self) -> None:
        if self._call is not None:
            self._call.send_data(HELLO)
            self._call.tell_screen()
            self._advice.opened()
        if self._photos is not None:
            self._photos.opened()

    def _forget_screen(self) -> None:
        """Nobody shows the last picture of a screen on behalf of who is gone."""
        if self._screen.turn(on=False):
            self._on_screen()

    def _hold_photo(self, lost: bool) -> None:  # noqa: FBT001 - called by the loop, which passes no names
        if self._photos is not None:
            self._photos.hold(lost=lost)

    async def _report_stats(self, call: Call) -> None:
        while True:
            await asyncio.sleep(STATS_S)
            stats = call.stats()
            self._report(stats)
            self._advice.tell(call, stats)
            if self._photos is not None:
                self._photos.heed_loss(stats.receive_loss_ratio)
