"""Beside the note: allergies, medicines, details, and what was taken off."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.clinical.people import Sex
from telemed_desk.ui.screens.record.about import AboutState, FieldLine, OtherLine
from telemed_desk.ui.screens.record.entry_cards import EntryCard
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.fields import Field, field_row
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, frame, grid, panel, row, scroll
from telemed_desk.ui.widgets.segmented import SegmentedControl

_PAIRS = (("given_name", "family_name"), ("number", "year_of_birth"), ("phone", "languages"))


class DetailsCard(Card):
    """The fields: read, or written one by one; each is saved when it is left."""

    edit_asked = Signal(bool)
    begun = Signal(str)
    changed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__(t("record.details"))
        self._state = AboutState()
        self.edit = Button(t("record.edit"), "ghost", scale="small", icon="pen-line")
        self.edit.clicked.connect(lambda: self.edit_asked.emit(not self._state.editing))
        self.header.addWidget(self.edit)
        pad = (sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.CARD_PAD)
        self._read = column(gap=sizes.M)
        self._reading = panel(column(self._read, gap=0, pad=pad))
        self.fields: dict[str, Field] = {}
        self.sex = SegmentedControl(
            t("record.field.sex"), tuple((s.value, t(f"record.sex.{s.value}")) for s in Sex)
        )
        self.sex.chosen.connect(lambda key: self.changed.emit("sex", key))
        self._writing = panel(self._form())
        self.add(self._reading)
        self.add(self._writing)

    def _form(self) -> QVBoxLayout:
        form = column(
            gap=sizes.M, pad=(sizes.CARD_PAD, sizes.CARD_PAD, sizes.CARD_PAD, sizes.CARD_PAD)
        )
        for pair in _PAIRS:
            form.addWidget(field_row(*(self._field(name) for name in pair)))
        form.addWidget(self._field("remarks"))
        form.addWidget(Text(t("record.field.sex"), "label"))
        form.addLayout(row(self.sex, None))
        form.addWidget(Text(t("record.edit.words"), "caption", "third", wrap=True))
        return form

    def _field(self, name: str) -> Field:
        field = Field(t(f"record.field.{name}"))
        field.edit.textEdited.connect(lambda _text: self.begun.emit(name))
        field.edit.editingFinished.connect(partial(self._left, name))
        self.fields[name] = field
        return field

    def _left(self, name: str) -> None:
        self.changed.emit(name, self.fields[name].text)

    def show_state(self, state: AboutState) -> None:
        """Show it; what is being typed is never replaced."""
        before, self._state = self._state, state
        self.edit.show_as(
            t("record.edit.done" if state.editing else "record.edit"),
            icon="check" if state.editing else "pen-line",
        )
        self._reading.setVisible(not state.editing)
        self._writing.setVisible(state.editing)
        if state.fields != before.fields:
            self._show_read(state.fields)
        for line in state.fields:
            if line.name == "sex":
                self.sex.choose(line.typed or Sex.UNKNOWN.value)
                continue
            field = self.fields[line.name]
            if not line.error and not field.edit.hasFocus() and field.text != line.typed:
                field.edit.setText(line.typed)
            field.set_error(line.error)

    def forget(self) -> None:
        """Another patient, or the PC locks; Ctrl+Z brings nothing back."""
        for field in self.fields.values():
            field.forget()
            field.set_error("")

    def _show_read(self, lines: tuple[FieldLine, ...]) -> None:
        clear(self._read)
        rows = grid(sizes.L, sizes.S)
        shown = [line for line in lines if line.value]
        for at, line in enumerate(shown):
            label = Text(line.label, "caption", "third")
            label.setFixedWidth(sizes.FIELD_LABEL)
            value = Text(line.value, wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setAccessibleName(f"{line.label}: {line.value}")
            rows.addWidget(label, at, 0, Qt.AlignmentFlag.AlignTop)
            rows.addWidget(value, at, 1)
        rows.setColumnStretch(1, 1)
        self._read.addLayout(rows)
        if not shown:
            self._read.addWidget(Text(t("record.details.none"), "body", "second", wrap=True))


class OpenValues(QWidget):
    """Fields that two desks wrote at the same time, with every value and who wrote it."""

    chosen = Signal(str, int)

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[FieldLine, ...] = ()
        self._also = column(gap=sizes.M)
        self.setLayout(self._also)
        self.hide()

    def show_lines(self, lines: tuple[FieldLine, ...]) -> None:
        """Show those that have more than one value."""
        some = tuple(line for line in lines if line.others)
        if some != self._lines:
            self._lines = some
            clear(self._also)
            for line in some:
                self._also.addWidget(self._choice(line))
        self.setVisible(bool(some))

    def _choice(self, line: FieldLine) -> QWidget:
        head = row(Icon("triangle-alert", "warn"), gap=sizes.M)
        head.addWidget(Text(t("record.also", field=line.label), "strong", wrap=True), 1)
        box = column(head, gap=sizes.S, pad=(sizes.L, sizes.M, sizes.L, sizes.M))
        # The one that is shown first, then what else was written.
        for other in reversed(line.others):
            box.addLayout(self._other(line, other))
        return frame(box, banner="warn")

    def _other(self, line: FieldLine, other: OtherLine) -> QHBoxLayout:
        value = other.value or t("record.also.empty")
        words = column(
            Text(value, "strong", wrap=True), Text(other.note, "caption", wrap=True), gap=0
        )
        button = Button(t("record.also.keep"), scale="small")
        button.setAccessibleName(t("record.also.keep_name", value=value))
        button.clicked.connect(lambda: self.chosen.emit(line.name, other.number))
        whole = row(gap=sizes.M)
        whole.addLayout(words, 1)
        whole.addWidget(button)
        return whole


class AboutView(QWidget):
    """Emits intentions; shows an :class:`AboutState`."""

    added = Signal(str, str)
    put = Signal(str, int, str)
    off = Signal(str, int)
    undone = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state = AboutState()
        self.problem = Banner("danger")
        self.cards = {kind: EntryCard(kind) for kind in EntryKind}
        for kind, card in self.cards.items():
            card.added.connect(partial(self.added.emit, kind.value))
            card.put.connect(partial(self.put.emit, kind.value))
            card.off.connect(partial(self.off.emit, kind.value))
        self.details = DetailsCard()
        self.open_values = OpenValues()
        self.gone = Card(t("record.gone"))
        self._gone = column(gap=sizes.M, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.L))
        self.gone.add(panel(self._gone))
        self._mark = Icon("check", "ok", sizes.ICON_SMALL)
        self._saved = ElidedText("", "caption", "ok")
        line = row(self._mark, gap=sizes.S, pad=(sizes.XS, 0, 0, 0))
        line.addWidget(self._saved, 1)
        self.saved = panel(line)
        inner = column(
            self.problem,
            self.open_values,
            *self.cards.values(),
            self.details,
            self.gone,
            None,
            gap=sizes.CARD_PAD,
        )
        whole = column(gap=sizes.M)
        whole.addWidget(scroll(panel(inner)), 1)
        whole.addWidget(self.saved)
        self.setLayout(whole)
        on_key(self, "Ctrl+Z", self.undone.emit)
        on_key(self, "Ctrl+E", self.details.edit.click)

    def show_state(self, state: AboutState) -> None:
        """Show it."""
        before, self._state = self._state, state
        if before.there and not state.there:
            for card in self.cards.values():
                card.forget()
            self.details.forget()
        self.setVisible(state.there)
        self.problem.show_words(state.problem, state.problem_words)
        for card in self.cards.values():
            card.say_none(incomplete=state.incomplete)
        self.cards[EntryKind.ALLERGY].show_lines(state.allergies)
        self.cards[EntryKind.MEDICINE].show_lines(state.medicines)
        self.details.show_state(state)
        self.open_values.show_lines(state.fields)
        self.gone.setVisible(bool(state.gone))
        if state.gone != before.gone:
            clear(self._gone)
            for entry in state.gone:
                words = column(
                    Text(entry.what, "medium", "second", wrap=True),
                    Text(entry.note, "caption", "third", wrap=True),
                    gap=0,
                )
                self._gone.addLayout(words)
        self._saved.setText(state.saved)
        self.saved.setVisible(bool(state.saved))
