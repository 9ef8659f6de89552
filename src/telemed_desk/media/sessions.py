"""The calls of this PC: one for each other person of a consultation, joined by the bridge."""

import asyncio
from collections.abc import Callable

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from telemed_desk.media.bridge.bridge import Bridge
from telemed_desk.media.bridge.sharing import share
from telemed_desk.media.call_session import CallSession
from telemed_desk.media.photo_taking import PhotoShelf
from telemed_desk.media.ports import PictureSource
from telemed_desk.media.shared_screen import SharedScreen
from telemed_desk.media.station import Station

SHARE_S = 0.25


class Sessions:
    """Begins and ends calls, and does to all of them what concerns all. Loop thread.

    Args:
        station: The devices; each call counts as one user.
        report: Thread-safe way to tell the desk something.
    """

    def __init__(self, station: Station, report: Callable[[control.FromMedia], None]) -> None:
        self._station = station
        self._report = report
        self._bridge = Bridge()
        self._shelf = PhotoShelf()
        self._sessions: dict[str, CallSession] = {}
        self._muted = control.Mute(microphone=False, camera=False)
        self._chosen = Rung.HD_VIDEO
        self._screen = SharedScreen(report)
        self._sharing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many calls run."""
        return len(self._sessions)

    def get(self, call: str) -> CallSession | None:
        """Return a call by its id."""
        return self._sessions.get(call)

    async def start(self, message: control.StartCall) -> None:
        """Begin a call; one on the same leg ends, and who was muted stays so."""
        muted = self._muted
        for held in [s for s in self._sessions.values() if s.leg == message.leg]:
            await self.end(held.id, "replaced")
        session = CallSession(
            message,
            self._station,
            self._bridge,
            self._report,
            self._shelf,
            on_screen=self._screens_changed,
        )
        self._sessions[session.id] = session
        try:
            await session.begin()
        except BaseException:
            del self._sessions[session.id]
            await session.close()
            raise
        self.mute(muted)
        session.choose(self._chosen)
        if self._sharing is None:
            self._sharing = asyncio.create_task(self._share(), name="sharing")
        self._screens_changed()

    async def end(self, call: str, reason: str) -> None:
        """End a call; nothing happens if there is none of this id."""
        session = self._sessions.pop(call, None)
        if session is None:
            return
        await session.close()
        self._screens_changed()
        if not self._sessions and self._sharing is not None:
            self._sharing.cancel()
            self._sharing = None
        self.mute(self._muted if self._sessions else control.Mute(microphone=False, camera=False))
        if not self._sessions and reason != "replaced":
            self.clinical(on=False)
            self._chosen = Rung.HD_VIDEO
            await self.share_screen(None)
        self._report(control.CallState(call, "ended", reason))

    def mute(self, message: control.Mute) -> None:
        """Keep the doctor's sound or picture back from all; the others go on through the bridge."""
        self._muted = message
        self._station.microphone_muted = message.microphone
        self._bridge.mute(microphone=message.microphone, camera=message.camera)
        alone = len(self._sessions) == 1
        for session in self._sessions.values():
            session.mute(microphone=message.microphone and alone, camera=message.camera and alone)

    def clinical(self, *, on: bool) -> None:
        """Send the sound at this desk to all as it is, or as a voice; until the last call ends."""
        self._station.set_clinical(on=on)
        for session in self._sessions.values():
            session.set_clinical(on=on)

    def choose(self, rung: Rung) -> None:
        """Neither send to anybody nor ask anybody for more than this; until the last call ends."""
        self._chosen = rung
        for session in self._sessions.values():
            session.choose(rung)

    async def share_screen(self, source: str | None) -> None:
        """Show this PC's screen to all, or stop that."""
        if source is None or not self._sessions:
            self._show_screens(None)
            await self._screen.close()
        else:
            await self._screen.open(source)
            self._show_screens(self._screen.source)

    def _show_screens(self, own: PictureSource | None) -> None:
        """Show each the screen of this PC, or else one that another shares, and nobody their own."""
        for session in self._sessions.values():
            others = (
                other.others_screen for other in self._sessions.values() if other is not session
            )
            session.show_screen(own or next((screen for screen in others if screen), None))

    def _screens_changed(self) -> None:
        self._show_screens(self._screen.source)

    def devices_changed(self) -> None:
        """Send from the devices that are open now."""
        if self._sessions:
            self._bridge.use(self._station.camera, self._station.microphone)

    async def _share(self) -> None:
        """Four times a second: what each call may take of the line and of the processor."""
        while True:
            limits = share([session.need() for session in self._sessions.values()])
            for call, limit in limits.items():
                self._sessions[call].limit(limit)
            await asyncio.sleep(SHARE_S)

    async def close(self) -> None:
        """End all calls, without a word to the desk."""
        if self._sharing is not None:
            self._sharing.cancel()
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        await self._screen.close()
