"""Who has arrived: joins the server's seats with what this PC knows of each patient.

The server knows seats and sealed boxes; names, years of birth and consent are opened and checked
here. Lives on the core thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.ladder import LinkMeasure, Rung, highest_rung
from telemed_desk.clinical.queue import Guest, Role, Waiting, in_order
from telemed_desk.sync.page_talk import PageTalk
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.workflow.guest_seats import GuestSeats
from telemed_protocol.errors import KnownError
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.room import RoomFrame, Seat
from telemed_protocol.talk import (
    DeskMessage,
    IdentityChecked,
    Intake,
    PageLink,
    PageMessage,
    Worse,
)

IDENTITY_TRIES = 3
HELD_BOXES = 64
_log = structlog.get_logger("waiting_room")

SendBox = Callable[[str, bytes], object]
CallMessage = Callable[[str, PageMessage], None]


@dataclass(slots=True)
class _Seat:
    """One seat whose link this PC knows."""

    waiting: Waiting
    talk: PageTalk
    link: JoinLink
    state: str
    admitted_by: str = ""
    tries_left: int = IDENTITY_TRIES


@dataclass(frozen=True, slots=True)
class RoomView:
    """Who has arrived: patients in order, guests, and how many this PC cannot name (yet)."""

    waiting: tuple[Waiting, ...] = ()
    unknown_seats: int = 0
    as_of_ms: int = 0
    guests: tuple[Guest, ...] = ()


@dataclass(slots=True)
class WaitingRoom:
    """Keeps the room. Every method runs on the core thread.

    Args:
        vault: Links, bookings and patients; receives identity, consent and urgency.
        send_box: Sends a sealed box to a seat.
        now_ms: Wall clock.
        on_change: Told of every change of the room.
        on_call_message: Gets what belongs to a running call.
    """

    vault: Vault
    send_box: SendBox
    now_ms: Callable[[], int]
    on_change: Callable[[RoomView], None]
    on_call_message: CallMessage
    _seats: dict[str, _Seat] = field(default_factory=dict)
    _held: dict[str, list[bytes]] = field(default_factory=dict)
    _last_frame: RoomFrame | None = None
    guests: GuestSeats = field(default_factory=GuestSeats)
    active_seat: str = ""
    forged_boxes: int = 0

    def on_room(self, frame: RoomFrame) -> None:
        """Take the server's list of seats."""
        self._last_frame = frame
        listed = {seat.seat for seat in frame.seats if seat.state != "ended"}
        for gone in [seat for seat in self._seats if seat not in listed]:
            del self._seats[gone]
        self.guests.keep(listed)
        for seat in frame.seats:
            if seat.state != "ended":
                self._take(seat, frame.now)
        self._changed()

    def look_again(self) -> None:
        """Links arrived by sync: seats that had no name may have one now."""
        if self._last_frame is not None:
            self.on_room(self._last_frame)

    def _take(self, seat: Seat, server_now: float) -> None:
        known = self._seats.get(seat.seat)
        arrived_ms = self.now_ms() - int((server_now - seat.arrived_at) * 1000)
        if known is not None:
            known.waiting = replace(known.waiting, present=seat.present, arrived_ms=arrived_ms)
            known.state = seat.state
            known.admitted_by = seat.admitted_by
            return
        found = self.vault.link_by_jti_hash(bytes.fromhex(seat.link))
        if found is None:
            return
        role = Role.read(found.role)
        if role is not Role.PATIENT:
            self.guests.take(seat, arrived_ms, found, role)
            self._open_held(seat.seat)
            return
        link, consultation = found.link, self.vault.consultation(found.consultation)
        patient = self.vault.patient(consultation.patient) if consultation else None
        if consultation is None or patient is None:
            return
        waiting = Waiting(
            seat=seat.seat,
            consultation=consultation,
            patient=patient,
            arrived_ms=arrived_ms,
            present=seat.present,
        )
        self._seats[seat.seat] = _Seat(
            waiting, PageTalk(link), link, seat.state, admitted_by=seat.admitted_by
        )
        self._open_held(seat.seat)

    def _open_held(self, seat: str) -> None:
        for box in self._held.pop(seat, []):
            self.on_box(seat, box)

    def on_box(self, seat: str, box: bytes) -> None:
        """Open a sealed message of a page and act on it; a forged one is counted and dropped."""
        known = self._seats.get(seat)
        talk = self.guests.talk_of(seat) if known is None else known.talk
        if talk is None:
            # Its link may still be on its way from the desk that made it.
            held = self._held.setdefault(seat, [])
            if len(held) < HELD_BOXES:
                held.append(box)
            return
        try:
            message = talk.open(box)
        except KnownError as error:
            self.forged_boxes += 1
            _log.warning("box_refused", code=error.code)
            return
        if message is None:
            return
        if known is not None:
            self._act(known, message)
        elif isinstance(message, Intake):
            self.guests.introduced(seat, message)
            self.say(seat, IdentityChecked(ok=True, tries_left=IDENTITY_TRIES))
            self._changed()
        else:
            self.on_call_message(seat, message)

    def _act(self, known: _Seat, message: PageMessage) -> None:
        match message:
            case Intake():
                self._check_identity(known, message)
            case PageLink():
                known.waiting = replace(known.waiting, rung=rung_of(message))
                self._changed()
            case Worse():
                reason = message.words.strip()[:200] or "worse"
                self._flag_urgent(known, reason)
            case _:
                self.on_call_message(known.waiting.seat, message)

    def _check_identity(self, known: _Seat, intake: Intake) -> None:
        waiting = known.waiting
        if known.tries_left <= 0:
            self.say(waiting.seat, IdentityChecked(ok=False, tries_left=0))
            return
        ok = intake.year_of_birth == waiting.patient.year_of_birth
        if not ok:
            known.tries_left -= 1
        known.waiting = replace(
            waiting,
            identity_ok=ok,
            said_name=intake.name[:80],
            helper=intake.who == "helper",
            consent_care=intake.consent_care,
            consent_photos=intake.consent_photos,
        )
        self.say(waiting.seat, IdentityChecked(ok=ok, tries_left=known.tries_left))
        if ok:
            self._record_arrival(known, intake)
        self._changed()

    def _record_arrival(self, known: _Seat, intake: Intake) -> None:
        consultation = known.waiting.consultation
        now = self.now_ms()
        drafts = []
        if intake.consent_care and (
            consultation.consent_ms is None or consultation.consent_photos != intake.consent_photos
        ):
            drafts.append(
                OpDraft(
                    "consult.consent",
                    consultation.entity,
                    {
                        "at_ms": now,
                        "photos": intake.consent_photos,
                        "by": intake.who,
                        "language": intake.language,
                    },
                )
            )
            drafts.append(
                OpDraft(
                    "consult.identity",
                    consultation.entity,
                    {"at_ms": now, "ok": True, "said_by": intake.who},
                )
            )
        if consultation.state is ConsultationState.BOOKED:
            drafts.append(
                OpDraft(
                    "consult.state",
                    consultation.entity,
                    {"state": ConsultationState.WAITING.value, "at_ms": now},
                )
            )
        if drafts:
            self.vault.commit(*drafts)
            known.waiting = replace(
                known.waiting,
                consultation=replace(
                    consultation,
                    consent_ms=now,
                    consent_photos=intake.consent_photos,
                    state=ConsultationState.WAITING
                    if consultation.state is ConsultationState.BOOKED
                    else consultation.state,
                ),
            )

    def _flag_urgent(self, known: _Seat, reason: str) -> None:
        known.waiting = replace(known.waiting, urgent_reason=reason)
        self.vault.commit(
            OpDraft(
                "consult.urgent",
                known.waiting.consultation.entity,
                {"reason": reason, "at_ms": self.now_ms(), "by": "patient"},
            )
        )
        self._changed()

    def clear_urgent(self, seat: str, reason: str) -> None:
        """Take the flag off; the reason is recorded."""
        known = self._seats.get(seat)
        if known is None:
            return
        known.waiting = replace(known.waiting, urgent_reason="")
        self.vault.commit(
            OpDraft(
                "consult.urgent",
                known.waiting.consultation.entity,
                {"reason": "", "at_ms": self.now_ms(), "by": reason},
            )
        )
        self._changed()

    def say(self, seat: str, message: DeskMessage) -> None:
        """Seal a message for a page and send it."""
        known = self._seats.get(seat)
        talk = self.guests.talk_of(seat) if known is None else known.talk
        if talk is not None:
            self.send_box(seat, talk.seal(message))

    def waiting_at(self, seat: str) -> Waiting | None:
        """Return who sits there."""
        known = self._seats.get(seat)
        return known.waiting if known else None

    def seat_of(self, consultation: bytes) -> str | None:
        """Return where the patient of a consultation sits."""
        for seat, known in self._seats.items():
            if known.waiting.consultation.entity == consultation:
                return seat
        return None

    def _is_shown(self, known: _Seat) -> bool:
        if known.waiting.seat == self.active_seat:
            return False
        # Admitted by this desk, yet no call: it was restarted, and the patient is still there.
        ours = known.admitted_by == self.vault.identity.device.hex()
        return known.state == "waiting" or ours

    def _changed(self) -> None:
        frame = self._last_frame
        listed = len([s for s in frame.seats if s.state != "ended"]) if frame else 0
        waiting = [known.waiting for known in self._seats.values() if self._is_shown(known)]
        unknown = listed - len(self._seats) - len(self.guests)
        guests = self.guests.present_to(self.vault.identity.device.hex())
        self.on_change(RoomView(tuple(in_order(waiting)), unknown, self.now_ms(), guests))


def rung_of(link: PageLink) -> Rung:
    """Judge a page's own measurement by the one ladder; what is not known lifts nothing."""
    rates = [rate for rate in (link.down_kbps, link.up_kbps) if rate is not None]
    capacity = min(rates) * 1000 if rates else None
    return highest_rung(LinkMeasure(capacity_bps=capacity, loaded_rtt_ms=link.rtt_ms))
