"""One consultation by video or voice: admit, call, keep the call, photo, end.

The consultation outlives every connection: a dead media process, a reloaded page or a failed path
lead to a fresh offer inside it. Lives on the core thread.
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

import structlog

from telemed_desk.clinical.call_record import summarise
from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Waiting
from telemed_desk.media import control
from telemed_desk.vault import OpDraft, Vault
from telemed_desk.vault.problems import VaultLocked
from telemed_desk.workflow.black_box import BlackBox
from telemed_desk.workflow.photo_keeping import keep_photo
from telemed_desk.workflow.visit_state import PhotoTaken, VisitPhase, VisitState
from telemed_protocol import talk
from telemed_protocol.errors import KnownError
from telemed_protocol.op import Op

_log = structlog.get_logger("visit")

__all__ = ["PhotoTaken", "Visit", "VisitPhase", "VisitPorts", "VisitState"]


class VisitPorts:
    """What a visit needs of its surroundings; all called on the core thread."""

    def __init__(
        self,
        *,
        say: Callable[[str, talk.DeskMessage], None],
        admit: Callable[[str], None],
        end_seat: Callable[[str], None],
        media: Callable[[control.ToMedia], None],
        later: Callable[[float, Callable[[], None]], None],
        ice_servers: Callable[[], list[talk.IceServer]],
        now_ms: Callable[[], int],
    ) -> None:
        self.say = say
        self.admit = admit
        self.end_seat = end_seat
        self.media = media
        self.later = later
        self.ice_servers = ice_servers
        self.now_ms = now_ms


RETRY_S = 2.0
"""A failed call is offered again after this; the page may need a moment to come back."""


class Visit:
    """Runs one consultation's call. Core thread only."""

    def __init__(
        self,
        waiting: Waiting,
        vault: Vault,
        ports: VisitPorts,
        on_state: Callable[[VisitState], None],
        *,
        start_rung: Rung,
        claim: Sequence[OpDraft] = (),
    ) -> None:
        self._vault = vault
        self._claim = claim
        self._ports = ports
        self._on_state = on_state
        self._start_rung = start_rung
        self._servers: list[talk.IceServer] = []
        self._media_away = False
        self._box: BlackBox | None = None
        self._photo = self._photo_call = (
            ""  # the one that is awaited, and the call that it is asked in
        )
        self.state = VisitState(
            waiting=waiting, phase="calling", started_ms=ports.now_ms(), call=""
        )

    @property
    def seat(self) -> str:
        """The patient's seat."""
        return self.state.waiting.seat

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        self._on_state(self.state)

    # ---- the doctor ----------------------------------------------------------------------------

    def start(self) -> None:
        """Admit the patient and call."""
        consultation = self.state.waiting.consultation
        self._ports.admit(self.seat)
        self._vault.commit(
            *self._claim,
            OpDraft(
                "consult.state",
                consultation.entity,
                {
                    "state": ConsultationState.IN_CALL.value,
                    "at_ms": self._ports.now_ms(),
                    "way": consultation.way.value,
                },
            ),
        )
        self._offer_anew()

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending sound or picture."""
        self._ports.media(control.Mute(microphone=microphone, camera=camera))
        self._set(microphone_muted=microphone, camera_off=camera)

    def use_clinical_sound(self, *, on: bool) -> None:
        """Send cough, breath and stethoscope as they sound, or a voice without noise."""
        self._ports.media(control.ClinicalSound(on))
        self._set(clinical_sound=on)

    def choose(self, rung: Rung) -> None:
        """Neither send nor ask for more than this, for the rest of the visit; all = HD video."""
        self._ports.media(control.ChooseRung(int(rung)))
        self._set(chosen=rung)

    def share_screen(self, *, on: bool) -> None:
        """Show this PC's screen to everybody in the call, or stop."""
        self._ports.media(control.ShareScreen(on))

    def take_photo(self) -> None:
        """Ask the patient's page for a still. Needs the patient's consent to photos."""
        if not self.state.waiting.consultation.consent_photos:
            self._set(problem="photo-consent")
            return
        try:
            self._vault.check_room_for_photo()
        except KnownError as error:
            # Said before the patient takes one that could not be kept.
            self._set(photo_problem=error)
            return
        photo = secrets.token_hex(8)
        if not self._photo:
            self._photo, self._photo_call = photo, self.state.call
        self._ports.media(control.TakePhoto(self.state.call, photo))
        self._set(problem="", photo_problem=None)

    def _photo_goes_on(self) -> None:
        """A photo whose call broke is gone on with in the next one of this consultation."""
        if self._photo and self._photo_call != self.state.call:
            self._photo_call = self.state.call
            self._ports.media(control.TakePhoto(self.state.call, self._photo))

    def end(self, agreed: list[str]) -> None:
        """End the call; the page shows what was agreed."""
        if self.state.phase == "ended":
            return
        self._ports.media(control.EndCall(self.state.call))
        self._close_box("ended")
        self._ports.say(self.seat, talk.Ended(agreed))
        self._ports.end_seat(self.seat)
        self._vault.commit(
            OpDraft(
                "consult.state",
                self.state.waiting.consultation.entity,
                {"state": ConsultationState.WRITING.value, "at_ms": self._ports.now_ms()},
            )
        ).add_done_callback(lambda _: self._ports.later(0, self._summarise))
        self._set(phase="ended")

    def _summarise(self) -> None:
        # the vault works in order: the box was committed before the state
        try:
            traces = self._vault.call_traces_of(self.state.waiting.consultation.entity)
        except VaultLocked:
            return  # locked at that very moment: nobody sees this screen, and the traces stay
        self._set(summary=summarise(traces))

    # ---- the page ------------------------------------------------------------------------------

    def on_page(self, message: talk.PageMessage) -> None:
        """Act on an opened, authentic message of the patient's page."""
        match message:
            case talk.Answer() if message.call == self.state.call:
                self._ports.media(
                    control.RemoteDescription(message.call, "answer", message.sdp, message.revision)
                )
            case talk.Candidate() if message.call == self.state.call:
                self._ports.media(
                    control.RemoteCandidate(
                        message.call, message.candidate, message.mid, message.mline
                    )
                )
            case talk.PageState():
                self._set(patient_camera=message.camera, patient_microphone=message.microphone)
            case talk.NeedOffer() if self._media_away:
                self._set(phase="restarting")  # nobody would make the offer now; it follows
            case talk.NeedOffer():
                self._offer_anew()
            case talk.NeedPath() if message.call == self.state.call:
                self._use_servers(restart=True)
            case talk.Bye():
                self._set(phase="patient-away", lost_ms=self._ports.now_ms())
            case _:
                _log.info("page_message_ignored", kind=type(message).__name__)

    # ---- the media process ---------------------------------------------------------------------

    def on_media(self, message: control.FromMedia) -> None:
        """Act on what the media process says."""
        match message:
            case control.LocalDescription() if message.call == self.state.call:
                self._ports.say(
                    self.seat,
                    talk.Offer(
                        message.call, message.revision, message.sdp, self._ports.ice_servers()
                    ),
                )
            case control.LocalCandidate() if message.call == self.state.call:
                self._ports.say(
                    self.seat,
                    talk.Candidate(message.call, message.candidate, message.mid, message.mline),
                )
            case control.CallState() if message.call == self.state.call:
                self._call_state(message)
            case control.VideoStream():
                self._picture(message)
            case control.CallStats() if message.call == self.state.call:
                self._take_stats(message)
            case control.Level():
                self._set(
                    microphone_dbfs=message.microphone_dbfs,
                    speaker_dbfs=message.speaker_dbfs,
                    speaking_while_muted=message.speaking_while_muted,
                )
            case control.Photo() if message.call == self.state.call:
                self._keep_photo(message)
            case control.PhotoProgress():
                if message.problem and message.photo == self._photo:
                    self._photo = ""
                self._set(photo_progress=message)
            case (
                control.RelayState()
                | control.DeviceState()
                | control.SoundState()
                | control.ScreenState()
                | control.Fault()
            ):
                self._remark(message)
            case _:
                pass

    def _picture(self, picture: control.VideoStream) -> None:
        if picture.stream == "local":
            self._set(local_memory=picture.memory)
        elif picture.stream == "screen":  # of whichever call: guests' screens are for all
            self._set(others_screen=picture.memory)
        elif picture.call == self.state.call:
            self._set(remote_memory=picture.memory)

    def _remark(
        self,
        message: control.RelayState
        | control.DeviceState
        | control.SoundState
        | control.ScreenState
        | control.Fault,
    ) -> None:
        match message:
            case control.RelayState(server=server) if message.call == self.state.call:
                self._set(relays={**self.state.relays, server: message.code})
            case control.ScreenState():
                self._set(screen=message)
            case control.SoundState():
                self._set(sound=message)
            case control.DeviceState():
                self._set(devices={**self.state.devices, message.kind: message})
            case control.Fault():
                self._set(problem=message.code)

    def on_media_died(self) -> None:
        """The media process is gone; it is being restarted."""
        if self.state.phase != "ended":
            self._media_away = True
            self._close_box("media-died")
            self._set(
                phase="restarting",
                lost_ms=self._ports.now_ms(),
                remote_memory="",
                others_screen="",
            )

    def on_media_ready(self) -> None:
        """A fresh media process is up: call again inside the same consultation."""
        self._media_away = False
        if self.state.phase == "restarting":
            self._set(restarts=self.state.restarts + 1)
            self._offer_anew()

    def _call_state(self, message: control.CallState) -> None:
        now = self._ports.now_ms()
        if self._box is not None:
            self._box.phase(message.phase)
        if message.phase == "connected":
            self._set(
                phase="connected",
                connected_ms=self.state.connected_ms or now,
                lost_ms=None,
                reason=message.reason,
            )
            self._photo_goes_on()
        elif message.phase == "reconnecting":
            self._set(phase="reconnecting", lost_ms=self.state.lost_ms or now)
        elif message.phase == "failed" and self.state.phase not in ("ended", "patient-away"):
            self._set(phase="reconnecting", lost_ms=self.state.lost_ms or now)
            failed = self.state.call
            self._ports.later(RETRY_S, lambda: self._retry(failed))

    def _retry(self, failed_call: str) -> None:
        if self.state.call == failed_call and self.state.phase == "reconnecting":
            self._offer_anew()

    def _offer_anew(self) -> None:
        """Start a new peer connection inside this consultation."""
        if self.state.call:
            self._ports.media(control.EndCall(self.state.call))
        call = secrets.token_hex(8)
        self._close_box("replaced")
        self._box = BlackBox(
            self.state.waiting.consultation.entity, call, self._vault.commit, self._ports.now_ms
        )
        phase: VisitPhase = "calling" if self.state.connected_ms is None else "reconnecting"
        self._set(call=call, phase=phase, relays={})
        rung, servers = int(self._start_rung), self._fresh_servers()
        self._ports.media(control.StartCall(call, True, servers, start_rung=rung))
        # The call before has ended, and what was chosen in it ended with it over there.
        if self.state.microphone_muted or self.state.camera_off:
            self.mute(microphone=self.state.microphone_muted, camera=self.state.camera_off)
        if self.state.clinical_sound:
            self.use_clinical_sound(on=True)
        if self.state.chosen < Rung.HD_VIDEO:
            self.choose(self.state.chosen)
        if self.state.screen.on:
            self.share_screen(on=True)

    def _use_servers(self, *, restart: bool) -> None:
        """Hand the call the relays' fresh credentials; they end before a long call does."""
        self._ports.media(control.UseServers(self.state.call, self._fresh_servers(), restart))

    def _fresh_servers(self) -> list[control.IceServerSpec]:
        self._servers = self._ports.ice_servers()
        return [control.IceServerSpec(s.urls, s.username, s.credential) for s in self._servers]

    def _take_stats(self, stats: control.CallStats) -> None:
        if self._ports.ice_servers() != self._servers:
            self._use_servers(restart=False)
        if self._box is not None:
            self._box.take(stats)
        self._set(stats=stats, rung=Rung(stats.rung), reason=stats.reason)

    def _close_box(self, why: str) -> None:
        if self._box is not None:
            self._box.phase(why)
            self._box.close_part()
            self._box = None

    def _keep_photo(self, photo: control.Photo) -> None:
        self._photo = ""
        now = self._ports.now_ms()
        kept = keep_photo(self._vault, self.state.waiting.consultation.entity, photo, now)
        kept.add_done_callback(
            lambda future: self._ports.later(0, lambda: self._photo_kept(future, photo, now))
        )

    def _photo_kept(self, kept: "Future[Op]", photo: control.Photo, at_ms: int) -> None:
        """Show it, or say why it is not in the record."""
        try:
            entity = kept.result().entity
        except KnownError as error:
            self._set(photo_progress=None, photo_problem=error)
            return
        taken = PhotoTaken(entity, photo.preview_jpeg, at_ms, photo.source, photo.thumb_jpeg)
        photos = (*self.state.photos, taken)
        self._set(photos=photos, photo_progress=None, photo_problem=None)
