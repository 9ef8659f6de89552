"""Who is in a running call beside the patient: brought in, kept in, told of each other, let go.

Each guest has a call of their own to this PC, which joins them all (``media/bridge``). What happens to
one of these calls is nothing to the patient's. Core thread.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Guest, Role, Waiting
from telemed_desk.media import control
from telemed_desk.workflow.visit import RETRY_S, VisitPorts
from telemed_protocol import talk

_log = structlog.get_logger("company")

GuestPhase = Literal["calling", "connected", "reconnecting", "away"]
MOST_GUESTS = 3
"""Beside the patient: four encoders are what a clinic PC of two cores carries (ADR 0013)."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """A guest who was let in. ``memory`` names the shared memory of their picture; empty = none."""

    seat: str
    role: Role
    name: str
    phase: GuestPhase = "calling"
    call: str = ""
    memory: str = ""
    rung: Rung = Rung.VIDEO
    camera: bool = True
    microphone: bool = True


class Company:
    """The guests of one visit.

    Args:
        patient: Whose visit it is.
        ports: The visit's surroundings.
        on_state: Told who is there, on every change.
        start_rung: Where calls begin on the ladder.
    """

    def __init__(
        self,
        patient: Waiting,
        ports: VisitPorts,
        on_state: Callable[[tuple[Attendee, ...]], None],
        *,
        start_rung: Rung,
    ) -> None:
        self._patient = patient
        self._ports = ports
        self._on_state = on_state
        self._start_rung = start_rung
        self._there: dict[str, Attendee] = {}
        self._told: dict[str, talk.People] = {}
        self._media_away = False

    @property
    def consultation(self) -> bytes:
        """Whose guests these are."""
        return self._patient.consultation.entity

    @property
    def there(self) -> tuple[Attendee, ...]:
        """Who was let in, in that order."""
        return tuple(self._there.values())

    # ---- the doctor ----------------------------------------------------------------------------

    def admit(self, guest: Guest) -> None:
        """Bring somebody into the call; who is not of this consultation, or one too many, is not."""
        if guest.consultation != self.consultation or guest.seat in self._there:
            return
        if len(self._there) >= MOST_GUESTS:
            _log.info("guest_not_admitted", n=len(self._there))
            return
        self._there[guest.seat] = Attendee(guest.seat, guest.role, guest.name)
        self._ports.admit(guest.seat)
        self._offer_anew(guest.seat)

    def remove(self, seat: str) -> None:
        """Let somebody go: their page says that the visit is over."""
        if seat in self._there:
            self._ports.say(seat, talk.Ended())
            self._ports.end_seat(seat)
            self._drop(seat)

    def end(self) -> None:
        """The visit is over for all."""
        for seat in list(self._there):
            self.remove(seat)

    # ---- their pages ---------------------------------------------------------------------------

    def listed(self, present: dict[str, bool]) -> None:
        """Take who the server lists, and whether each page is heard; others have left for good."""
        for seat, guest in list(self._there.items()):
            if seat not in present:
                self._drop(seat)
            elif present[seat] and guest.phase == "away":
                self._offer_anew(seat)
            elif not present[seat] and guest.phase == "reconnecting":
                self._set(seat, phase="away")

    def on_page(self, seat: str, message: talk.PageMessage) -> None:
        """Act on an opened, authentic message of a guest's page."""
        guest = self._there.get(seat)
        if guest is None:
            return
        match message:
            case talk.Answer(call, revision, sdp) if call == guest.call:
                self._ports.media(control.RemoteDescription(call, "answer", sdp, revision))
            case talk.Candidate(call, candidate, mid, mline) if call == guest.call:
                self._ports.media(control.RemoteCandidate(call, candidate, mid, mline))
            case talk.PageState(camera, microphone):
                self._set(seat, camera=camera, microphone=microphone)
            case talk.NeedOffer():
                self._offer_anew(seat)
            case talk.NeedPath(call) if call == guest.call:
                servers = self._ports.ice_servers()
                specs = [control.IceServerSpec(s.urls, s.username, s.credential) for s in servers]
                self._ports.media(control.UseServers(call, specs, restart=True))
            case talk.Bye():
                self._ports.end_seat(seat)
                self._drop(seat)
            case _:
                _log.info("guest_message_ignored", kind=type(message).__name__)

    # ---- the media process ---------------------------------------------------------------------

    def on_media(self, message: control.FromMedia) -> None:
        """Act on what the media process says of a guest's call; the patient's is the visit's."""
        guest = next(
            (g for g in self._there.values() if g.call == getattr(message, "call", "")), None
        )
        if guest is None or not guest.call:
            return
        seat, servers = guest.seat, self._ports.ice_servers()
        match message:
            case control.LocalDescription(call, _, sdp, revision):
                self._ports.say(seat, talk.Offer(call, revision, sdp, servers))
            case control.LocalCandidate(call, candidate, mid, mline):
                self._ports.say(seat, talk.Candidate(call, candidate, mid, mline))
            case control.VideoStream(stream="remote", memory=memory):
                self._set(seat, memory=memory)
            case control.CallStats(rung=rung):
                self._set(seat, rung=Rung(rung))
            case control.CallState(phase="connected"):
                self._set(seat, phase="connected")
            case control.CallState(phase="reconnecting"):
                self._set(seat, phase="reconnecting")
            case control.CallState(phase="failed"):
                self._set(seat, phase="reconnecting")
                self._ports.later(RETRY_S, lambda: self._retry(seat, guest.call))
            case _:
                pass

    def on_media_died(self) -> None:
        """The media process is gone; it is being restarted."""
        self._media_away = True
        for seat in self._there:
            self._set(seat, phase="reconnecting", memory="", call="")

    def on_media_ready(self) -> None:
        """A fresh media process is up: call all again.

        Also whom it was to call while there was none: those orders reached nobody.
        """
        if self._media_away:
            self._media_away = False
            for seat in list(self._there):
                self._offer_anew(seat)

    # --------------------------------------------------------------------------------------------

    def _retry(self, seat: str, failed_call: str) -> None:
        guest = self._there.get(seat)
        if guest is not None and (guest.call, guest.phase) == (failed_call, "reconnecting"):
            self._offer_anew(seat)

    def _offer_anew(self, seat: str) -> None:
        guest = self._there[seat]
        call = secrets.token_hex(8)
        self._set(seat, call=call, phase="calling" if not guest.call else "reconnecting")
        servers = [
            control.IceServerSpec(s.urls, s.username, s.credential)
            for s in self._ports.ice_servers()
        ]
        rung = int(self._start_rung)
        self._ports.media(control.StartCall(call, True, servers, start_rung=rung, leg=seat))

    def _drop(self, seat: str) -> None:
        gone = self._there.pop(seat)
        self._told.pop(seat, None)
        if gone.call:
            self._ports.media(control.EndCall(gone.call))
        self._changed()

    def _set(self, seat: str, **changes: object) -> None:
        guest = replace(self._there[seat], **changes)  # type: ignore[arg-type]  # names checked by replace
        if guest != self._there[seat]:
            self._there[seat] = guest
            self._changed()

    def _changed(self) -> None:
        self._on_state(tuple(self._there.values()))
        patient = self._patient.patient
        everybody = {self._patient.seat: talk.Person(patient.given_name, Role.PATIENT.value)}
        everybody |= {seat: talk.Person(g.name, g.role.value) for seat, g in self._there.items()}
        for seat in everybody:
            others = talk.People([person for other, person in everybody.items() if other != seat])
            if self._told.get(seat, talk.People([])) != others:
                self._told[seat] = others
                self._ports.say(seat, others)
