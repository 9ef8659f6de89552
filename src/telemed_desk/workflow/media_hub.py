"""The one media process of this desk, and who listens to it. Core thread."""

from collections.abc import Callable

import structlog

from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess

_log = structlog.get_logger("media_hub")

Listener = Callable[[control.FromMedia], None]


class MediaHub:
    """Starts the media process, fans out its messages, and says when it died or came back."""

    def __init__(self, devices: control.Devices) -> None:
        self._devices = devices
        self._listeners: list[Listener] = []
        self._on_died: list[Callable[[], None]] = []
        self._on_ready: list[Callable[[], None]] = []
        self.process = MediaProcess()
        self.process.on_message = self._message
        self.process.on_died = self._died
        self.states: dict[str, control.DeviceState] = {}
        self.sound: control.SoundDevices | None = None
        self.cameras: control.Cameras | None = None

    async def start(self) -> None:
        """Start the process and tell it which devices to use."""
        await self.process.start()
        self.send(self._devices)

    async def stop(self) -> None:
        """End the process."""
        await self.process.stop()

    def send(self, message: control.ToMedia) -> None:
        """Send a message; one that finds no process is dropped, the visit offers again later."""
        self.process.send(message)

    def use(self, devices: control.Devices) -> None:
        """Change devices now and for every later start."""
        self._devices = devices
        self.send(devices)

    @property
    def devices(self) -> control.Devices:
        """What is used now."""
        return self._devices

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Register for messages; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def watch(self, died: Callable[[], None], ready: Callable[[], None]) -> Callable[[], None]:
        """Register for the end and the return of the process; returns what ends it."""
        self._on_died.append(died)
        self._on_ready.append(ready)

        def stop() -> None:
            self._on_died.remove(died)
            self._on_ready.remove(ready)

        return stop

    def _message(self, message: control.FromMedia) -> None:
        if isinstance(message, control.DeviceState):
            self.states[message.kind] = message
        elif isinstance(message, control.SoundDevices):
            self.sound = message
        elif isinstance(message, control.Cameras):
            self.cameras = message
        for listener in list(self._listeners):
            listener(message)
        if isinstance(message, control.Ready):
            for ready in list(self._on_ready):
                ready()

    def _died(self) -> None:
        _log.warning("media_process_died")
        for died in list(self._on_died):
            died()
