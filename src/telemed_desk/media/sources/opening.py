"""From a spec string to an open camera, microphone or speaker."""

from collections.abc import Callable
from typing import Protocol

from telemed_desk.devices.specs import (
    DeviceKind,
    SpecNotUnderstood,
    UseDefault,
    UseFile,
    UseListed,
    UseNone,
    UseNull,
    UsePattern,
    UseTone,
    parse_spec,
)
from telemed_desk.media.ports import PictureSource, SoundBlock, SoundSource
from telemed_desk.media.sources.camera import DeviceCamera
from telemed_desk.media.sources.newest import PictureListener, StateListener
from telemed_desk.media.sources.pattern import PatternCamera
from telemed_desk.media.sources.sound_devices import DeviceMicrophone, DeviceSpeaker
from telemed_desk.media.sources.sound_files import (
    FileMicrophone,
    FileSpeaker,
    NullSpeaker,
    ToneMicrophone,
)
from telemed_desk.media.sources.video_file import FileCamera


class Camera(PictureSource, Protocol):
    """A camera that runs until it is closed."""

    def start(self) -> None:
        """Begin to capture; returns at once."""

    def close(self) -> None:
        """Give the device back."""

    def listen(self, on_picture: PictureListener) -> Callable[[], None]:
        """Hear of every picture, on the capture thread; returns what ends it."""
        ...


class Microphone(SoundSource, Protocol):
    """A microphone that runs until it is closed."""

    def start(self) -> None:
        """Begin to capture; returns at once."""

    def close(self) -> None:
        """Give the device back."""


class Speaker(Protocol):
    """A speaker that pulls its sound until it is closed."""

    def start(self) -> None:
        """Begin to play; returns at once."""

    def close(self) -> None:
        """Give the device back."""


def open_camera(text: str, on_state: StateListener) -> Camera | None:
    """Make the camera of a spec and start it; None for ``none``. Raises SpecNotUnderstood."""
    camera: Camera
    match parse_spec(DeviceKind.CAMERA, text):
        case UseNone():
            return None
        case UseDefault():
            camera = DeviceCamera(None, on_state)
        case UseListed(stable_id, name):
            camera = DeviceCamera(stable_id, on_state, name=name)
        case UsePattern() as pattern:
            camera = PatternCamera(pattern, on_state)
        case UseFile(path):
            camera = FileCamera(path, on_state)
        case _:
            raise SpecNotUnderstood("not for a camera")
    camera.start()
    return camera


def open_microphone(text: str, on_state: StateListener) -> Microphone | None:
    """Make the microphone of a spec and start it; None for ``none``. Raises SpecNotUnderstood."""
    microphone: Microphone
    match parse_spec(DeviceKind.MICROPHONE, text):
        case UseNone():
            return None
        case UseDefault():
            microphone = DeviceMicrophone(None, on_state)
        case UseListed() as chosen:
            microphone = DeviceMicrophone(chosen, on_state)
        case UseFile(path):
            microphone = FileMicrophone(path, on_state)
        case UseTone() as tone:
            microphone = ToneMicrophone(tone, on_state)
        case _:
            raise SpecNotUnderstood("not for a microphone")
    microphone.start()
    return microphone


def open_speaker(
    text: str,
    pull: Callable[[int], SoundBlock],
    on_state: StateListener,
    prepare: Callable[[DeviceSpeaker], None] = lambda _speaker: None,
) -> Speaker | None:
    """Make the speaker of a spec and start it; None for ``none``. Raises SpecNotUnderstood.

    Args:
        text: The spec.
        pull: Gives it its sound.
        on_state: Told when it fails and when it works again.
        prepare: Gets a real device (not a stand-in) before it starts.
    """
    speaker: Speaker
    match parse_spec(DeviceKind.SPEAKER, text):
        case UseNone():
            return None
        case UseDefault():
            speaker = DeviceSpeaker(None, pull, on_state)
        case UseListed() as chosen:
            speaker = DeviceSpeaker(chosen, pull, on_state)
        case UseFile(path):
            speaker = FileSpeaker(path, pull, on_state)
        case UseNull():
            speaker = NullSpeaker(pull, on_state)
        case _:
            raise SpecNotUnderstood("not for a speaker")
    if isinstance(speaker, DeviceSpeaker):
        prepare(speaker)
    speaker.start()
    return speaker
