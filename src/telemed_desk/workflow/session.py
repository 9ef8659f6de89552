"""Everything that lives between unlock and lock: vault, sync, waiting room, visit, note.

Public methods are called on the GUI thread and return at once; what happens is seen in the
:class:`Watched` values. The work is done on the core thread.
"""

import random
from collections.abc import Callable
from pathlib import Path

import structlog

from telemed_desk.clinical.queue import Waiting
from telemed_desk.media import control
from telemed_desk.sync.desk_socket import DeskSocket, LinkState
from telemed_desk.sync.driver import SyncDriver
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Vault
from telemed_desk.workflow.booking import LinkResult, link_result
from telemed_desk.workflow.checking import Checking
from telemed_desk.workflow.claiming import Claiming
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.day import Records
from telemed_desk.workflow.desks import Desks
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.note_choosing import NoteChoosing
from telemed_desk.workflow.note_intentions import NoteIntentions
from telemed_desk.workflow.note_taking import NoteState, NoteTaking
from telemed_desk.workflow.people import People
from telemed_desk.workflow.photo_opening import PhotoOpening
from telemed_desk.workflow.records_watch import RecordsWatch
from telemed_desk.workflow.relays import Relays
from telemed_desk.workflow.sounds import Sounds
from telemed_desk.workflow.space_watch import watch_space
from telemed_desk.workflow.status import DeskStatus, LinkWord, StatusModel
from telemed_desk.workflow.vault_care import VaultCare
from telemed_desk.workflow.visit import PhotoTaken, Visit, VisitPorts, VisitState
from telemed_desk.workflow.visit_intentions import VisitIntentions
from telemed_desk.workflow.waiting_room import RoomView, WaitingRoom
from telemed_desk.workflow.watched import Watched
from telemed_protocol.op import Op
from telemed_protocol.room import RoomFrame
from telemed_protocol.talk import PageMessage

_log = structlog.get_logger("session")


