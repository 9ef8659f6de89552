"""The note: four sections, what is on disk, and signing."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from telemed_desk.clinical.notes import Section
from telemed_desk.ui.screens.call.state import NoteView
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, BannerTone
from telemed_desk.ui.widgets.fields import GrowingText
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.layouts import column, panel, row, scroll


class SectionText(GrowingText):
    """One section's text; tells when the focus leaves it."""

    focus_left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The focus moves on: time to save."""
        super().focusOutEvent(event)
        self.focus_left.emit()


class NoteEditor(QWidget):
    """Emits what is typed; loads text only when another note is to be shown."""

    edited = Signal(str, str)
    left_field = Signal()
    review = Signal()
    versions_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("side", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(t("call.note"))
        self._key: tuple[object, ...] = (b"", False)
        self._loading = False
        self._mark = Icon("check", "ok")
        self._saved = ElidedText("", "label")
        self._status = Text("", "caption")
        line = row(self._mark, gap=sizes.M, pad=(sizes.XL, 0, sizes.XL, 0))
        line.addWidget(self._saved, 1)
        line.addWidget(self._status)
        self.save_line = panel(line, sunken="true")
        self.save_line.setFixedHeight(sizes.SAVE_LINE)
        self.banner = Banner("danger")
        self.versions = Banner("warn")
        self.show_versions = Button("", icon="git-merge")
        self.show_versions.clicked.connect(self.versions_asked)
        self.versions.buttons.addWidget(self.show_versions)
        self.fields: dict[Section, SectionText] = {}
        sections = column(
            self.banner, self.versions, gap=sizes.L, pad=(sizes.XL, sizes.L, sizes.XL, sizes.L)
        )
        for section in Section:
            sections.addLayout(self._section(section))
        sections.addStretch(1)
        self.notice = ElidedText("", "label", "accent")
        self.sign = Button(t("call.sign"), keys=t("key.ctrl_enter"))
        self.sign.clicked.connect(self.review)
        foot = row(gap=sizes.M, pad=(sizes.XL, sizes.M + 1, sizes.XL, sizes.M + 1))
        foot.addWidget(self.notice, 1)
        foot.addWidget(self.sign)
        self.history = Button(t("call.history"), "neutral", scale="small", icon="history")
        self.history.clicked.connect(self.versions_asked)
        pad = (sizes.XL, 0, sizes.XL, 0)
        title = row(Text(t("call.note"), "strong"), None, self.history, pad=pad)
        head = panel(title, header="true")
        head.setFixedHeight(sizes.CONTROL_LARGE)
        whole = column(head, self.save_line, gap=0)
        whole.addWidget(scroll(panel(sections)), 1)
        whole.addWidget(panel(foot, footer="true"))
        self.setLayout(whole)
        on_key(self, "Ctrl+Return", self.review.emit)

    def _section(self, section: Section) -> QHBoxLayout:
        text = SectionText(t(f"section.{section.value}"), t(f"section.prompt.{section.value}"))
        text.textChanged.connect(lambda: self._changed(section))
        text.focus_left.connect(self.left_field)
        self.fields[section] = text
        letter = Text(section.value, "section")
        letter.setToolTip(
            t("section.tip", section=t(f"section.{section.value}"), key=section.value)
        )
        letter.setFixedWidth(sizes.SECTION_LETTER)
        letter.setContentsMargins(0, sizes.S, 0, 0)
        box = row(letter, gap=sizes.M)
        box.setAlignment(letter, Qt.AlignmentFlag.AlignTop)
        box.addWidget(text, 1)
        on_key(self, f"Alt+{section.value}", lambda: self.go_to(section))
        return box

    def go_to(self, section: Section) -> None:
        """Put the keyboard into a section."""
        self.fields[section].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_state(self, state: NoteView, notice: str) -> None:
        """Show it. What is being typed is never replaced."""
        if state.there and state.key != self._key:
            self._key = state.key
            self._loading = True
            for section, field in self.fields.items():
                if field.toPlainText() != state.text.section(section):
                    field.setPlainText(state.text.section(section))
            self._loading = False
        for field in self.fields.values():
            field.setReadOnly(state.read_only or not state.there)
        bad = state.save_tone == "danger"
        self._mark.show_icon("circle-alert" if bad else "check", state.save_tone or "ink3")
        self._saved.set_tone("danger" if bad else "")
        self._saved.setText(state.save_words)
        self._status.setText(state.status)
        self.banner.show_words(state.problem, state.problem_words)
        tone: BannerTone = "info" if state.read_only else "warn"
        self.versions.show_words(state.versions, state.versions_words, tone)
        self.show_versions.show_as(state.versions_open)
        self.show_versions.setVisible(bool(state.versions_open))
        self.notice.setText(notice)
        self.history.setVisible(state.history)
        self.sign.setVisible(not state.read_only)
        self.sign.setEnabled(state.there and state.may_sign)
        self.sign.setToolTip(state.versions_words if not state.may_sign else "")

    def _changed(self, section: Section) -> None:
        if not self._loading:
            self.edited.emit(section.value, self.fields[section].toPlainText())
