"""The screen of a PC's first run."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QLayout, QStackedWidget, QWidget

from telemed_desk.ui.screens.set_up.presenter import Form, State, Way
from telemed_desk.ui.screens.unlock.left import LeftPanel
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner
from telemed_desk.ui.widgets.fields import Field, PassphraseField, field_row
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column, frame, panel, row, scroll
from telemed_desk.ui.widgets.meters import Progress
from telemed_desk.ui.widgets.segmented import SegmentedControl


class SetUpView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    way_chosen = Signal(str)
    submitted = Signal(object)
    written_down = Signal(bool)
    go_on = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self._way: Way = "found"
        self.left = LeftPanel("key-round")
        self.left.link_title.hide()
        self.left.path.hide()
        self.left.queue.title.setText(t("set_up.keys"))
        self.left.queue.words.setText(t("set_up.keys.words"))
        self.banner = Banner("danger")
        self.ways = SegmentedControl(
            t("set_up.ways"), (("found", t("set_up.found")), ("join", t("set_up.join")))
        )
        self.ways.chosen.connect(self.way_chosen)
        self.server_url = Field(t("set_up.server"), "https://", t("set_up.server.hint"))
        self.code = Field(t("set_up.code"), "TMC-")
        self.clinic_name = Field(t("set_up.clinic"))
        self.clinic_phone = Field(t("set_up.phone"), "+254", t("set_up.phone.hint"))
        self.clinician_name = Field(t("set_up.name"), t("set_up.name.example"))
        self.role = Field(t("set_up.role"), t("set_up.role.example"))
        self.pc_label = Field(t("set_up.pc"), t("set_up.pc.example"))
        words = (t("button.show"), t("button.hide"))
        hint = t("set_up.passphrase.hint")
        self.passphrase = PassphraseField(t("set_up.passphrase"), *words)
        self.passphrase.set_hint(hint)
        self.repeat = PassphraseField(t("set_up.repeat"), *words)
        self.button = Button(t("set_up.button"), "primary", scale="large")
        self.button.clicked.connect(self._submit)
        self.fields: dict[str, Field] = {
            "server_url": self.server_url,
            "code": self.code,
            "clinic_name": self.clinic_name,
            "clinic_phone": self.clinic_phone,
            "clinician_name": self.clinician_name,
            "role": self.role,
            "pc_label": self.pc_label,
            "passphrase": self.passphrase,
            "repeat": self.repeat,
        }
        for field in self.fields.values():
            field.submitted.connect(self._submit)
        self._clinic_row = field_row(self.clinic_name, self.clinic_phone)
        form = column(
            row(self.ways, None),
            self.banner,
            field_row(self.server_url, self.code),
            self._clinic_row,
            field_row(self.clinician_name, self.role),
            self.pc_label,
            field_row(self.passphrase, self.repeat),
            row(self.button, None),
            None,
            gap=sizes.L,
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(panel(form))
        self.stack.addWidget(panel(self._working()))
        self.stack.addWidget(panel(self._recovery()))
        middle = column(
            Text(t("set_up.title"), "question"),
            Text(t("set_up.words"), "body", "second", wrap=True),
            sizes.M,
            self.stack,
            gap=sizes.S,
        )
        self.form = panel(middle)
        self.form.setFixedWidth(sizes.SET_UP_FORM)
        inner = panel(
            column(None, row(None, self.form, None), None, pad=(0, sizes.XL, 0, sizes.XL))
        )
        whole = row(self.left, gap=0)
        whole.addWidget(scroll(inner), 1)
        self.setLayout(whole)
        self.panels = [self.form]

    def _working(self) -> QLayout:
        self.progress_words = Text("", "lead")
        self.progress = Progress(t("set_up.working"))
        self.progress.setRange(0, 0)
        return column(self.progress_words, self.progress, None, gap=sizes.L)

    def _recovery(self) -> QLayout:
        self.recovery_code = Text("", "code", wrap=True)
        self.recovery_code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.recovery_code.setAccessibleName(t("set_up.recovery.title"))
        self.tick = QCheckBox(t("set_up.recovery.written"))
        self.tick.toggled.connect(self.written_down)
        self.done = Button(t("set_up.recovery.go_on"), "primary", scale="large")
        self.done.clicked.connect(self.go_on)
        well = frame(column(self.recovery_code, pad=(sizes.XL,) * 4), well="true")
        self.sheet_code = Text("", "code", wrap=True)
        self.sheet_code.setTextInteractionFlags(self.recovery_code.textInteractionFlags())
        self.sheet_code.setAccessibleName(t("sync.sheet"))
        sheet = frame(column(self.sheet_code, pad=(sizes.XL,) * 4), well="true")
        words = Text(t("set_up.sheet.words"), "body", "second", wrap=True)
        self.sheet = panel(column(Text(t("sync.sheet"), "heading"), words, sheet, gap=sizes.L))
        return column(
            Text(t("set_up.recovery.title"), "heading"),
            Text(t("set_up.recovery.words"), "body", "second", wrap=True),
            well,
            self.sheet,
            Text(t("set_up.recovery.hint"), "body", "second", wrap=True),
            self.tick,
            row(self.done, None),
            None,
            gap=sizes.L,
        )

    def show_state(self, state: State) -> None:
        """Show it."""
        self._way = state.way
        self.stack.setCurrentIndex(("form", "working", "recovery").index(state.step))
        self.ways.choose(state.way)
        self._clinic_row.setVisible(state.way == "found")
        self.code.edit.setPlaceholderText("TMC-" if state.way == "found" else "TMD-")
        self.code.set_hint(t(f"set_up.code.hint.{state.way}"))
        for field, known in ((self.server_url, state.server_url), (self.pc_label, state.pc_label)):
            if known and not field.text:
                field.edit.setText(known)
        for name, field in self.fields.items():
            field.set_error(state.errors.get(name, ""))
        self.banner.show_words(state.problem, state.problem_words)
        self.progress_words.setText(state.progress)
        self.recovery_code.setText(state.recovery_code)
        self.sheet_code.setText(state.sheet_code)
        self.sheet.setVisible(bool(state.sheet_code))
        self.done.set_reason(enabled=state.written_down, reason=t("set_up.recovery.reason"))
        first = next((self.fields[name] for name in self.fields if name in state.errors), None)
        if first is not None:
            first.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        if state.step != "form":
            self.passphrase.forget()
            self.repeat.forget()

    def focus_first(self) -> None:
        """Put the keyboard where typing begins."""
        target = self.code if self.server_url.text else self.server_url
        target.edit.setFocus(Qt.FocusReason.TabFocusReason)

    def _submit(self) -> None:
        values = {name: field.text.strip() for name, field in self.fields.items()}
        # A passphrase is taken as typed.
        values["passphrase"] = self.passphrase.text
        values["repeat"] = self.repeat.text
        self.submitted.emit(Form(way=self._way, **values))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the form room in narrow windows."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW
        self.left.setFixedWidth(sizes.UNLOCK_LEFT_NARROW if narrow else sizes.UNLOCK_LEFT)