class Session(VisitIntentions, NoteIntentions):
    """One clinician at work on this PC.

    Args:
        core: The core thread.
        vault: Unlocked.
        client: Speaks to the clinic's server as this device.
        hub: The media process.
        folder: This user's profile folder, for what is kept in clear beside the vault; None = nothing.
    """

    def __init__(
        self,
        core: CoreThread,
        vault: Vault,
        client: ServerClient,
        hub: MediaHub,
        folder: Path | None = None,
    ) -> None:
        self.core = core
        self.vault = vault
        self.client = client
        self.hub = hub
        post = core.post
        self.room: Watched[RoomView] = Watched(post, RoomView())
        self.status: Watched[DeskStatus] = Watched(post, DeskStatus())
        self.visit: Watched[VisitState | None] = Watched(post, None)
        self.note: Watched[NoteState | None] = Watched(post, None)
        self.records: Watched[Records] = Watched(post, Records())
        self._relays = Relays(client)
        self._status = StatusModel(self.status.set, wall_ms)
        self._visit: Visit | None = None
        self._note: NoteTaking | None = None
        self._ends: list[Callable[[], None]] = []
        self._closed = False
        self._boxes_held: dict[str, int] = {}
        self._room = WaitingRoom(
            vault=vault,
            send_box=lambda seat, box: self._socket.send_box(seat, box),  # noqa: PLW0108 - made below
            now_ms=wall_ms,
            on_change=self._room_changed,
            on_call_message=self._call_message,
        )
        self.desks = Desks(core, vault, client, wall_ms, lambda: self._sync.members_changed())  # noqa: PLW0108 - made below
        self.checking = Checking(
            core, vault, client, hub, now_ms=wall_ms, in_call=self._is_in_call,
            servers=lambda: self._relays.servers, folder=folder, on_relay=self._status.relay,
        )  # fmt: skip
        self.sounds = Sounds(core, hub, vault.setting, vault.set_setting)
        self.people = People(
            core, vault, client, hub, later=self._later, may_call=self._may_call,
            start_rung=lambda: self.checking.start_rung,
        )  # fmt: skip
        self.choosing = NoteChoosing(
            vault, call=core.call, post=post, later=self._later, now_ms=wall_ms
        )
        self.claiming = Claiming(
            vault, lambda: self.records.value.holders, wall_ms, self.review_note
        )
        self._records_watch = RecordsWatch(vault, core.spawn, self._on_records)
        self._socket = DeskSocket(
            client,
            on_room=self._on_room,
            on_box=self._on_box,
            on_head=lambda sseq: self._sync.head_announced(sseq),  # noqa: PLW0108 - made below
            on_enrol=self.desks.news,
            on_link=self._on_link,
            after=lambda: self._boxes_held,
            jitter=lambda: random.uniform(0.8, 1.2),  # noqa: S311 - spreads reconnects, no secret
        )
        self._sync = SyncDriver(
            vault,
            vault.identity,
            client,
            clock=wall_ms,
            on_status=self._status.sync,
            on_applied=self._on_applied,
            originals=vault,
            in_call=self._is_in_call,
            urgent=self._socket.push,
            bulk=vault,
        )
        self.photos = PhotoOpening(core, vault, client, self._status.stuck_photos)

    @property
    def forged_boxes(self) -> int:
        """How many messages from pages were refused because their seal was not the link's."""
        return self._room.forged_boxes

    # ---- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, sync, and listen. GUI thread."""
        self.core.call(self._start)

    def _start(self) -> None:
        self._tasks = [
            self.core.spawn(self._socket.run()),
            self.core.spawn(self._sync.run()),
            self.core.spawn(self._relays.run()),
            self.core.spawn(VaultCare(self.vault, wall_ms).run()),
            self.core.spawn(watch_space(self.vault, self._status.space)),
        ]
        self._ends = [
            self.hub.listen(self._on_media),
            self.hub.watch(self._media_died, self._media_ready),
            self.vault.on_change(lambda _tables: self.core.call(self._vault_changed)),
            self.desks.start(),
        ]
        self._vault_changed()
        self.checking.recall()
        self.sounds.recall()

    async def close(self) -> None:
        """Save what is typed, end a call, stop sync; then lock the vault. Core thread."""
        self._closed = True
        self._records_watch.close()
        self.choosing.close()
        if self._note is not None:
            self._note.close()
        if self._visit is not None and self._visit.state.phase != "ended":
            self._visit.end([])
        await self.people.close()
        self.sounds.close()
        for end in self._ends:
            end()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            try:
                await task
            except BaseException as error:  # noqa: BLE001 - a cancelled task may end in any way
                _log.debug("task_ended", error_type=type(error).__name__)
        await self.checking.aclose()
        await self.client.aclose()
        await self.core.loop.run_in_executor(None, self.vault.lock)

    # ---- waiting room and visit ----------------------------------------------------------------

    def start_visit(self, seat: str) -> None:
        """Admit the patient and call them."""
        self.core.call(lambda: self._start_visit(seat))

    def _start_visit(self, seat: str) -> None:
        waiting = self._room.waiting_at(seat)
        if waiting is None or not self._may_call():
            return
        ports = VisitPorts(
            say=self._room.say,
            admit=self._socket.admit,
            end_seat=self._socket.end,
            media=self.hub.send,
            later=self._later,
            ice_servers=lambda: self._relays.servers,
            now_ms=wall_ms,
        )
        self._visit = Visit(
            waiting, self.vault, ports, self.visit.set, start_rung=self.checking.start_rung,
            claim=self.claiming.drafts(waiting.consultation.entity),
        )  # fmt: skip
        for state in self.hub.states.values():
            self._visit.on_media(state)
        self._room.active_seat = seat
        self._open_note(waiting.consultation.entity)
        self.people.begin(waiting, ports)
        self._visit.start()

    def end_visit(self, agreed: list[str]) -> None:
        """End the call; the note stays open."""

        def end(visit: Visit) -> None:
            self.people.end()
            visit.end(agreed)
            if self._note is not None:
                self._note.save_now()

        self._with_visit(end)

    def review_note(self, consultation: bytes) -> None:
        """Open a consultation whose call is over, to finish and sign its note."""
        self.core.call(lambda: self._review_note(consultation))

    def _review_note(self, consultation: bytes) -> None:
        booked = self.vault.consultation(consultation)
        patient = self.vault.patient(booked.patient) if booked is not None else None
        if booked is None or patient is None or self._is_in_call():
            return
        waiting = Waiting(
            "", booked, patient, booked.started_ms or booked.booked_ms, present=False,
            identity_ok=self.vault.identity_of(consultation),
        )  # fmt: skip
        self._visit = None
        self._open_note(consultation)
        photos = tuple(
            PhotoTaken(photo.entity, photo.preview, photo.at_ms, photo.source, photo.thumb)
            for photo in self.vault.photos_of(consultation)
        )
        started_ms = booked.started_ms or booked.booked_ms
        self.visit.set(
            VisitState(
                waiting=waiting, phase="ended", started_ms=started_ms, call="", photos=photos
            )
        )

    def leave_visit(self) -> None:
        """Close the call screen after the call: the note becomes a revision that travels."""
        self.core.call(self._leave_visit)

    def _leave_visit(self) -> None:
        if self._note is not None:
            self._note.close()
            self._note = None
            self.note.set(None)
        if not self._is_in_call():
            self._visit = None
            self._room.active_seat = ""
            self.visit.set(None)
            self._room.look_again()

    def _is_in_call(self) -> bool:
        in_visit = self._visit is not None and self._visit.state.phase != "ended"
        return in_visit or self.people.is_joined

    def _may_call(self) -> bool:
        free = not self._is_in_call()
        if free:
            self.checking.call_wins()
        return free

    def clear_urgent(self, seat: str, reason: str) -> None:
        """Take the urgent flag off a waiting patient."""
        self.core.call(lambda: self._room.clear_urgent(seat, reason))

    def _with_visit(self, action: Callable[[Visit], None]) -> None:
        def run() -> None:
            if self._visit is not None:
                action(self._visit)

        self.core.call(run)

    # ---- note ----------------------------------------------------------------------------------

    def _open_note(self, consultation: bytes) -> None:
        if self._note is not None:
            if self._note.state.consultation == consultation:
                return
            self._note.close()
        self._note = NoteTaking(
            consultation, self.vault, later=self._later, now_ms=wall_ms, on_state=self._on_note
        )
        self._on_note(self._note.state)

    def _reviewed(self) -> bytes | None:
        visit = self.visit.value
        return visit.waiting.consultation.entity if visit is not None else None

    # ---- links and sync ------------------------------------------------------------------------

    def link_for(self, consultation: bytes, done: Callable[[LinkResult], None]) -> None:
        """Make a link for a booking."""
        self.core.run(link_result(self.vault, self.client, consultation, wall_ms()), done)

    def sync_now(self) -> None:
        """Try now, whatever the back-off says."""
        self.core.call(self._sync.try_now)

    def add_desk(self, done: Callable[[CodeResult], None]) -> None:
        """Make a code by which one more PC may ask to be added."""
        self.desks.add(done)

    def pause_sync(self, *, paused: bool) -> None:
        """Hold sync back, or let it go on."""
        self.core.call(self._sync.pause if paused else self._sync.resume)

    # ---- what arrives (core thread) ------------------------------------------------------------

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        # Also called from the vault's writer thread, hence threadsafe first.
        self.core.loop.call_soon_threadsafe(
            lambda: self.core.loop.call_later(delay_s, action) if delay_s else action()
        )

    def _room_changed(self, view: RoomView) -> None:
        self.room.set(view)
        self.people.show(view.guests)

    def _on_room(self, frame: RoomFrame) -> None:
        self._room.on_room(frame)
        self.people.on_room(frame)

    def _on_box(self, seat: str, box: bytes, number: int) -> None:
        self._room.on_box(seat, box)
        self._boxes_held[seat] = number

    def _call_message(self, seat: str, message: PageMessage) -> None:
        if self._visit is not None and self._visit.seat == seat:
            self._visit.on_page(message)
        else:
            self.people.on_page(seat, message)

    def _on_link(self, state: LinkState, rtt_ms: float | None) -> None:
        words: dict[LinkState, LinkWord] = {LinkState.UP: "online", LinkState.DOWN: "offline"}
        self._status.link(words.get(state, "connecting"), rtt_ms)
        if state is LinkState.UP and rtt_ms is None:
            self._sync.link_changed(up=True)
            self.desks.look_who_asks()
        elif state is LinkState.DOWN:
            self._sync.link_changed(up=False)

    def _on_note(self, state: NoteState) -> None:
        self.note.set(state)
        self._status.saved(
            state.saved_ms,
            unsaved=state.unsaved,
            problem=state.problem.code if state.problem else "",
        )

    def _on_media(self, message: control.FromMedia) -> None:
        self.checking.on_media(message)
        self.sounds.on_media(message)
        if self._visit is not None:
            self._visit.on_media(message)
        self.people.on_media(message)

    def _media_died(self) -> None:
        if self._visit is not None:
            self._visit.on_media_died()
        self.people.on_media_died()

    def _media_ready(self) -> None:
        if self._visit is not None:
            self._visit.on_media_ready()
        self.people.on_media_ready()

    def _on_applied(self, _ops: tuple[Op, ...]) -> None:
        self._room.look_again()
        self._vault_changed()

    def _vault_changed(self) -> None:
        if self._closed:
            return
        self._sync.poke()
        self._records_watch.changed()

    def _on_records(self, records: Records) -> None:
        self.records.set(records)
        self.choosing.look()
        if self._note is not None:
            self._note.look()
        self._status.outbox(records.waiting, records.waiting_bytes, records.held)
