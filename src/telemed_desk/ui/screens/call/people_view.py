"""The people of a call: a line each with what may be done, their pictures, and the invitation."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget

from telemed_desk.ui.screens.call.people import ROLES, Invite, PersonRow, State, role_word
from telemed_desk.ui.screens.call.stage import OpenFrames
from telemed_desk.ui.screens.today.link_dialog import QrCode
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, row
from telemed_desk.ui.widgets.segmented import SegmentedControl
from telemed_desk.ui.widgets.video import VideoTile
from telemed_protocol.errors import KnownError


class GuestTile(VideoTile):
    """A guest's picture; their name in its place while there is none."""

    def __init__(self, open_frames: OpenFrames) -> None:
        super().__init__("", edge=True)
        self._open = open_frames
        self._memory = ""
        self.setFixedSize(*sizes.TILE)
        self.plate = Chip("", "plate")
        self.plate.setParent(self)

    def show_person(self, person: PersonRow) -> None:
        """Show them."""
        self.setAccessibleName(t("call.people.picture", name=person.name))
        self.set_words(person.stage_words)
        self.plate.show_as(person.name if person.memory else "", "plate")
        self.plate.adjustSize()
        self.plate.move(sizes.S, self.height() - self.plate.height() - sizes.S)
        if person.memory == self._memory:
            return
        self._memory = person.memory
        self.forget()
        try:
            self.set_source(self._open(person.memory) if person.memory else None)
        except KnownError:
            # The media process has gone again; its successor announces another name.
            self.set_source(None)
            self._memory = ""


class PeopleView(QWidget):
    """A card that is there while somebody beside the patient is.

    Args:
        open_frames: Opens a stream's pictures by the name of its memory.
        seat: Puts the guests' pictures where they are seen.
    """

    admitted = Signal(str)
    removed = Signal(str)
    role_chosen = Signal(str)
    link_wanted = Signal()
    invite_closed = Signal()

    def __init__(self, open_frames: OpenFrames, seat: Callable[[list[QWidget]], None]) -> None:
        super().__init__()
        self._open = open_frames
        self._seat = seat
        self._rows: tuple[PersonRow, ...] | None = None
        self._may_admit = True
        self._dialog: InviteDialog | None = None
        self._tiles: dict[str, GuestTile] = {}
        self.lines = column(gap=sizes.XS)
        self.full = Text("", "caption", "second", wrap=True)
        card = Card()
        card.setAccessibleName(t("call.people"))
        pad = (sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M)
        inner = column(self.lines, self.full, gap=sizes.XS, pad=pad)
        card.add(inner)
        self.setLayout(column(card, gap=0))
        self.hide()

    @property
    def tiles(self) -> list[GuestTile]:
        """The guests' pictures."""
        return list(self._tiles.values())

    def show_state(self, state: State) -> None:
        """Show it."""
        if (state.rows, state.may_admit) != (self._rows, self._may_admit):
            self._show_rows(state)
        self.full.setText(state.full)
        self.full.setVisible(bool(state.full))
        self.setVisible(bool(state.rows))
        self._show_invite(state.invite)

    def _show_rows(self, state: State) -> None:
        focused = self.focusWidget()
        seat = focused.property("seat") if focused is not None and focused.hasFocus() else None
        self._rows, self._may_admit = state.rows, state.may_admit
        clear(self.lines)
        for person in state.rows:
            line, button = self._line(person, may_admit=state.may_admit)
            self.lines.addWidget(line)
            if seat == person.seat:
                button.setFocus(Qt.FocusReason.OtherFocusReason)
        inside = {person.seat: person for person in state.rows if person.inside}
        for gone in [seat for seat in self._tiles if seat not in inside]:
            tile = self._tiles.pop(gone)
            tile.hide()
            tile.deleteLater()
        for seat, person in inside.items():
            if seat not in self._tiles:
                self._tiles[seat] = GuestTile(self._open)
            self._tiles[seat].show_person(person)
        self._seat([self._tiles[seat] for seat in inside])

    def _line(self, person: PersonRow, *, may_admit: bool) -> tuple[QWidget, Button]:
        if person.inside:
            name = t("call.people.remove.name", name=person.name)
            button = Button(t("call.people.remove"), scale="small", name=name)
            button.clicked.connect(lambda: self.removed.emit(person.seat))
        else:
            name = t("call.people.admit.name", name=person.name)
            button = Button(t("call.people.admit"), "primary", scale="small", name=name)
            button.clicked.connect(lambda: self.admitted.emit(person.seat))
            button.setEnabled(may_admit)
        button.setProperty("seat", person.seat)
        line = row(
            Icon("user"),
            Text(person.name, "strong"),
            Text(person.role, "body", "second"),
            Chip(person.said, person.tone),
            None,
            button,
            gap=sizes.M,
        )
        return panel(line), button

    def _show_invite(self, invite: Invite | None) -> None:
        if invite is None:
            if self._dialog is not None:
                dialog, self._dialog = self._dialog, None
                dialog.close()
            return
        if self._dialog is None:
            self._dialog = InviteDialog(self.window())
            self._dialog.roles.chosen.connect(self.role_chosen)
            self._dialog.make.clicked.connect(self.link_wanted)
            self._dialog.rejected.connect(self.invite_closed)
            self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._dialog.open()
            self._dialog.make.setFocus(Qt.FocusReason.TabFocusReason)
        self._dialog.show_invite(invite)


class InviteDialog(Dialog):
    """As whom they come, and the link for them."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(
            parent, t("call.people.invite"), t("call.people.invite.words"), t("button.close")
        )
        self.roles = SegmentedControl(
            t("call.people.role"), tuple((role.value, role_word(role)) for role in ROLES)
        )
        self.banner = Banner("danger")
        self.code = QrCode()
        self.address = QLineEdit()
        self.address.setReadOnly(True)
        self.address.setAccessibleName(t("today.link.address"))
        self.valid = Text("", "caption")
        self.role_words = Text("", "body", "second", wrap=True)
        self.make = Button(t("call.people.make"), "primary", icon="link")
        self.copy = Button(t("today.link.copy"), "primary", icon="copy")
        self.copy.clicked.connect(self._copy)
        self.add(self.roles)
        self.add(self.role_words)
        self.add(self.banner)
        self.add(row(None, self.code, None))
        self.add(self.address)
        self.add(self.valid)
        self.add_action(self.make)
        self.add_action(self.copy)

    def show_invite(self, invite: Invite) -> None:
        """Show it."""
        there = bool(invite.url)
        self.roles.choose(invite.role.value)
        self.role_words.setText(t(f"call.people.role.{invite.role.value}.words"))
        self.banner.show_words(invite.sentence, invite.next_step)
        for widget in (self.code, self.address, self.valid, self.copy):
            widget.setVisible(there)
        self.valid.setText(invite.valid)
        self.make.setVisible(not there)
        self.make.setEnabled(not invite.working)
        self.make.show_as(t("today.link.working" if invite.working else "call.people.make"))
        if there and self.address.text() != invite.url:
            self.address.setText(invite.url)
            self.address.setCursorPosition(0)
            self.code.show_text(invite.url)
            self.copy.show_as(t("today.link.copy"), icon="copy")
            self.copy.setFocus(Qt.FocusReason.TabFocusReason)
        self.adjustSize()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.address.text())
        self.copy.show_as(t("today.link.copied"), icon="check")
