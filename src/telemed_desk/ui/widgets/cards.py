"""Cards with a header, banners, and what an empty list says."""

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLayout, QVBoxLayout, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import column, panel, restyle, row

BannerTone = Literal["info", "ok", "warn", "danger"]
_BANNER_ICON: dict[BannerTone, tuple[str, str]] = {
    "info": ("info", "info"),
    "ok": ("circle-check", "ok"),
    "warn": ("triangle-alert", "warn"),
    "danger": ("circle-alert", "danger"),
}


class Card(QFrame):
    """A bordered surface, with an optional header of title, chip and whatever stands at its end."""

    def __init__(self, title: str = "", icon: str = "") -> None:
        super().__init__()
        self.setProperty("card", "true")
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(*(sizes.HAIR,) * 4)
        self._box.setSpacing(0)
        self.chip = Chip()
        self.chip.hide()
        if title:
            self.setAccessibleName(title)
            self.title = Text(title, "title")
            self.header = row(pad=(sizes.CARD_PAD, sizes.S, sizes.CARD_PAD, sizes.S))
            if icon:
                self.header.addWidget(Icon(icon, "ink", sizes.ICON))
            self.header.addWidget(self.title)
            self.header.addWidget(self.chip)
            self.header.addStretch(1)
            head = panel(self.header, header="true")
            head.setMinimumHeight(sizes.ROW)
            self._box.addWidget(head)

    def add(self, item: QWidget | QLayout, stretch: int = 0) -> None:
        """Put something below what is there."""
        if isinstance(item, QWidget):
            self._box.addWidget(item, stretch)
        else:
            self._box.addLayout(item, stretch)


class Banner(QFrame):
    """What happened, what still works, and at most two actions."""

    def __init__(self, tone: BannerTone = "info") -> None:
        super().__init__()
        self._tone = tone
        name, tint = _BANNER_ICON[tone]
        self._icon = Icon(name, tint)
        self._title = Text("", "strong", wrap=True)
        self._words = Text("", "body", "second", wrap=True)
        words = column(self._title, self._words, gap=0)
        self.buttons = row(gap=sizes.M)
        body = row(self._icon, gap=sizes.M + sizes.XXS, pad=(sizes.L, sizes.M, sizes.L, sizes.M))
        body.setAlignment(self._icon, Qt.AlignmentFlag.AlignTop)
        body.addLayout(words, 1)
        body.addLayout(self.buttons)
        self.setLayout(body)
        self.setProperty("banner", tone)
        self.hide()

    def show_words(self, title: str, words: str = "", tone: BannerTone | None = None) -> None:
        """Show it with these words, or hide it when there are none."""
        if tone is not None:
            self._tone = tone
            restyle(self, "banner", tone)
            self._icon.show_icon(*_BANNER_ICON[tone])
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self.setAccessibleName(f"{title} {words}".strip())
        self.setVisible(bool(title or words))


class EmptyState(QWidget):
    """What is empty, what comes next, one action."""

    def __init__(self, icon: str) -> None:
        super().__init__()
        self._title = Text("", "strong")
        self._words = Text("", "body", "second", wrap=True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.buttons = row(gap=sizes.M)
        glyph = Icon(icon, "ink3", sizes.ICON_EMPTY)
        self.setLayout(
            column(
                None,
                row(None, glyph, None),
                self._title,
                self._words,
                row(None, self.buttons, None),
                None,
                gap=sizes.XS,
                pad=(sizes.XL, sizes.XXL, sizes.XL, sizes.XXL),
            )
        )

    def show_words(self, title: str, words: str, *actions: QWidget) -> None:
        """Fill it."""
        self._title.setText(title)
        self._words.setText(words)
        # The caller keeps its buttons and may hand the same ones in again, so none is deleted.
        while (item := self.buttons.takeAt(0)) is not None:
            before = item.widget()
            if before is not None and before not in actions:
                before.hide()
        for action in actions:
            self.buttons.addWidget(action)
            action.show()
