"""What something is and is not worth, as a list."""

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import column, row


def limits_list(limits: Iterable[str]) -> QLayout:
    """Lay the sentences out one below the other."""
    entries = column(gap=sizes.S)
    for words in limits:
        glyph = Icon("info", "ink3")
        entry = row(glyph, gap=sizes.M)
        entry.setAlignment(glyph, Qt.AlignmentFlag.AlignTop)
        entry.addWidget(Text(words, "body", "second", wrap=True), 1)
        entries.addLayout(entry)
    return entries
