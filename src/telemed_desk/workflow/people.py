"""What the clinician does with the other people of a call: invite, let in, let go; or be one of them.

Public methods are called on the GUI thread and return at once; what happens is seen in the
:class:`Watched` values. The work is done on the core thread.
"""

from collections.abc import Callable
from dataclasses import dataclass

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Guest, Role, Waiting
from telemed_desk.media import control
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Vault
from telemed_desk.workflow.booking import LinkResult, link_result
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.company import Attendee, Company
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.joining import JoinedState, Joining, JoiningPorts
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.visit import VisitPorts
from telemed_desk.workflow.watched import Watched
from telemed_protocol.errors import KnownError
from telemed_protocol.room import RoomFrame
from telemed_protocol.talk import PageMessage


@dataclass(frozen=True, slots=True)
class PeopleState:
    """Who is in the call beside the patient, and who waits to be let in."""

    there: tuple[Attendee, ...] = ()
    waiting: tuple[Guest, ...] = ()


class People:
    """The people of this desk's calls, over the life of a session.

    Args:
        core: The core thread.
        vault: For links and names.
        client: The clinic's server.
        hub: The media process.
        later: Runs something on the core thread after some seconds.
        start_rung: Where a call begins on the ladder now.
        may_call: Whether this desk is free for a call; what stands in its way is stopped.
    """

    def __init__(
        self,
        core: CoreThread,
        vault: Vault,
        client: ServerClient,
        hub: MediaHub,
        *,
        later: Callable[[float, Callable[[], None]], None],
        start_rung: Callable[[], Rung],
        may_call: Callable[[], bool],
    ) -> None:
        self._core = core
        self._vault = vault
        self._client = client
        self._hub = hub
        self._later = later
        self._start_rung = start_rung
        self._may_call = may_call
        self.state: Watched[PeopleState] = Watched(core.post, PeopleState())
        self.joined: Watched[JoinedState | None] = Watched(core.post, None)
        self._guests: tuple[Guest, ...] = ()
        self._company: Company | None = None
        self._joining: Joining | None = None

    # ---- the clinician (GUI thread) ------------------------------------------------------------

    def link_for(self, consultation: bytes, role: Role, done: Callable[[LinkResult], None]) -> None:
        """Make a link for somebody who is to join a consultation."""
        made = link_result(self._vault, self._client, consultation, wall_ms(), role)
        self._core.run(made, done)

    def admit(self, seat: str) -> None:
        """Let somebody who waits into the running call."""

        def run() -> None:
            guest = next((g for g in self._guests if g.seat == seat), None)
            if guest is not None and self._company is not None:
                self._company.admit(guest)
                self._show()

        self._core.call(run)

    def remove(self, seat: str) -> None:
        """Let somebody go."""
        self._core.call(lambda: self._company.remove(seat) if self._company is not None else None)

    def join(self, url: str) -> None:
        """Take part in a colleague's consultation, unless this desk is in a call."""
        self._core.call(lambda: self._join(url) if self._may_call() else None)

    def mute_joined(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending sound or picture to a colleague's call."""
        self._with_joining(lambda j: j.mute(microphone=microphone, camera=camera))

    def choose_joined(self, rung: Rung) -> None:
        """Want at most this of pictures in a colleague's call."""
        self._with_joining(lambda j: j.choose(rung))

    def share_joined(self, *, on: bool) -> None:
        """Show this PC's screen to everybody in a colleague's call, or stop."""
        self._with_joining(lambda j: j.share_screen(on=on))

    def leave_joined(self) -> None:
        """Leave a colleague's call; once it has ended, forget it."""

        def leave(joining: Joining) -> None:
            if joining.state.phase == "ended":
                self._joining = None
                self.joined.set(None)
            else:
                joining.leave()

        self._with_joining(leave)

    def _with_joining(self, action: Callable[[Joining], None]) -> None:
        self._core.call(lambda: action(self._joining) if self._joining is not None else None)

    # ---- core thread ---------------------------------------------------------------------------

    @property
    def is_joined(self) -> bool:
        """Whether this desk takes part in a colleague's call."""
        return self._joining is not None and self._joining.state.phase != "ended"

    def show(self, guests: tuple[Guest, ...]) -> None:
        """These are the guests of the waiting room now."""
        self._guests = guests
        self._show()

    def begin(self, waiting: Waiting, ports: VisitPorts) -> None:
        """A visit begins; its guests may be let in from now on."""
        self._company = Company(
            waiting, ports, lambda _there: self._show(), start_rung=self._start_rung()
        )
        self._show()

    def end(self) -> None:
        """The visit is over."""
        if self._company is not None:
            self._company.end()
            self._company = None
        self._show()

    def on_room(self, frame: RoomFrame) -> None:
        """Take who the server lists."""
        if self._company is not None:
            self._company.listed({s.seat: s.present for s in frame.seats if s.state != "ended"})

    def on_page(self, seat: str, message: PageMessage) -> None:
        """Take a guest's message of a running call."""
        if self._company is not None:
            self._company.on_page(seat, message)

    def on_media(self, message: control.FromMedia) -> None:
        """Take what the media process says."""
        if self._company is not None:
            self._company.on_media(message)
        if self._joining is not None:
            self._joining.on_media(message)

    def on_media_died(self) -> None:
        """The media process is gone."""
        for one in (self._company, self._joining):
            if one is not None:
                one.on_media_died()

    def on_media_ready(self) -> None:
        """A fresh media process is up."""
        for one in (self._company, self._joining):
            if one is not None:
                one.on_media_ready()

    async def close(self) -> None:
        """Leave all calls; what was said last still reaches the server."""
        self.end()
        if self._joining is not None:
            await self._joining.close()

    def _join(self, url: str) -> None:
        ports = JoiningPorts(self._hub.send, self._later, self._core.spawn, wall_ms)
        name = self._vault.clinician.name
        try:
            joining = Joining(url, name, ports, self.joined.set, start_rung=self._start_rung())
        except KnownError as error:
            self.joined.set(JoinedState(phase="ended", problem=error))
            return
        self._joining = joining
        self._core.spawn(joining.begin())

    def _show(self) -> None:
        company = self._company
        if company is None:
            self.state.set(PeopleState())
            return
        there = company.there
        inside = {guest.seat for guest in there}
        waiting = tuple(
            g
            for g in self._guests
            if g.consultation == company.consultation and g.seat not in inside
        )
        self.state.set(PeopleState(there, waiting))
