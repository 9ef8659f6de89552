"""The data channel of a call: one label, ordered, reliable; a full queue is said, not piled up."""

from typing import Any, Final

from .contract import CallEvents

DATA_LABEL: Final = "desk"
_MOST_BUFFERED: Final = 16 * 1024 * 1024


class DataLine:
    """Holds the one channel of a call. Loop thread."""

    def __init__(self, events: CallEvents) -> None:
        self._events = events
        self._channel: Any = None

    def take(self, channel: Any) -> None:
        """Take over a channel, ours or the other side's; one with another label is left alone."""
        if channel.label != DATA_LABEL:
            return
        self._channel = channel
        channel.on("message", self._events.on_data)
        if channel.readyState == "open":
            self._events.on_data_open()
        else:
            channel.on("open", self._events.on_data_open)

    def send(self, message: str | bytes) -> bool:
        """Send; False when the channel is not open or its queue is full."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > _MOST_BUFFERED:
            return False
        channel.send(message)
        return True
