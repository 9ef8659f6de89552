"""One seat's sealed conversation between this desk and the patient's page."""

from telemed_protocol.joinlink import JoinLink, Sequence
from telemed_protocol.talk import (
    DeskMessage,
    FromDesk,
    PageMessage,
    decode_from_page,
    encode_talk,
)


class PageTalk:
    """Opens what the page sealed and seals what it is told; refuses replays.

    Keep one for as long as the seat lives: what was heard is remembered here.
    """

    def __init__(self, link: JoinLink) -> None:
        self._link = link
        self._sequence = Sequence()

    def open(self, box: bytes) -> PageMessage | None:
        """Return the page's message, or None when this box was opened before.

        Raises:
            ForgeryError: Not made by somebody who holds the link.
            FormatError: Not a box, or not a message that we know.
        """
        message = decode_from_page(self._link.open("to-desk", box))
        if not self._sequence.accept(message.sid, message.n):
            return None
        return message.body

    def seal(self, body: DeskMessage) -> bytes:
        """Seal a message for the page."""
        sid, n = self._sequence.next()
        return self._link.seal("to-page", encode_talk(FromDesk(sid, n, body)))
