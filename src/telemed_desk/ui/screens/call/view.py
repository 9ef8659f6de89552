"""The call screen."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import Section
from telemed_desk.clinical.people import Programme
from telemed_desk.ui import words
from telemed_desk.ui.screens.call.choice import RungChoice
from telemed_desk.ui.screens.call.controls import CallControls
from telemed_desk.ui.screens.call.note_editor import NoteEditor
from telemed_desk.ui.screens.call.people_view import PeopleView
from telemed_desk.ui.screens.call.photo_view import Thumbnail
from telemed_desk.ui.screens.call.question import Question
from telemed_desk.ui.screens.call.stage import OpenFrames, StageView
from telemed_desk.ui.screens.call.state import PhotoTile, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, ProgrammeTag, Text
from telemed_desk.ui.widgets.ladder import LadderWord
from telemed_desk.ui.widgets.layouts import clear, column, line, panel, row
from telemed_desk.ui.widgets.link_path import LinkPath


class CallView(QWidget):
    """Emits intentions; shows a :class:`State`.

    Args:
        open_frames: Opens a stream's pictures by the name of its memory.
    """

    mute = Signal()
    camera = Signal()
    photo = Signal()
    photo_opened = Signal(object)
    clinical = Signal()
    rung_chosen = Signal(int)
    share = Signal()
    share_confirmed = Signal()
    share_declined = Signal()
    end = Signal()
    end_confirmed = Signal()
    went_on = Signal()
    left = Signal()
    local_toggled = Signal()
    notes_toggled = Signal()
    edited = Signal(str, str)
    left_field = Signal()
    review = Signal()
    sign = Signal()
    kept_draft = Signal()
    versions_asked = Signal()
    add_person = Signal()

    def __init__(self, open_frames: OpenFrames) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self._state = State()
        self._end_question = Question(
            self,
            lambda: Button(t("call.end"), "danger", icon="phone-off"),
            self.end_confirmed.emit,
            self.went_on.emit,
        )
        self._share_question = Question(
            self,
            lambda: Button(t("call.share"), "primary", icon="screen-share"),
            self.share_confirmed.emit,
            self.share_declined.emit,
        )
        self._sign: Dialog | None = None
        self.stage = StageView(open_frames)
        self.stage.voice.phone_asked.connect(self.show_phone)
        self.people = PeopleView(open_frames, self.stage.seat_guests)
        self.editor = NoteEditor()
        self.banner = Banner("warn")
        self.header = self._header()
        self.controls = CallControls()
        self.back_button = self.controls.back_button
        self.link_card = self._link_card()
        self.photos_card = self._photos_card()
        left = column(self.banner, gap=sizes.M + 2, pad=(sizes.L,) * 4)
        left.addWidget(self.stage, 1)
        for part in (self.people, self.controls, self.link_card, self.photos_card):
            left.addWidget(part)
        body = row(gap=0)
        body.addLayout(left, 1)
        body.addWidget(self.editor)
        whole = column(self.header, gap=0)
        whole.addLayout(body, 1)
        self.setLayout(whole)
        self.panels = [self.editor, self.controls, self.photos_card, self.header]
        self.editor.edited.connect(self.edited)
        self.editor.left_field.connect(self.left_field)
        self.editor.review.connect(self.review)
        self.editor.versions_asked.connect(self.versions_asked)
        self._wire_controls()
        self._keys()

    def _wire_controls(self) -> None:
        pressed = self.controls
        for signal, intention in (
            (pressed.mute, self.mute),
            (pressed.camera, self.camera),
            (pressed.photo, self.photo),
            (pressed.clinical, self.clinical),
            (pressed.share, self.share),
            (pressed.add_person, self.add_person),
            (pressed.end, self.end),
            (pressed.left, self.left),
        ):
            signal.connect(intention)
        pressed.phone.connect(self.show_phone)

    def _keys(self) -> None:
        for keys in ("F2", "Ctrl+Shift+M"):
            on_key(self, keys, self.mute.emit)
        on_key(self, "F3", self.camera.emit)
        on_key(self, "F7", self.add_person.emit)
        on_key(self, "Ctrl+Shift+C", self.clinical.emit)
        on_key(self, "Ctrl+Shift+L", self.choice.open)
        on_key(self, "Ctrl+Shift+S", self.share.emit)
        on_key(self, "F8", self.photo.emit)
        on_key(self, "F10", self.show_phone)
        on_key(self, "Ctrl+Shift+E", self.end.emit)
        on_key(self, "Ctrl+Shift+V", self.local_toggled.emit)
        on_key(self, "Ctrl+0", self.notes_toggled.emit)

    # ---- parts ---------------------------------------------------------------------------------

    def _header(self) -> QWidget:
        self.back = Button("", "neutral", icon="chevron-left", name=t("call.back"))
        self.back.clicked.connect(self.left)
        self.name = Text("", "title")
        self.facts = Text("", "caption")
        self._programme = row(gap=0)
        self._programme_now: tuple[Programme | None, str] = (None, "")
        self.allergy = Chip()
        self.identity = Chip()
        self.consent = Chip()
        self.timer = Text("", "title")
        self.timer.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.next = Text("", "caption", "third")
        self.next.setAlignment(Qt.AlignmentFlag.AlignRight)
        rule = line(vertical=True)
        rule.setFixedHeight(sizes.XXL)
        box = row(self.back, gap=sizes.L, pad=(sizes.XL, 0, sizes.XL, 0))
        box.addLayout(column(None, self.name, self.facts, None, gap=0))
        box.addSpacing(sizes.M)
        box.addLayout(self._programme)
        box.addWidget(self.allergy)
        box.addStretch(1)
        for part in (self.identity, self.consent, rule):
            box.addWidget(part)
        box.addLayout(column(None, self.timer, self.next, None, gap=0))
        head = panel(box, topbar="true")
        head.setFixedHeight(sizes.CALL_HEADER)
        head.setAccessibleName(t("call.header"))
        return head

    def _link_card(self) -> QWidget:
        card = Card()
        card.setAccessibleName(t("call.link"))
        self.rung = LadderWord(Rung.NO_LINK, words.rung_word(Rung.NO_LINK), "strong")
        self.sentence = ElidedText("", "body", "second")
        self.choice = RungChoice()
        self.choice.chosen.connect(self.rung_chosen)
        self.path = LinkPath()
        top = row(self.rung, gap=sizes.M)
        top.addWidget(self.sentence, 1)
        top.addWidget(self.choice)
        pad = (sizes.CARD_PAD, sizes.M + 2, sizes.CARD_PAD, sizes.M)
        card.add(column(top, self.path, gap=sizes.M, pad=pad))
        return card

    def _photos_card(self) -> QWidget:
        card = Card()
        card.setAccessibleName(t("call.photos"))
        head = column(
            None,
            Text(t("call.photos"), "strong"),
            Text(t("call.photos.words"), "caption", "third", wrap=True),
            None,
            gap=0,
        )
        said = panel(head)
        said.setFixedWidth(sizes.PHOTO_WORDS)
        self.strip = row(gap=sizes.M + 2)
        pad = (sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M)
        card.add(row(said, self.strip, None, gap=sizes.M + 2, pad=pad))
        self._shown_photos: tuple[PhotoTile, ...] | None = None
        return card

    # ---- showing -------------------------------------------------------------------------------

    def show_state(self, state: State) -> None:
        """Show it."""
        self._state = state
        self._show_header(state)
        self.stage.show_state(state.stage)
        self.stage.voice.number.setText(state.header.phone)
        self.banner.show_words(state.banner, state.banner_words, state.banner_tone)
        self.controls.show_state(state)
        self.rung.set_rung(state.link.rung, state.link.word)
        self.sentence.setText(state.link.sentence)
        self.choice.show_chosen(state.link.chosen)
        self.path.set_path(state.link.path)
        self.link_card.setVisible(state.live)
        self._show_photos(state.photos)
        self._make_room()
        self.editor.show_state(state.note, state.notice)
        self.editor.setVisible(not state.notes_hidden)
        self._show_questions(state)
        self._show_sign(state)

    def set_levels(self, speaker_dbfs: float) -> None:
        """Show how loud the patient is; ten times a second, past the presenter."""
        if self.stage.voice.isVisible():
            self.stage.voice.level.set_level(speaker_dbfs)

    def _show_header(self, state: State) -> None:
        header = state.header
        self.back.setVisible(not state.live)
        self.name.setText(header.name)
        self.facts.setText(header.facts)
        if (header.programme, header.programme_name) != self._programme_now:
            self._programme_now = (header.programme, header.programme_name)
            clear(self._programme)
            if header.programme is not None:
                self._programme.addWidget(ProgrammeTag(header.programme, header.programme_name))
        self.allergy.show_as(header.allergies, header.allergies_tone, "circle-alert")
        self.identity.show_as(
            header.identity,
            header.identity_tone,
            "circle-check" if header.identity_tone == "ok" else "triangle-alert",
        )
        self.consent.show_as(header.consent, header.consent_tone, "shield-check")
        self.timer.setText(header.timer)
        self.next.setText(header.next_patient)
        self.next.set_tone("warn" if header.next_soon else "third")
        self.next.setVisible(bool(header.next_patient))

    def _show_photos(self, photos: tuple[PhotoTile, ...]) -> None:
        if photos == self._shown_photos:
            return
        self._shown_photos = photos
        clear(self.strip)
        for photo in photos:
            thumbnail = Thumbnail(photo)
            thumbnail.clicked.connect(lambda *_, which=photo: self.photo_opened.emit(which))
            self.strip.addWidget(thumbnail)
        if not photos:
            self.strip.addWidget(Text(t("call.photos.none"), "caption", "second"))
        self.photos_card.setFixedHeight(sizes.PHOTO[1] + 2 * sizes.M + 2 * sizes.HAIR)

    def _show_questions(self, state: State) -> None:
        self._end_question.show(
            t("call.end.title"), t("call.end.words"), t("call.end.go_on"), asked=state.asks_end
        )
        self._share_question.show(
            t("call.share.title"),
            t("call.share.words"),
            t("button.cancel"),
            asked=state.asks_share,
        )

    def _show_sign(self, state: State) -> None:
        if state.sign is None:
            if self._sign is not None:
                dialog, self._sign = self._sign, None
                dialog.close()
            return
        if self._sign is None:
            dialog = Dialog(
                self.window(), t("call.sign.title"), t("call.sign.words"), t("call.sign.keep")
            )
            self._sign_empty = Text("", "body", "warn", wrap=True)
            self._sign_problem = Banner("danger")
            self._sign_yes = Button(t("call.sign.yes"), "primary", icon="lock")
            self._sign_yes.clicked.connect(self.sign)
            dialog.add(self._sign_empty)
            dialog.add(self._sign_problem)
            dialog.add_action(self._sign_yes)
            dialog.rejected.connect(self.kept_draft)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._sign = dialog
            dialog.open()
            self._sign_yes.setFocus(Qt.FocusReason.TabFocusReason)
        self._sign_empty.setText(state.sign.empty_sections)
        self._sign_empty.setVisible(bool(state.sign.empty_sections))
        self._sign_problem.show_words(state.sign.problem, state.sign.problem_words)
        self._sign_yes.setEnabled(not state.sign.working)
        self._sign_yes.show_as(t("call.sign.working" if state.sign.working else "call.sign.yes"))

    def show_phone(self) -> None:
        """Show the number in large type; the desk places no telephone calls."""
        header = self._state.header
        dialog = Dialog(
            self.window(),
            t("call.phone.title", name=header.given_name),
            t("call.phone.words"),
            t("button.close"),
        )
        number = Text(header.phone or t("call.phone.none"), "code")
        number.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        dialog.add(number)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def focus_first(self) -> None:
        """Put the keyboard into the note."""
        self.editor.go_to(Section.SUBJECTIVE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the picture room in narrow windows."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW
        self.editor.setFixedWidth(sizes.NOTE_NARROW if narrow else sizes.NOTE)
        self._make_room()

    def _make_room(self) -> None:
        """In a low window with others in the call the faces come before the photos."""
        crowded = self.people.isVisibleTo(self) and self.height() < sizes.SHORT_BELOW
        self.photos_card.setVisible(not crowded)
