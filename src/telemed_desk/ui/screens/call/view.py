"""The call screen."""

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import Section
from telemed_desk.clinical.people import Programme
from telemed_desk.ui import words
from telemed_desk.ui.screens.call.note_editor import NoteEditor
from telemed_desk.ui.screens.call.people_view import PeopleView
from telemed_desk.ui.screens.call.stage import OpenFrames, StageView
from telemed_desk.ui.screens.call.state import PhotoTile, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button, CallButton
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
    clinical = Signal()
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
    add_person = Signal()

    def __init__(self, open_frames: OpenFrames) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self._state = State()
        self._ask: Dialog | None = None
        self._sign: Dialog | None = None
        self.stage = StageView(open_frames)
        self.stage.voice.phone_asked.connect(self.show_phone)
        self.people = PeopleView(open_frames, self.stage.seat_guests)
        self.editor = NoteEditor()
        self.banner = Banner("warn")
        self.header = self._header()
        self.controls = self._controls()
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
        self._keys()

    def _keys(self) -> None:
        for keys in ("F2", "Ctrl+Shift+M"):
            on_key(self, keys, self.mute.emit)
        on_key(self, "F3", self.camera.emit)
        on_key(self, "F7", self.add_person.emit)
        on_key(self, "Ctrl+Shift+C", self.clinical.emit)
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

    def _controls(self) -> QWidget:
        card = Card()
        card.setAccessibleName(t("call.controls"))
        self.mute_button = CallButton(t("call.mute"), "mic")
        self.camera_button = CallButton(t("call.camera"), "video")
        self.photo_button = CallButton(t("call.photo.take"), "camera", "accent")
        self.clinical_button = CallButton(t("call.clinical"), "stethoscope")
        self.clinical_button.setCheckable(True)
        self.phone_button = CallButton(t("call.to_phone"), "phone")
        self.phone_button.setToolTip(t("call.tip", name=t("call.to_phone"), key="F10"))
        self.add_button = CallButton(t("call.people.add"), "user-plus")
        self.add_button.setToolTip(t("call.tip", name=t("call.people.invite"), key="F7"))
        self.end_button = CallButton(t("call.end"), "phone-off", "danger")
        self.end_button.setToolTip(t("call.tip", name=t("call.end"), key="Ctrl+Shift+E"))
        self.back_button = Button(t("call.back"), "primary", scale="large")
        self.ended_words = Text("", "body", "second")
        self.ended_words.setWordWrap(True)
        for button, signal in (
            (self.mute_button, self.mute),
            (self.camera_button, self.camera),
            (self.photo_button, self.photo),
            (self.clinical_button, self.clinical),
            (self.add_button, self.add_person),
            (self.end_button, self.end),
            (self.back_button, self.left),
        ):
            button.clicked.connect(signal)
        self.phone_button.clicked.connect(self.show_phone)
        box = row(gap=sizes.XS, pad=(sizes.M, sizes.S, sizes.M, sizes.S))
        self.live_buttons = (
            self.mute_button,
            self.camera_button,
            self.photo_button,
            self.clinical_button,
            self.add_button,
        )
        for button in (*self.live_buttons, self.phone_button):
            box.addWidget(button)
        box.addWidget(self.ended_words, 1)
        box.addStretch(0)
        box.addWidget(self.back_button)
        box.addWidget(self.end_button)
        card.add(box)
        return card

    def _link_card(self) -> QWidget:
        card = Card()
        card.setAccessibleName(t("call.link"))
        self.rung = LadderWord(Rung.NO_LINK, words.rung_word(Rung.NO_LINK), "strong")
        self.sentence = ElidedText("", "body", "second")
        self.path = LinkPath()
        top = row(self.rung, gap=sizes.M)
        top.addWidget(self.sentence, 1)
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
        self._show_controls(state)
        self.rung.set_rung(state.link.rung, state.link.word)
        self.sentence.setText(state.link.sentence)
        self.path.set_path(state.link.path)
        self.link_card.setVisible(state.live)
        self._show_photos(state.photos)
        self.editor.show_state(state.note, state.notice)
        self.editor.setVisible(not state.notes_hidden)
        self._show_end_question(state)
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
        self.allergy.show_as(header.allergies, "danger", "circle-alert")
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

    def _show_controls(self, state: State) -> None:
        controls = state.controls
        for button in (*self.live_buttons, self.end_button, self.phone_button):
            button.setVisible(state.live)
        self.back_button.setVisible(not state.live)
        self.ended_words.setVisible(not state.live)
        self.ended_words.setText(f"{state.link.sentence}\n{t('call.ended')}")
        if controls.speaking_while_muted:
            muted = t("call.speaking")
        else:
            muted = t("call.unmute" if controls.muted else "call.mute")
        tip = t("call.tip", name=t("call.unmute" if controls.muted else "call.mute"), key="F2")
        self.mute_button.show_as(
            muted, "mic-off" if controls.muted else "mic", "off" if controls.muted else "plain", tip
        )
        off = controls.camera_off or controls.camera_by_link
        said = t("call.camera")
        if controls.camera_off:
            said = t("call.camera.off")
        elif controls.camera_by_link:
            said = t("call.camera.by_link")
        tip = t("call.tip", name=said, key="F3")
        self.camera_button.show_as(
            said, "video-off" if off else "video", "off" if off else "plain", tip
        )
        self.photo_button.setEnabled(controls.photo_enabled)
        tip = controls.photo_reason or t("call.tip", name=controls.photo_label, key="F8")
        self.photo_button.show_as(controls.photo_label, "camera", "accent", tip)
        on = controls.clinical_sound
        self.clinical_button.setChecked(on)
        self.clinical_button.show_as(
            t("call.clinical.on" if on else "call.clinical"),
            "stethoscope",
            "accent" if on else "plain",
            controls.clinical_tip,
        )

    def _show_photos(self, photos: tuple[PhotoTile, ...]) -> None:
        if photos == self._shown_photos:
            return
        self._shown_photos = photos
        clear(self.strip)
        for photo in photos:
            self.strip.addWidget(_thumbnail(photo))
        if not photos:
            self.strip.addWidget(Text(t("call.photos.none"), "caption", "second"))
        self.photos_card.setFixedHeight(sizes.PHOTO[1] + 2 * sizes.M + 2 * sizes.HAIR)

    def _show_end_question(self, state: State) -> None:
        if not state.asks_end:
            if self._ask is not None:
                dialog, self._ask = self._ask, None
                dialog.close()
            return
        if self._ask is None:
            dialog = Dialog(
                self.window(), t("call.end.title"), t("call.end.words"), t("call.end.go_on")
            )
            yes = Button(t("call.end"), "danger", icon="phone-off")
            yes.clicked.connect(self.end_confirmed)
            dialog.add_action(yes)
            dialog.rejected.connect(self.went_on)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._ask = dialog
            dialog.open()
            dialog.cancel.setFocus(Qt.FocusReason.TabFocusReason)

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


def _thumbnail(photo: PhotoTile) -> QLabel:
    image = QImage.fromData(QByteArray(photo.preview_jpeg))
    label = QLabel()
    label.setFixedSize(*sizes.PHOTO)
    label.setAccessibleName(t("call.photo.name", label=photo.label))
    label.setToolTip(t("call.photo.name", label=photo.label))
    if not image.isNull():
        scaled = image.scaled(
            label.size(),
            Qt.AspectRatioMode.KeepAspectRatioByExpanding,
            Qt.TransformationMode.SmoothTransformation,
        )
        label.setPixmap(QPixmap.fromImage(scaled))
    chip = Chip(photo.label, "plate")
    chip.setParent(label)
    chip.adjustSize()
    chip.move(sizes.XS, sizes.PHOTO[1] - chip.height() - sizes.XS)
    return label
