"""What each side of a call asks of the other's sending, over the data channel."""

import time

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import CallStats
from telemed_desk.media.engine.call import Call
from telemed_desk.media.engine.peer_hint import PeerLadder, Reception, rung_asked


class PeerAdvice:
    """One call's. Loop thread.

    Attributes:
        wanted: The most that the person at this desk wants to get.
    """

    def __init__(self) -> None:
        self._ladder = PeerLadder()
        self.wanted = Rung.HD_VIDEO

    def tell(self, call: Call, stats: CallStats) -> None:
        """Say what is of use here, when that has changed; once a second."""
        decode_share = (stats.decode_ms or 0.0) / 1000 * stats.shown_fps
        reception = Reception(
            stats.receive_loss_ratio, stats.concealed_ratio, decode_share, self.wanted
        )
        hint = self._ladder.advise(reception, time.monotonic_ns())
        if hint is not None and not call.send_data(hint.message()):
            self._ladder.forget()  # the channel is not open yet: tell it later

    def opened(self) -> None:
        """There is a new page at the other end."""
        self._ladder.forget()

    def heed(self, call: Call, message: str | bytes) -> None:
        """Do as the other side asks, if this message asks for something."""
        asked = rung_asked(message)
        if asked is not None:
            call.take_at_most(asked)
