"""A patient without a browser: does what the page does, in Python, on our own call engine.

For machines that have no Chromium. It shows that server, desk and protocol work together; it shows
nothing of the page itself, which only a browser can.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from telemed_desk.media.control import Devices, IceServerSpec
from telemed_desk.media.engine.call import CallFailure
from telemed_desk.sync.guest_line import GuestLine
from telemed_protocol.room import SeatFrame
from telemed_protocol.talk import (
    Candidate,
    DeskMessage,
    DeskText,
    Ended,
    IceServer,
    IdentityChecked,
    Intake,
    NeedOffer,
    Offer,
    PageLink,
    PageState,
    People,
    Person,
)
from tests.end_to_end.headless_call import HeadlessCall, HeadlessDevices
from tests.end_to_end.headless_desk import until

PHONE = Devices(camera="pattern:640x360@15", microphone="tone:440", speaker="null")
AUDIBLE_DBFS = -40.0
PICTURES = 5
ENDING_S = 2.5
"""The seat ended; what was agreed may be on its way."""
FAILED_S = 8.0
"""As long as a failed call is left before the page asks for a fresh offer."""


class IdentityRefused(Exception):
    """The year of birth is not the one that the clinic knows."""


class HeadlessPatient:
    """One phone with the link open. Every method on the loop that made it.

    Attributes:
        room: The line to the clinic.
        call: The call that runs now, or the last one.
        texts: What the clinic wrote.
        people: Who else is in the call.
    """

    def __init__(self, url: str, devices: Devices) -> None:
        self.room = GuestLine(url, self._seated, self._told)
        self.call: HeadlessCall | None = None
        self.texts: list[str] = []
        self.people: list[Person] = []
        self._wanted = devices
        self._devices: HeadlessDevices | None = None
        self._seat: SeatFrame | None = None
        self._identity: IdentityChecked | None = None
        self._over: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._held: asyncio.Queue[Offer | Candidate] = asyncio.Queue()
        self._caller: asyncio.Task[None] | None = None

    # ---- what the person does

    async def join(self, year: int, photos: bool = True) -> None:
        """Say who it is, agree, let camera and microphone be used, and wait.

        Raises JoinRefused, IdentityRefused, TimeoutError.
        """
        card = await self.room.join()
        await self.room.say(
            Intake(
                who="self",
                name=card.patient,
                year_of_birth=year,
                consent_care=True,
                consent_photos=photos,
                language="en",
            )
        )
        await until(lambda: self._identity is not None, "the clinic checks the year of birth")
        if self._identity is None or not self._identity.ok:
            raise IdentityRefused
        await until(lambda: self.room.rtt_ms is not None, "the server answers a ping")
        await self.room.say(PageLink(rtt_ms=self.room.rtt_ms or 0.0))
        self._devices = HeadlessDevices(self._wanted)
        await self._say_state()
        self._caller = asyncio.create_task(self._hold_calls(self._devices), name="headless-calls")
        await until(lambda: self._seat is not None and self.room.kept, "a place in the room")

    async def sees_the_doctor(self) -> None:
        """Wait until the doctor's picture moves: counters that go up, in the call of now."""
        await until(self._picture_moves, "the doctor's picture")

    async def hears_the_doctor(self) -> None:
        """Wait for a second of sound in the call of now."""
        await until(self._is_heard, "the doctor's voice")

    async def take_photo(self) -> None:
        """Agree to the photo that the doctor asks for, as soon as the request is there."""
        await until(lambda: self.call is not None and self.call.photos_asked, "a photo request")
        assert self.call is not None
        await self.call.give_photo()

    async def ended(self) -> list[str]:
        """Wait for the end of the visit; return what was agreed, line by line."""
        return await asyncio.wait_for(asyncio.shield(self._over), 60)

    async def close(self) -> None:
        """Close the page."""
        if self._caller is not None:
            self._caller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._caller
        await self._hang_up()
        await self.room.close()
        if self._devices is not None:
            await self._devices.close()
        self._over.cancel()

    # ---- what the page does by itself

    def _picture_moves(self) -> bool:
        counts = self.call.senses.counts if self.call is not None else []
        forward = [b for a, b in itertools.pairwise(counts) if 0 < (b - a) % 600 < 300]
        return len(forward) >= PICTURES

    def _is_heard(self) -> bool:
        return self.call is not None and self.call.senses.loudness_dbfs() > AUDIBLE_DBFS

    def _seated(self, frame: SeatFrame) -> None:
        self._seat = frame
        if frame.state == "ended":
            asyncio.get_running_loop().call_later(ENDING_S, self._finish, [])

    def _told(self, message: DeskMessage) -> None:
        match message:
            case IdentityChecked():
                self._identity = message
            case Offer() | Candidate():
                self._held.put_nowait(message)
            case DeskText(text):
                self.texts.append(text)
            case People(people):
                self.people = people
            case Ended(agreed):
                self._finish(agreed)

    def _finish(self, agreed: list[str]) -> None:
        if not self._over.done():
            self._over.set_result(agreed)
            self._held.put_nowait(Candidate("", ""))  # wakes the caller, which hangs up

    async def _say_state(self) -> None:
        assert self._devices is not None
        await self.room.say(
            PageState(
                camera=self._devices.camera is not None,
                microphone=self._devices.microphone is not None,
            )
        )

    async def _hold_calls(self, devices: HeadlessDevices) -> None:
        """Take offers and candidates in order, until the visit is over."""
        while not self._over.done():
            try:
                body = await asyncio.wait_for(self._held.get(), FAILED_S)
            except TimeoutError:
                if self.call is not None and self.call.phase == "failed":
                    await self.room.say(NeedOffer())
                continue
            if self._over.done():
                break
            if isinstance(body, Offer):
                await self._offered(body, devices)
            elif self.call is not None and self.call.id == body.call:
                await self.call.candidate(body)
        await self._hang_up()

    async def _offered(self, offer: Offer, devices: HeadlessDevices) -> None:
        if self.call is None or self.call.id != offer.call:
            await self._hang_up()
            given = offer.ice_servers or (self._seat.ice_servers if self._seat else [])
            self.call = HeadlessCall(offer, devices, [_spec(s) for s in given], self.room.say)
        try:
            await self.call.offer(offer)
        except CallFailure:
            self.call.phase = "failed"

    async def _hang_up(self) -> None:
        if self.call is not None:
            await self.call.close()


def _spec(server: IceServer) -> IceServerSpec:
    return IceServerSpec(server.urls, server.username, server.credential)


@contextlib.asynccontextmanager
async def headless_patient_at(url: str, devices: Devices = PHONE) -> AsyncIterator[HeadlessPatient]:
    """Open the link on a phone that is this process."""
    patient = HeadlessPatient(url, devices)
    try:
        yield patient
    finally:
        await patient.close()
