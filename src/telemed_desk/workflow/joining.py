"""Taking part in a colleague's consultation by a link, from this desk. Core thread.

The guest's half of the visit: the other desk admits and offers, this one answers; the patient's desk
stays the one in the middle. Nothing is recorded here: the consultation's record is the other desk's.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import structlog

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from telemed_desk.sync.guest_line import GuestLine
from telemed_protocol import talk
from telemed_protocol.errors import KnownError
from telemed_protocol.joinlink import Card
from telemed_protocol.room import SeatFrame

_log = structlog.get_logger("joining")

JoinedPhase = Literal["opening", "waiting", "calling", "connected", "reconnecting", "ended"]
FAILED_S = 8.0
"""As long as a failed call is left before a fresh offer is asked for."""
ENDING_S = 2.5
GOODBYE_S = 3.0
"""What was said last may be on its way to the server for so long; then the line is cut."""


@dataclass(frozen=True, slots=True)
class JoinedState:
    """Everything the screen of a joined call shows. Times are Unix milliseconds UTC."""

    phase: JoinedPhase = "opening"
    clinic: str = ""
    clinician: str = ""
    patient: str = ""
    people: tuple[talk.Person, ...] = ()
    call: str = ""
    connected_ms: int | None = None
    remote_memory: str = ""
    local_memory: str = ""
    others_screen: str = ""  # memory of the pictures of a screen that is shared with us
    rung: Rung = Rung.VIDEO
    chosen: Rung = Rung.HD_VIDEO  # the most that this clinician wants; HD video = all there is
    stats: control.CallStats | None = None
    microphone_muted: bool = False
    speaking_while_muted: bool = False
    camera_off: bool = False
    screen: control.ScreenState = field(default_factory=lambda: control.ScreenState(on=False))
    place: int = 0
    problem: KnownError | None = None


@dataclass(frozen=True, slots=True)
class JoiningPorts:
    """What joining needs of its surroundings; all called on the core thread."""

    media: Callable[[control.ToMedia], None]
    later: Callable[[float, Callable[[], None]], None]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    now_ms: Callable[[], int]


class Joining:
    """One link used by this desk, from opening it to the end of the visit.

    Args:
        url: The join link.
        name: How this clinician is shown to the others.
        ports: The surroundings.
        on_state: Told of every change.
        start_rung: Where calls begin on the ladder.

    Raises:
        FormatError: Not a join link.
        InsecureServer: Its address is not protected.
    """

    def __init__(
        self,
        url: str,
        name: str,
        ports: JoiningPorts,
        on_state: Callable[[JoinedState], None],
        *,
        start_rung: Rung,
    ) -> None:
        self._name = name
        self._ports = ports
        self._on_state = on_state
        self._start_rung = start_rung
        self._line = GuestLine(url, self._seated, self._told)
        self._servers: list[talk.IceServer] = []
        self._answered = False
        self._early: list[talk.Candidate] = []  # ours, found before the answer was said
        self.state = JoinedState()

    async def begin(self) -> None:
        """Open the link, say who we are, and wait. What goes wrong is in the state."""
        try:
            card: Card = await self._line.join()
        except KnownError as error:
            self._set(phase="ended", problem=error)
            return
        self._set(
            phase="waiting", clinic=card.clinic, clinician=card.clinician, patient=card.patient
        )
        self._say(
            talk.Intake(
                who="helper",
                name=self._name,
                year_of_birth=0,
                consent_care=True,
                consent_photos=False,
                language="en",
            )
        )
        self._say_state()

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending sound or picture."""
        self._ports.media(control.Mute(microphone=microphone, camera=camera))
        self._set(microphone_muted=microphone, camera_off=camera)
        self._say_state()

    def choose(self, rung: Rung) -> None:
        """Neither send nor ask for more than this, for the rest of the call; all = HD video."""
        self._ports.media(control.ChooseRung(int(rung)))
        self._set(chosen=rung)

    def share_screen(self, *, on: bool) -> None:
        """Show this PC's screen to everybody in the call, or stop."""
        self._ports.media(control.ShareScreen(on))

    def leave(self) -> None:
        """Leave the call; the others go on."""
        if self.state.phase != "ended":
            self._say(talk.Bye())
            self._finish()

    # ---- the other desk ------------------------------------------------------------------------

    def _seated(self, frame: SeatFrame) -> None:
        self._servers = frame.ice_servers or self._servers
        self._set(place=frame.place)
        if frame.state == "ended":
            self._ports.later(ENDING_S, self._finish)

    def _told(self, message: talk.DeskMessage) -> None:
        match message:
            case talk.Offer():
                self._offered(message)
            case talk.Candidate(call, candidate, mid, mline) if call == self.state.call:
                self._ports.media(control.RemoteCandidate(call, candidate, mid, mline))
            case talk.People(people):
                self._set(people=tuple(people))
            case talk.Ended():
                self._finish()
            case _:
                pass

    def _offered(self, offer: talk.Offer) -> None:
        if self.state.phase == "ended":
            return
        self._answered = False
        if offer.call != self.state.call:
            known = self.state.connected_ms is not None
            self._early = []
            self._set(call=offer.call, phase="reconnecting" if known else "calling")
            servers = [
                control.IceServerSpec(s.urls, s.username, s.credential)
                for s in offer.ice_servers or self._servers
            ]
            rung = int(self._start_rung)
            self._ports.media(control.StartCall(offer.call, False, servers, start_rung=rung))
            if self.state.microphone_muted or self.state.camera_off:
                self.mute(microphone=self.state.microphone_muted, camera=self.state.camera_off)
            if self.state.chosen < Rung.HD_VIDEO:  # a fresh media process knows nothing of it
                self.choose(self.state.chosen)
            if self.state.screen.on:
                self.share_screen(on=True)
        self._ports.media(control.RemoteDescription(offer.call, "offer", offer.sdp, offer.revision))

    # ---- the media process ---------------------------------------------------------------------

    def on_media(self, message: control.FromMedia) -> None:
        """Act on what the media process says."""
        match message:
            case control.VideoStream():
                self._picture(message)
            case control.ScreenState():
                self._set(screen=message)
            case control.Level():
                self._level(message)
            case _ if self.state.call and getattr(message, "call", "") == self.state.call:
                self._of_the_call(message)
            case _:
                pass

    def _of_the_call(self, message: control.FromMedia) -> None:
        match message:
            case control.LocalDescription(call, "answer", sdp, revision):
                self._answer(talk.Answer(call, revision, sdp))
            case control.LocalCandidate(call, text, mid, mline):
                found = talk.Candidate(call, text, mid, mline)
                if self._answered:
                    self._say(found)
                else:
                    self._early.append(found)
            case control.PathWanted(call):
                self._say(talk.NeedPath(call))
            case control.CallStats():
                self._set(stats=message, rung=Rung(message.rung))
            case control.CallState():
                self._call_state(message)
            case _:
                pass

    def _answer(self, answer: talk.Answer) -> None:
        self._say(answer)
        self._answered = True
        early, self._early = self._early, []
        for candidate in early:
            self._say(candidate)

    def _level(self, level: control.Level) -> None:
        if level.speaking_while_muted != self.state.speaking_while_muted:  # ten come each second
            self._set(speaking_while_muted=level.speaking_while_muted)

    def _picture(self, picture: control.VideoStream) -> None:
        if picture.stream == "local":
            self._set(local_memory=picture.memory)
        elif not self.state.call or picture.call != self.state.call:
            return
        elif picture.stream == "screen":
            self._set(others_screen=picture.memory)
        else:
            self._set(remote_memory=picture.memory)

    def _call_state(self, state: control.CallState) -> None:
        if state.phase == "connected":
            since = self.state.connected_ms or self._ports.now_ms()
            self._set(phase="connected", connected_ms=since)
        elif state.phase in {"reconnecting", "failed"} and self.state.phase != "ended":
            self._set(phase="reconnecting")
        if state.phase == "failed":
            self._ports.later(FAILED_S, lambda: self._ask_again(state.call))

    def on_media_died(self) -> None:
        """The media process is gone; it is being restarted."""
        if self.state.call and self.state.phase != "ended":
            self._set(phase="reconnecting", remote_memory="", local_memory="", others_screen="")

    def on_media_ready(self) -> None:
        """A fresh media process is up: ask to be called again."""
        if self.state.call and self.state.phase != "ended":
            self._say(talk.NeedOffer())

    def _ask_again(self, failed_call: str) -> None:
        if (self.state.call, self.state.phase) == (failed_call, "reconnecting"):
            self._say(talk.NeedOffer())

    # --------------------------------------------------------------------------------------------

    def _say(self, message: talk.PageMessage) -> None:
        self._ports.spawn(self._line.say(message))

    def _say_state(self) -> None:
        self._say(
            talk.PageState(
                camera=not self.state.camera_off, microphone=not self.state.microphone_muted
            )
        )

    def _finish(self) -> None:
        if self.state.phase == "ended":
            return
        if self.state.call:
            self._ports.media(control.EndCall(self.state.call))
        none = control.ScreenState(on=False)
        self._set(
            phase="ended",
            remote_memory="",
            local_memory="",
            others_screen="",
            screen=none,
            people=(),
        )
        self._ports.spawn(self.close())

    async def close(self) -> None:
        """Leave, if need be, and close the line once the server keeps what was said last."""
        self.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._line.all_kept()
        await self._line.close()

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        self._on_state(self.state)
