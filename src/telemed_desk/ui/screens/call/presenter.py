"""The call and the note beside it: what is shown, and what the clinician may do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import Section
from telemed_desk.ui import words
from telemed_desk.ui.screens.call import phrases
from telemed_desk.ui.screens.call.banner import banner
from telemed_desk.ui.screens.call.state import NoteView, PhotoTile, SignDialog, State
from telemed_desk.ui.shell.state import CallLink
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.note_taking import NoteState
from telemed_desk.workflow.status import DeskStatus
from telemed_desk.workflow.visit import VisitState
from telemed_protocol.errors import KnownError


class CallPort(Protocol):
    """What this screen needs of the workflow's session; call-backs come on the GUI thread."""

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending."""
        ...

    def choose_rung(self, rung: Rung) -> None:
        """Neither send nor ask for more than this; HD video = as good as the link allows."""
        ...

    def share_screen(self, *, on: bool) -> None:
        """Show this PC's screen to everybody in the call, or stop."""
        ...

    def use_clinical_sound(self, *, on: bool) -> None:
        """Send sound as it is, or a voice without noise."""
        ...

    def take_photo(self) -> None:
        """Ask for a still."""
        ...

    def end_visit(self, agreed: list[str]) -> None:
        """End the call; the note stays open."""
        ...

    def leave_visit(self) -> None:
        """The consultation is done with for now."""
        ...

    def edit(self, section: Section, text: str) -> None:
        """A section of the open note reads so now."""
        ...

    def save_now(self) -> None:
        """Put the draft on disk."""
        ...

    def sign(self, done: Callable[[KnownError | None], None]) -> None:
        """Sign the open note."""
        ...


