"""The patient's picture, the own picture in its corner, and what lies on them."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.call.state import Stage
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import column, row
from telemed_desk.ui.widgets.meters import LevelMeter
from telemed_desk.ui.widgets.video import FrameSource, VideoTile
from telemed_protocol.errors import KnownError

OpenFrames = Callable[[str], FrameSource]
"""Opens the pictures in a shared memory of this name; raises KnownError when it is gone."""


class VoicePanel(QWidget):
    """Stands beside the last picture while only voice travels."""

    phone_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("stage", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(sizes.VOICE_PANEL)
        self.quality = Text("", "body", "quiet", wrap=True)
        self.level = LevelMeter(t("call.voice.level"))
        self.number = Text("", "mono", "quiet")
        phone = Button(t("call.to_phone"), "primary", icon="phone")
        phone.clicked.connect(self.phone_asked)
        glyph = Icon("phone", "railMark", sizes.ICON_LARGE)
        fallback = row(glyph, gap=sizes.M)
        fallback.setAlignment(glyph, Qt.AlignmentFlag.AlignTop)
        fallback.addLayout(
            column(
                Text(t("call.voice.fallback"), "strong"),
                Text(t("call.voice.fallback.words"), "body", "quiet", wrap=True),
                gap=0,
            ),
            1,
        )
        self.setLayout(
            column(
                Text(t("call.voice.live"), "title"),
                self.quality,
                sizes.XS,
                self.level,
                None,
                fallback,
                row(phone, None),
                self.number,
                gap=sizes.M,
                pad=(sizes.XL, sizes.XL, sizes.XL, sizes.XL),
            )
        )


class StageView(QWidget):
    """Shows a :class:`Stage`."""

    def __init__(self, open_frames: OpenFrames) -> None:
        super().__init__()
        self._open = open_frames
        self._names = {"remote": "", "local": "", "screen": "", "person": ""}
        self.remote = VideoTile(t("call.stage.patient"), fill=True)
        self.local = VideoTile(t("call.stage.you"), mirrored=True, edge=True)
        self.shared = VideoTile(t("call.stage.screen"), fill=False)
        self.person = VideoTile(t("call.stage.patient"), edge=True)
        for tile in (self.shared, self.person, self.local):
            tile.setParent(self.remote)
        self.shared.hide()
        self.person.hide()
        self.person.setFixedSize(*sizes.TILE)
        self.local.setFixedSize(*sizes.TILE)
        self.you = Chip(t("call.stage.you"), "plate")
        self.name = Chip("", "plate")
        self.stale = Chip("", "stage-warn", "image")
        self.recorded = Chip(t("call.stage.not_recorded"), "plate", "ban")
        self.progress = Chip("", "plate")
        for chip in (self.name, self.stale, self.recorded, self.progress):
            chip.setParent(self.remote)
        self.you.setParent(self.local)
        self._guests: list[QWidget] = []
        self.voice = VoicePanel()
        self.voice.hide()
        box = row(gap=sizes.M)
        box.addWidget(self.remote, 1)
        box.addWidget(self.voice)
        self.setLayout(box)

    def show_state(self, state: Stage) -> None:
        """Show it."""
        self._follow("remote", self.remote, state.remote_memory)
        self._follow("local", self.local, state.local_memory)
        shows = bool(state.screen_memory) and not state.words
        self._follow("screen", self.shared, state.screen_memory)
        self._follow("person", self.person, state.remote_memory if shows else "")
        self.shared.setVisible(shows)
        self.person.setVisible(shows)
        if not state.screen_memory:
            self.shared.forget()
        self.remote.set_words(state.words)
        if state.words and not state.stale:
            self.remote.forget()
        label = t("call.stage.screen") if shows else state.label
        self.name.show_as(label if not state.stale else "", "plate")
        self.stale.show_as(state.stale, "stage-warn", "image")
        self.progress.show_as(state.progress, "plate", "camera")
        if not state.local_memory:
            self.local.forget()
            self.local.set_words(t("call.stage.camera_off"))
        self.local.setVisible(state.show_local)
        self.voice.setVisible(state.voice_only)
        self.voice.quality.setText(state.voice_words)
        self._place()

    def seat_guests(self, tiles: list[QWidget]) -> None:
        """Put the guests' pictures on the stage, beside the own one."""
        for tile in tiles:
            if tile.parent() is not self.remote:
                tile.setParent(self.remote)
                tile.show()
        self._guests = tiles
        self._place()

    def _follow(self, which: str, tile: VideoTile, name: str) -> None:
        if name == self._names[which]:
            return
        self._names[which] = name
        if not name:
            tile.set_source(None)
            return
        try:
            tile.set_source(self._open(name))
        except KnownError:
            # The media process has gone again; its successor announces another name.
            tile.set_source(None)
            self._names[which] = ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep labels and tile in their corners."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        edge = sizes.L
        size = self.remote.size()
        for chip in (self.name, self.stale, self.recorded, self.progress, self.you):
            chip.adjustSize()
        self.name.move(edge, edge)
        self.stale.move(edge, edge)
        self.recorded.move(size.width() - self.recorded.width() - edge, edge)
        self.progress.move(edge, size.height() - self.progress.height() - edge)
        self.shared.setGeometry(self.remote.rect())
        corner = self.local.size()
        self.local.move(
            size.width() - corner.width() - edge, size.height() - corner.height() - edge
        )
        left = self.local.x() if self.local.isVisibleTo(self) else size.width() - edge + sizes.S
        beside = [self.person] if self.person.isVisibleTo(self) else []
        for tile in [*beside, *self._guests]:
            left -= tile.width() + sizes.S
            tile.move(left, size.height() - tile.height() - edge)
        self.you.move(sizes.S, corner.height() - self.you.height() - sizes.S)
        self.you.show()
