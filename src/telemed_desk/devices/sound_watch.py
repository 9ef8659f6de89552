"""Tells when sound devices changed: came, went, were muted; and which of them are worn on the head.

Linux: events of PulseAudio or PipeWire. Elsewhere the list is read every second; PortAudio reads the
system's anew only when it is started, so that a change is seen while no sound is open
(``PaWasapi_UpdateDeviceList`` and CoreAudio's ``kAudioHardwarePropertyDevices`` would tell more).
Written from PortAudio's documents and not tried there.
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from telemed_desk.devices.listing import PULSE_PREFIX, ListedDevice, list_sound
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system import ON_LINUX

LOOK_S = 1.0

_WORN_WORDS = ("headphone", "headset", "earphone", "earbud", "airpods", "hands-free")
_WORN_FORMS = ("headset", "headphone", "hands-free")
"""``device.form_factor`` as PulseAudio and PipeWire know it."""


class SoundWatch:
    """Calls back when a sound device came or went, or its volume was set.

    One thread for all listeners, while there are any. A listener runs on it and must return at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._running: threading.Event | None = None

    def subscribe(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """Register a listener; returns the function that ends it."""
        with self._lock:
            self._listeners = (*self._listeners, on_change)
            if self._running is None:
                self._running = threading.Event()
                threading.Thread(
                    target=self._run, args=(self._running,), name="sound-watch", daemon=True
                ).start()

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not on_change)
                if not self._listeners and self._running is not None:
                    self._running.set()
                    self._running = None

        return end

    def _run(self, ended: threading.Event) -> None:
        if not ON_LINUX:
            self._look_again_and_again(ended)
            return
        try:
            import pulsectl  # noqa: PLC0415 - loads libpulse, which a PC may lack
        except (ImportError, OSError):
            return
        while not ended.is_set():
            with contextlib.suppress(pulsectl.PulseError, pulsectl.PulseDisconnected):
                self._listen(pulsectl, ended)
            ended.wait(1.0)  # the sound server is away, or has just come back

    def _look_again_and_again(self, ended: threading.Event) -> None:
        before: object = None
        while not ended.wait(LOOK_S):
            now = [list_sound(kind) for kind in (DeviceKind.MICROPHONE, DeviceKind.SPEAKER)]
            if now != before and before is not None:
                self._tell()
            before = now

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _listen(self, pulsectl: Any, ended: threading.Event) -> None:
        def on_event(_event: object) -> None:
            self._tell()

        with pulsectl.Pulse("telemed-desk-watch") as pulse:
            pulse.event_mask_set("sink", "source", "server")
            pulse.event_callback_set(on_event)
            on_event(None)  # what changed while nobody listened
            while not ended.is_set():
                pulse.event_listen(timeout=1.0)


def is_worn(device: ListedDevice) -> bool:
    """Say whether a speaker is a headphone, as far as the system tells: then there is no echo."""
    name = device.name.lower()
    if any(word in name for word in _WORN_WORDS):
        return True
    if not device.stable_id.startswith(PULSE_PREFIX):
        return False
    try:
        import pulsectl  # noqa: PLC0415 - as above
    except (ImportError, OSError):
        return False
    try:
        with pulsectl.Pulse("telemed-desk-worn") as pulse:
            sink = next((s for s in pulse.sink_list() if s.name == device.address), None)
    except pulsectl.PulseError:
        return False
    if sink is None:
        return False
    form = str(sink.proplist.get("device.form_factor", "")).lower()
    port = str(getattr(sink.port_active, "name", "")).lower()
    return form in _WORN_FORMS or any(word in port for word in _WORN_WORDS)
