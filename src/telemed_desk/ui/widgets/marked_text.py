"""A text with its differences marked: underlined and tinted, the grave ones in bold as well."""

import html
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy

from telemed_desk.clinical.differences import Mark, Piece
from telemed_desk.ui.theme.theme import colour, theme


class MarkedText(QLabel):
    """Shows pieces under their marks; can be selected with mouse and keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: tuple[Piece, ...] = ()
        self._empty = ""
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        theme().changed.connect(self._draw)

    def show_pieces(self, pieces: Sequence[Piece], empty: str) -> None:
        """Show a text; ``empty`` stands for one without a word."""
        self._pieces, self._empty = tuple(pieces), empty
        self.setAccessibleName("".join(piece.text for piece in pieces) or empty)
        self._draw()

    def _draw(self) -> None:
        if not any(piece.text.strip() for piece in self._pieces):
            self.setText(f"<i>{html.escape(self._empty)}</i>")
            return
        styles = {
            Mark.SAME: "",
            Mark.CHANGED: f"background-color:{_hex('warnTint')}; text-decoration:underline;",
            Mark.DELICATE: (
                f"background-color:{_hex('dangerTint')}; color:{_hex('danger')};"
                " font-weight:600; text-decoration:underline;"
            ),
        }
        parts = []
        for piece in self._pieces:
            said = html.escape(piece.text).replace("\n", "<br>")
            style = styles[piece.mark]
            parts.append(f'<span style="{style}">{said}</span>' if style else said)
        self.setText("".join(parts))


def _hex(name: str) -> str:
    return colour(name).name()
