"""The dark panel of Unlock and Set up: sign, clock, link, and what works without a link."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.path import Leg, LegTone, Node, PathState
from telemed_desk.ui.screens.unlock.presenter import LinkWord
from telemed_desk.ui.shell.rail import Mark
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import column, row
from telemed_desk.ui.widgets.link_path import LinkPath

_TONE: dict[LinkWord, LegTone] = {"online": "ok", "offline": "danger", "connecting": "none"}


class Fact(QWidget):
    """Icon, a line, and why it matters."""

    def __init__(self, icon: str, title: str = "", words: str = "") -> None:
        super().__init__()
        self.title = Text(title, "medium", wrap=True)
        self.words = Text(words, "body", "quiet", wrap=True)
        glyph = Icon(icon, "railMark", sizes.ICON_LARGE)
        box = row(glyph, gap=sizes.L)
        box.setAlignment(glyph, Qt.AlignmentFlag.AlignTop)
        box.addLayout(column(self.title, self.words, gap=0), 1)
        self.setLayout(box)


class LeftPanel(QWidget):
    """The same on both screens, so that setting up already feels like the product."""

    def __init__(self, icon: str = "upload") -> None:
        super().__init__()
        self.setProperty("rail", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(sizes.UNLOCK_LEFT)
        self.clinic = Text("", "caption", "quiet")
        self.clock = Text("", "clock")
        self.date = Text("", "date", "quiet")
        self.link_title = Text("", "title")
        self.path = LinkPath(on_rail=True, names_below=True)
        self.queue = Fact(icon)
        self.pc = Text("", "caption", "quiet")
        self.version = Text("", "caption", "quiet")
        self.practice = Text("", "label")
        offline = Fact("hard-drive", t("unlock.offline"), t("unlock.offline.words"))
        rule = QWidget()
        rule.setProperty("railline", "true")
        rule.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        rule.setFixedHeight(sizes.HAIR)
        name = column(None, Text(t("app.name"), "title"), self.clinic, None, gap=0)
        box = column(
            row(Mark(sizes.AVATAR_LARGE), name, None, gap=sizes.L),
            gap=0,
            pad=(sizes.UNLOCK_PAD, sizes.CONTROL_LARGE, sizes.UNLOCK_PAD, sizes.XXXL),
        )
        box.addStretch(2)
        for item in (self.clock, self.date):
            box.addWidget(item)
        box.addStretch(1)
        box.addWidget(rule)
        box.addSpacing(sizes.XXL)
        box.addWidget(self.link_title)
        box.addSpacing(sizes.CARD_PAD)
        box.addWidget(self.path)
        box.addSpacing(sizes.XXXL)
        box.addWidget(offline)
        box.addSpacing(sizes.XL)
        box.addWidget(self.queue)
        box.addStretch(5)
        box.addLayout(row(self.pc, self.version, None, self.practice, gap=sizes.XL))
        self.setLayout(box)

    def show_link(self, word: LinkWord, title: str, legs: tuple[str, str]) -> None:
        """Show the path to the server and on to patients."""
        self.link_title.setText(title)
        nodes = (
            Node(t("node.this_pc"), "monitor"),
            Node(t("node.server"), "server"),
            Node(t("node.patients"), "smartphone"),
        )
        tone = _TONE[word]
        # Nobody has measured the way on to patients, so it is not drawn as good.
        self.path.set_path(PathState(nodes, (Leg(legs[0], tone), Leg(legs[1], "none"))))

    def show_place(self, clinic: str, pc_label: str, version: str, *, practice: bool) -> None:
        """Show where this is."""
        self.clinic.setText(clinic)
        self.clinic.setVisible(bool(clinic))
        self.pc.setVisible(bool(pc_label))
        self.pc.setText(t("unlock.pc", name=pc_label) if pc_label else "")
        self.version.setText(t("unlock.version", version=version) if version else "")
        self.practice.setText(t("status.practice") if practice else "")
