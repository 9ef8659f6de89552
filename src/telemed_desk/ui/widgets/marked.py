"""Text in which some words are marked: bold and underlined, the same in both themes."""

from html import escape

from PySide6.QtCore import Qt

from telemed_desk.ui.widgets.labels import Text

Spans = tuple[tuple[int, int], ...]


def marked(text: str, spans: Spans) -> str:
    """Return rich text; whatever was written stays text, also when it looks like a tag."""
    parts = []
    at = 0
    for start, end in spans:
        parts.append(escape(text[at:start]))
        parts.append(f"<b><u>{escape(text[start:end])}</u></b>")
        at = end
    parts.append(escape(text[at:]))
    return f'<span style="white-space: pre-wrap">{"".join(parts)}</span>'


class MarkedText(Text):
    """A line or paragraph with marked words."""

    def __init__(
        self,
        text: str = "",
        spans: Spans = (),
        role: str = "body",
        tone: str = "",
        *,
        wrap: bool = False,
    ) -> None:
        super().__init__("", role, tone, wrap=wrap)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.show_marked(text, spans)

    def show_marked(self, text: str, spans: Spans) -> None:
        """Show a text."""
        self.setText(marked(text, spans))
        self.setAccessibleName(text)
