"""One section: its versions side by side, and the field for writing it by hand."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QWidget

from telemed_desk.clinical.differences import Piece
from telemed_desk.clinical.notes import Section
from telemed_desk.ui.screens.versions.state import SectionView, VersionCard
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Card
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.fields import GrowingText
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, restyle, row
from telemed_desk.ui.widgets.marked_text import MarkedText

PAD = (sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M)


def _plain(text: str) -> tuple[Piece, ...]:
    return (Piece(text),) if text else ()


class VersionBox(QFrame):
    """One version of one section; its button takes it."""

    taken = Signal(int)

    def __init__(self, card: VersionCard, *, read_only: bool) -> None:
        super().__init__()
        self.setProperty("version", "open")
        self.key = card.key
        self.setAccessibleName(card.spoken)
        self.glyph = Icon("circle", "ink3")
        self.use = Button(card.use, scale="small")
        self.use.clicked.connect(lambda: self.taken.emit(self.key))
        self.use.setVisible(not read_only)
        head = row(self.glyph, gap=sizes.M)
        self.glyph.setVisible(not read_only)
        head.addWidget(Text(card.who, "strong", wrap=True), 1)
        if card.signed:
            chip = Chip()
            chip.show_as(card.signed, "ok" if card.signed == t("versions.chip.signed") else "warn")
            head.addWidget(chip)
        self.words = MarkedText()
        self.words.show_pieces(card.pieces, t("versions.empty"))
        where = Text(card.where, "caption", "third", wrap=True)
        box = column(head, where, self.words, None, row(self.use, None), gap=sizes.S, pad=PAD)
        self.setLayout(box)
        self.setMinimumWidth(sizes.VERSION_LEAST)

    def show_chosen(self, *, chosen: bool) -> None:
        """Show whether it is the one that was taken."""
        restyle(self, "version", "picked" if chosen else "open")
        self.glyph.show_icon("circle-dot" if chosen else "circle", "accent" if chosen else "ink3")
        self.use.setAccessibleDescription(t("versions.result") if chosen else "")


class SectionBox(Card):
    """Shows a :class:`SectionView`; emits what the doctor does with it."""

    taken = Signal(str, int)
    edited = Signal(str)
    typed = Signal(str, str)
    kept = Signal(str)

    def __init__(self, section: Section) -> None:
        super().__init__(f"{section.value} · {t(f'section.{section.value}')}")
        self.section = section
        self._cards: tuple[object, ...] = ()
        self._loading = False
        self.boxes: list[VersionBox] = []
        name = t(f"section.{section.value}")
        self.same = MarkedText()
        self._row = row(gap=sizes.M)
        self.field = GrowingText(t("versions.edit.field", section=name))
        self.field.textChanged.connect(self._changed)
        self.edit = Button("", scale="small", icon="pen-line")
        self.edit.clicked.connect(lambda: self.edited.emit(section.value))
        self.keep = Button(t("versions.keep"), scale="small", icon="check")
        self.keep.clicked.connect(lambda: self.kept.emit(section.value))
        self.again = Text(t("versions.again"), "medium", "warn")
        foot = row(self.edit, self.again, self.keep, None, gap=sizes.M)
        self.add(column(self.same, self._row, self.field, foot, gap=sizes.M, pad=PAD))

    def show_state(self, view: SectionView, *, read_only: bool) -> None:
        """Show it; what is being typed is never replaced."""
        self.same.setVisible(not view.differs)
        self.same.show_pieces(_plain(view.same), t("versions.empty"))
        self._show_chip(view)
        shape = (read_only, tuple((c.key, c.who, c.where, c.pieces, c.signed) for c in view.cards))
        if shape != self._cards:
            self._cards = shape
            self._build(view, read_only=read_only)
        for box, card in zip(self.boxes, view.cards, strict=True):
            box.show_chosen(chosen=card.chosen)
        opened = view.editing and not self.field.isVisibleTo(self)
        self.field.setVisible(view.editing)
        if view.editing and self.field.toPlainText() != view.text:
            self._loading = True
            self.field.setPlainText(view.text)
            self._loading = False
        if opened and self.edit.hasFocus():
            self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.show_as(view.edit)
        self.edit.setVisible(view.differs and not view.editing and not read_only)
        self.again.setVisible(view.again and not read_only)
        self.keep.setVisible(view.again and not read_only)

    def first_focus(self) -> QWidget | None:
        """Return what Alt and the section's letter put the keyboard on."""
        if self.field.isVisibleTo(self):
            return self.field
        return self.boxes[0].use if self.boxes else None

    def has_keyboard(self) -> bool:
        """Whether the keyboard is in here."""
        focus = self.window().focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def _show_chip(self, view: SectionView) -> None:
        if not view.differs:
            self.chip.show_as(t("versions.same"), "neutral")
        elif view.grave:
            self.chip.show_as(t("versions.grave"), "danger", "triangle-alert")
        else:
            self.chip.show_as(t("versions.differs"), "warn")

    def _build(self, view: SectionView, *, read_only: bool) -> None:
        clear(self._row)
        self.boxes = []
        for card in view.cards:
            box = VersionBox(card, read_only=read_only)
            box.taken.connect(lambda key: self.taken.emit(self.section.value, key))
            self.boxes.append(box)
            self._row.addWidget(box, 1)

    def _changed(self) -> None:
        if not self._loading:
            self.typed.emit(self.section.value, self.field.toPlainText())


class ResultPanel(QWidget):
    """One section of the preview."""

    def __init__(self, section: Section) -> None:
        super().__init__()
        letter = Text(section.value, "section")
        letter.setFixedWidth(sizes.SECTION_LETTER)
        self.words = Text("", "body", wrap=True)
        self.mark = Text("", "caption", "third")
        line = row(letter, gap=sizes.M)
        line.setAlignment(letter, Qt.AlignmentFlag.AlignTop)
        line.addLayout(column(self.words, self.mark, gap=0), 1)
        self.setLayout(column(panel(line), gap=0))

    def show_line(self, text: str, *, is_open: bool, by_hand: bool) -> None:
        """Show what will be saved, or that it is not chosen yet."""
        self.words.setText(text if text.strip() or is_open else t("versions.empty"))
        self.words.setVisible(bool(text.strip()) or not is_open)
        said = t("versions.result.open") if is_open else ""
        if by_hand and not is_open:
            said = t("versions.result.by_hand")
        self.mark.setText(said)
        self.mark.set_tone("warn" if is_open else "third")
        self.mark.setVisible(bool(said))
