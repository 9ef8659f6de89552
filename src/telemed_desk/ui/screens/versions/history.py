"""Every version that there ever was of a note, to be read."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.versions.state import HistoryEntry
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column, line, panel, row, scroll


class HistoryDialog(Dialog):
    """Newest first; nothing can be changed here."""

    def __init__(self, parent: QWidget | None, entries: tuple[HistoryEntry, ...]) -> None:
        super().__init__(
            parent,
            t("versions.history.heading"),
            t("versions.history.words"),
            t("button.close"),
        )
        pile = column(gap=sizes.L)
        for entry in entries:
            pile.addWidget(_entry(entry))
            pile.addWidget(line())
        pile.addStretch(1)
        self.area = scroll(panel(pile))
        self.area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.area.setAccessibleName(t("versions.history.heading"))
        self.add(self.area)
        self.resize(*sizes.HISTORY_DIALOG)
        self.setMinimumSize(*sizes.HISTORY_DIALOG)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)


def _entry(entry: HistoryEntry) -> QWidget:
    chip = Chip()
    chip.show_as(entry.state, "neutral")
    chip.setVisible(bool(entry.state))
    head = row(gap=sizes.M)
    head.addWidget(Text(entry.title, "strong", wrap=True), 1)
    head.addWidget(chip)
    pile = column(head, gap=sizes.S)
    for section, text in entry.sections:
        if text.strip():
            letter = Text(section.value, "section")
            letter.setFixedWidth(sizes.SECTION_LETTER)
            said = Text(text, "body", wrap=True)
            said.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            box = row(letter, gap=sizes.M)
            box.setAlignment(letter, Qt.AlignmentFlag.AlignTop)
            box.addWidget(said, 1)
            pile.addLayout(box)
    return panel(pile)
