"""Taking part in a colleague's call: what is shown, and what the clinician may do."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Role
from telemed_desk.ui import words
from telemed_desk.ui.screens.call.people import role_word
from telemed_desk.ui.screens.call.state import Stage
from telemed_desk.ui.text import t
from telemed_desk.workflow.joining import JoinedState


@dataclass(frozen=True, slots=True)
class State:
    """Everything the screen shows."""

    title: str = ""
    clinic: str = ""
    people: str = ""
    timer: str = ""
    stage: Stage = field(default_factory=Stage)
    rung: Rung = Rung.NO_LINK
    rung_word: str = ""
    chosen: Rung = Rung.HD_VIDEO
    muted: bool = False
    speaking_while_muted: bool = False
    camera_off: bool = False
    sharing: bool = False
    asks_share: bool = False
    banner: str = ""
    banner_words: str = ""
    live: bool = False
    problem: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class JoinDialog:
    """The question for the link."""

    url: str = ""
    problem: str = ""


class JoinedPort(Protocol):
    """What is needed of the workflow."""

    def join(self, url: str) -> None:
        """Open a colleague's link."""
        ...

    def mute_joined(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending."""
        ...

    def choose_joined(self, rung: Rung) -> None:
        """Want at most this of pictures."""
        ...

    def share_joined(self, *, on: bool) -> None:
        """Show this PC's screen to everybody in the call, or stop."""
        ...

    def leave_joined(self) -> None:
        """Leave; once it has ended, forget it."""
        ...


class JoinedPresenter:
    """Decides what is shown of a colleague's call. GUI thread.

    Args:
        port: The workflow.
        now_ms: Wall clock.
        show: Gets every new state.
        ask: Gets the question for a link; None closes it.
    """

    def __init__(
        self,
        port: JoinedPort,
        now_ms: Callable[[], int],
        show: Callable[[State], None],
        ask: Callable[[JoinDialog | None], None],
    ) -> None:
        self._port = port
        self._now_ms = now_ms
        self._show = show
        self._ask = ask
        self._joined: JoinedState | None = None
        self.dialog: JoinDialog | None = None
        self.state = State()

    # ---- facts in ------------------------------------------------------------------------------

    def joined(self, joined: JoinedState | None) -> None:
        """The joined call moved; None = there is none."""
        self._joined = joined
        if joined is None:
            self.state = State()
            return
        self.tick()

    def tick(self) -> None:
        """Once a second: time goes on."""
        joined = self._joined
        if joined is None:
            return
        live = joined.phase != "ended"
        since = joined.connected_ms
        timer = words.stopwatch(self._now_ms() - since) if since is not None else ""
        connected = joined.phase == "connected"
        problem = joined.problem
        said, words_of = _of_the_screen(joined) if live else ("", "")
        state = State(
            title=t("joined.title", name=joined.clinician) if joined.clinician else t("joined.new"),
            clinic=joined.clinic,
            people=_people(joined),
            timer=timer if live else self.state.timer,
            stage=_stage(joined),
            rung=joined.rung if connected else Rung.NO_LINK,
            rung_word=words.rung_word(joined.rung) if connected else t(f"joined.{joined.phase}"),
            chosen=joined.chosen,
            muted=joined.microphone_muted,
            speaking_while_muted=joined.microphone_muted and joined.speaking_while_muted,
            camera_off=joined.camera_off,
            sharing=joined.screen.on and live,
            asks_share=self.state.asks_share and live,
            banner=said,
            banner_words=words_of,
            live=live,
            problem=problem.sentence if problem is not None else "",
            next_step=problem.next_step if problem is not None else "",
        )
        if state != self.state:
            self.state = state
            self._show(state)

    # ---- intentions ----------------------------------------------------------------------------

    def ask(self) -> None:
        """Ask for a link (Ctrl+J)."""
        self._set_dialog(JoinDialog())

    def paste(self, url: str) -> None:
        """A link was typed or pasted."""
        if self.dialog is not None and self.dialog.url != url:
            self.dialog = JoinDialog(url)  # not shown anew: the field holds it already

    def join(self) -> None:
        """Open it."""
        if self.dialog is None:
            return
        url = self.dialog.url.strip()
        if "/j/" not in url or "#" not in url:
            self._set_dialog(replace(self.dialog, problem=t("joined.ask.not_a_link")))
            return
        self._set_dialog(None)
        self._port.join(url)

    def close_dialog(self) -> None:
        """Do not."""
        self._set_dialog(None)

    def toggle_mute(self) -> None:
        """Mute or unmute (F2)."""
        if self.state.live:
            self._port.mute_joined(microphone=not self.state.muted, camera=self.state.camera_off)

    def toggle_camera(self) -> None:
        """Camera off or on (F3)."""
        if self.state.live:
            self._port.mute_joined(microphone=self.state.muted, camera=not self.state.camera_off)

    def choose_rung(self, rung: Rung) -> None:
        """Want at most this of pictures (Ctrl+Shift+L); the link decides below it."""
        if self.state.live and rung is not self.state.chosen:
            self._port.choose_joined(rung)

    def toggle_share(self) -> None:
        """Show this PC's screen, after a question, or stop (Ctrl+Shift+S)."""
        if not self.state.live:
            return
        if self.state.sharing:
            self._port.share_joined(on=False)
        else:
            self._ask_share(asks=True)

    def confirm_share(self) -> None:
        """Show it."""
        self._ask_share(asks=False)
        self._port.share_joined(on=True)

    def decline_share(self) -> None:
        """Do not."""
        self._ask_share(asks=False)

    def _ask_share(self, *, asks: bool) -> None:
        if asks != self.state.asks_share:
            self.state = replace(self.state, asks_share=asks)
            self._show(self.state)

    def leave(self) -> None:
        """Leave the call, or the screen once the call has ended."""
        self._port.leave_joined()

    def _set_dialog(self, dialog: JoinDialog | None) -> None:
        if dialog != self.dialog:
            self.dialog = dialog
            self._ask(dialog)


def _of_the_screen(joined: JoinedState) -> tuple[str, str]:
    if joined.screen.code:
        return t("call.share.failed"), t("call.share.failed.words")
    if joined.screen.on:
        return t("call.share.banner"), t("call.share.banner.words")
    return "", ""


def _people(joined: JoinedState) -> str:
    if joined.phase == "ended" or not joined.people:
        return ""
    known = {role.value: role for role in Role}
    names = [
        f"{person.name} ({role_word(known[person.role])})" if person.role in known else person.name
        for person in joined.people
    ]
    return t("joined.people", names=", ".join([joined.clinician, *names]))


def _not_live(joined: JoinedState) -> str:
    """Say so when the picture on the stage is not of this moment: somebody may judge a wound by it."""
    stats = joined.stats
    if joined.phase != "connected" or stats is None:
        return ""
    if stats.picture_stands:
        return t("call.stage.stands")
    return t("call.stage.last_picture") if stats.shown_width and not stats.shown_fps else ""


def _stage(joined: JoinedState) -> Stage:
    said = {
        "opening": t("joined.stage.opening"),
        "waiting": t("joined.stage.waiting", name=joined.clinician),
        "calling": t("joined.stage.calling"),
        "connected": "",
        "reconnecting": t("joined.stage.reconnecting"),
        "ended": t("call.stage.ended"),
    }[joined.phase]
    return Stage(
        remote_memory=joined.remote_memory,
        local_memory="" if joined.camera_off else joined.local_memory,
        screen_memory=joined.others_screen,
        stale=_not_live(joined),
        words=said if not joined.problem else "",
        show_local=joined.phase != "ended",
    )
