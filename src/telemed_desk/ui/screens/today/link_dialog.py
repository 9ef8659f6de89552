"""Shows a patient's link: to read out, to copy, or to scan."""

import io

import segno
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from telemed_desk.ui.screens.today.state import LinkDialog as LinkState
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import row


class QrCode(QWidget):
    """A link as a square to scan; dark on white in both themes, as scanners want it."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[list[bool]] = []
        self.setFixedSize(sizes.QR, sizes.QR)
        self.setAccessibleName(t("today.link.qr"))

    def show_text(self, text: str) -> None:
        """Encode."""
        code = segno.make(text, error="m", micro=False)
        out = io.StringIO()
        code.save(out, kind="txt", border=0)
        lines = out.getvalue().split()
        self._rows = [[cell == "1" for cell in line] for line in lines]
        self.update()

    def sizeHint(self) -> QSize:
        """Square."""
        return QSize(sizes.QR, sizes.QR)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the modules on whole pixels."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("qrPaper"))
        if not self._rows:
            return
        count = len(self._rows) + 2 * sizes.XS
        side = max(1, self.width() // count)
        start = (self.width() - side * len(self._rows)) / 2
        ink = colour("qrInk")
        for y, cells in enumerate(self._rows):
            for x, dark in enumerate(cells):
                if dark:
                    painter.fillRect(QRectF(start + x * side, start + y * side, side, side), ink)


class LinkDialog(Dialog):
    """The link of one booking."""

    def __init__(self, parent: QWidget | None, name: str) -> None:
        super().__init__(
            parent, t("today.link.title", name=name), t("today.link.words"), t("button.close")
        )
        self.banner = Banner("danger")
        self.code = QrCode()
        self.address = QLineEdit()
        self.address.setReadOnly(True)
        self.address.setAccessibleName(t("today.link.address"))
        self.copy = Button(t("today.link.copy"), "primary", icon="copy")
        self.copy.clicked.connect(self._copy)
        self.valid = Text("", "caption")
        self.add(self.banner)
        self.add(row(None, self.code, None))
        self.add(self.address)
        self.add(self.valid)
        self.add_action(self.copy)

    def show_state(self, state: LinkState) -> None:
        """Show a link, or why there is none."""
        there = bool(state.url)
        self.banner.show_words(state.sentence, state.next_step)
        for widget in (self.code, self.address):
            widget.setVisible(there)
        self.copy.setEnabled(there)
        self.valid.setText(t("today.link.working") if state.working else state.valid)
        if there and self.address.text() != state.url:
            self.address.setText(state.url)
            self.address.setCursorPosition(0)
            self.code.show_text(state.url)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.address.text())
        self.copy.show_as(t("today.link.copied"), icon="check")
