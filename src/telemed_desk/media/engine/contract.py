"""What a call takes and what it tells: its devices, its owner's ears, and its one error."""

from dataclasses import dataclass
from typing import Protocol

from telemed_desk.media.control import CallPhase
from telemed_desk.media.ports import PictureSink, PictureSource, SoundSource
from telemed_protocol.errors import KnownError


class CallFailure(KnownError):
    """The two sides could not agree on a call."""

    code = "TD-MED-012"
    sentence = "The call could not be set up with the other side."
    next_step = "Call again. If it stays, ask the other side to open the link in another browser."


@dataclass(frozen=True)
class CallParts:
    """Where pictures and sound come from, and where pictures go.

    ``remote_screen`` takes the pictures of the screen that the other side shares; None = it cannot.
    """

    camera: PictureSource | None
    microphone: SoundSource | None
    remote_pictures: PictureSink
    remote_screen: PictureSink | None = None


class CallEvents(Protocol):
    """What a call tells its owner; all on the loop thread."""

    def on_phase(self, phase: CallPhase, reason: str) -> None:
        """The call stands differently; ``reason`` is a stable code or empty."""
        ...

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """A local candidate found after the description was made."""
        ...

    def on_data(self, message: str | bytes) -> None:
        """A message on the data channel."""
        ...

    def on_data_open(self) -> None:
        """The data channel is open."""
        ...

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        """An offer for an ICE restart, to be sent."""
        ...