class CallPresenter:
    """Decides what the call screen shows. GUI thread.

    Args:
        port: The workflow's session.
        leave: Goes back to Today.
        now_ms: Wall clock.
        show: Gets every new state.
    """

    def __init__(
        self,
        port: CallPort,
        leave: Callable[[], None],
        now_ms: Callable[[], int],
        show: Callable[[State], None],
    ) -> None:
        self._port = port
        self._leave = leave
        self._now_ms = now_ms
        self._show = show
        self._visit: VisitState | None = None
        self._note: NoteState | None = None
        self._status = DeskStatus()
        self._next_ms: int | None = None
        self._show_local = True
        self.state = State()

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def visit(self, visit: VisitState | None) -> None:
        """The visit moved; None = none is open."""
        if visit is None:
            self._visit = None
            self.state = State()
            return
        if self._visit is not None and visit.waiting.seat != self._visit.waiting.seat:
            self.state = State()
        self._visit = visit
        self.tick()

    def note(self, note: NoteState | None) -> None:
        """The note moved."""
        self._note = note
        self.tick()

    def status(self, status: DeskStatus) -> None:
        """The one model of the status line moved."""
        self._status = status
        self.tick()

    def next_patient(self, booked_ms: int | None) -> None:
        """When the next patient is booked."""
        self._next_ms = booked_ms
        self.tick()

    def tick(self) -> None:
        """Once a second: time goes on."""
        visit = self._visit
        if visit is None:
            return
        now = self._now_ms()
        tone, title, said = banner(visit)
        live = visit.phase != "ended"
        self._set(
            header=phrases.header(visit, now, self._next_ms)
            if live or not self.state.header.name
            else replace(phrases.header(visit, now, self._next_ms), timer=self.state.header.timer),
            stage=phrases.stage(visit, show_local=self._show_local),
            controls=phrases.controls(visit, self._status.space),
            link=phrases.link(visit, now),
            photos=tuple(
                PhotoTile(
                    photo.entity,
                    photo.preview_jpeg,
                    self._photo_label(photo.at_ms, photo.source),
                    photo.thumb_jpeg,
                )
                for photo in visit.photos
            ),
            note=self._note_view(now),
            banner_tone=tone,
            banner=title,
            banner_words=said,
            live=live,
            asks_end=self.state.asks_end and live,
            asks_share=self.state.asks_share and live,
            notice=self.state.notice if live else "",
        )

    def call_link(self) -> CallLink | None:
        """Return what the status line says of this call; None when none is running."""
        if self._visit is None or self._visit.phase == "ended":
            return None
        figures = phrases.figures(self._visit) if self._visit.phase == "connected" else ""
        return CallLink(self.state.link.rung, figures, self.state.link.word)

    # ---- intentions ----------------------------------------------------------------------------

    def toggle_mute(self) -> None:
        """Mute or unmute (F2)."""
        if self._visit is not None and self.state.live:
            self._port.mute(
                microphone=not self._visit.microphone_muted, camera=self._visit.camera_off
            )

    def toggle_camera(self) -> None:
        """Camera off or on (F3)."""
        if self._visit is not None and self.state.live:
            self._port.mute(
                microphone=self._visit.microphone_muted, camera=not self._visit.camera_off
            )

    def toggle_clinical_sound(self) -> None:
        """Clinical sound on or off (Ctrl+Shift+C)."""
        if self._visit is not None and self.state.live:
            self._port.use_clinical_sound(on=not self._visit.clinical_sound)

    def choose_rung(self, rung: Rung) -> None:
        """Want at most this of pictures (Ctrl+Shift+L); the link decides below it."""
        if self._visit is not None and self.state.live and rung is not self._visit.chosen:
            self._port.choose_rung(rung)

    def toggle_share(self) -> None:
        """Show this PC's screen, after a question, or stop (Ctrl+Shift+S)."""
        if self._visit is None or not self.state.live:
            return
        if self._visit.screen.on:
            self._port.share_screen(on=False)
        else:
            self._set(asks_share=True)

    def confirm_share(self) -> None:
        """Show it."""
        self._set(asks_share=False)
        self._port.share_screen(on=True)

    def decline_share(self) -> None:
        """Do not."""
        self._set(asks_share=False)

    def take_photo(self) -> None:
        """Ask for a photo (F8)."""
        if self.state.live and self.state.controls.photo_enabled:
            self._port.take_photo()

    def toggle_local(self) -> None:
        """Hide or show the own picture."""
        self._show_local = not self._show_local
        self.tick()

    def toggle_notes(self) -> None:
        """Hide or show the note (Ctrl+0)."""
        self._set(notes_hidden=not self.state.notes_hidden)

    def end(self) -> None:
        """End the call; asks only when no note was ever started."""
        if not self.state.live:
            return
        if self._note is None or self._note.text.is_empty:
            self._set(asks_end=True)
        else:
            self.confirm_end()

    def confirm_end(self) -> None:
        """End it."""
        self._set(asks_end=False)
        self._port.save_now()
        self._port.end_visit([])

    def go_on(self) -> None:
        """Do not end."""
        self._set(asks_end=False)

    def edit(self, section: Section, text: str) -> None:
        """Something was typed."""
        if not self.state.note.read_only:
            self._port.edit(section, text)

    def left_field(self) -> None:
        """The focus moved on: put the draft on disk."""
        if not self.state.note.read_only:
            self._port.save_now()

    def review(self) -> None:
        """Review and sign (Ctrl+Enter); during the call it only saves."""
        if self._note is None or self._note.signed is not None:
            return
        self._port.save_now()
        if self._note.leaves > 1:
            self._set(notice=t("call.versions", n=self._note.leaves))
            return
        if self.state.live:
            self._set(notice=t("call.sign.later"))
            return
        if self._note.text.is_empty:
            self._set(notice=t("call.sign.empty"))
            return
        missing = [
            t(f"section.{s.value}") for s in Section if not self._note.text.section(s).strip()
        ]
        self._set(
            sign=SignDialog(t("call.sign.missing", sections=", ".join(missing)) if missing else ""),
            notice="",
        )

    def keep_draft(self) -> None:
        """Do not sign."""
        if self.state.sign is not None and not self.state.sign.working:
            self._set(sign=None)

    def sign(self) -> None:
        """Sign and lock."""
        if self.state.sign is None or self.state.sign.working:
            return
        self._set(sign=replace(self.state.sign, working=True, problem="", problem_words=""))
        self._port.sign(self._signed)

    def _signed(self, problem: KnownError | None) -> None:
        if self.state.sign is None:
            return
        if problem is None:
            self._set(sign=None)
        else:
            self._set(
                sign=replace(
                    self.state.sign,
                    working=False,
                    problem=problem.sentence,
                    problem_words=problem.next_step,
                )
            )

    def leave(self) -> None:
        """Back to Today, once the call has ended."""
        if not self.state.live:
            self._port.save_now()
            self._port.leave_visit()
            self._leave()

    # ---- words ---------------------------------------------------------------------------------

    @staticmethod
    def _photo_label(at_ms: int, source: str) -> str:
        clock = words.clock(at_ms)
        return t("call.photo.from_video", time=clock) if source == "video" else clock

    def _note_view(self, now: int) -> NoteView:
        note = self._note
        if note is None:
            return NoteView(save_words=t("call.note.opening"))
        signed = note.signed
        tone = "ok"
        if note.problem is not None:
            said, tone = note.problem.sentence, "danger"
        elif note.unsaved:
            said, tone = t("status.saved.writing"), ""
        elif note.saved_ms is None:
            said, tone = t("call.note.empty"), ""
        else:
            said = t("status.saved.ago", ago=words.ago(now - note.saved_ms))
        waiting = self._status.waiting_to_sync
        if waiting and note.problem is None:
            held = self._status.held is not None
            said = f"{said} · {tn('status.sync.held' if held else 'status.sync.waiting', waiting)}"
        status = t("call.note.draft")
        if signed is not None:
            at = words.clock(signed.signed_ms) if signed.signed_ms else ""
            status = t("call.note.signed", time=at, code=signed.signature_code)
        elif note.leaves > 1:
            status = t("call.note.versions", n=note.leaves)
        beside, beside_words, beside_open = self._versions(note)
        return NoteView(
            key=(note.note, signed is not None, note.loaded),
            text=signed.text if signed is not None else note.text,
            there=True,
            save_words=said,
            save_tone=tone,
            status=status,
            read_only=signed is not None,
            problem=note.problem.sentence if note.problem is not None else "",
            problem_words=note.problem.next_step if note.problem is not None else "",
            versions=beside,
            versions_words=beside_words,
            versions_open=beside_open,
            may_sign=signed is None and note.leaves <= 1,
            history=not self._is_live() and note.saved_ms is not None,
        )

    def _is_live(self) -> bool:
        return self._visit is not None and self._visit.phase != "ended"

    def _versions(self, note: NoteState) -> tuple[str, str, str]:
        """Return what is said of versions side by side, and the word of the button that shows them."""
        if note.leaves <= 1:
            return "", "", ""
        if note.signed is not None:
            return t("call.versions.late"), t("call.versions.late.words"), t("call.versions.show")
        title = t("call.versions", n=note.leaves)
        if self._is_live():
            return title, t("call.versions.live"), ""
        return title, t("call.versions.words"), t("call.versions.open")
