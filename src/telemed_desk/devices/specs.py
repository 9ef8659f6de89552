"""What a person, a settings file or a test may write to choose a device.

The grammar stands in :class:`telemed_desk.media.control.Devices`. Parsing is strict: a spec that is
not understood is an error to show, never a silent fall-back to some other device.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from telemed_protocol.errors import KnownError

MAX_SIDE = 4096
MAX_FPS = 120
TONE_HZ = 440.0
NAME_MARK = "\t"
"""Between a device's id and its name; neither has one."""
_PATTERN = re.compile(r"(\d{1,5})x(\d{1,5})@(\d{1,4})")


class DeviceKind(StrEnum):
    """What a spec is for."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SPEAKER = "speaker"


class SpecNotUnderstood(KnownError):
    """A device spec does not follow the grammar, or does not fit this kind of device."""

    code = "TD-DEV-001"
    sentence = "The chosen device is not described in a way this program understands."
    next_step = "Choose the device again from the list."


@dataclass(frozen=True, slots=True)
class UseDefault:
    """The device that the system, or we, would choose."""


@dataclass(frozen=True, slots=True)
class UseNone:
    """No device; the call does without."""


@dataclass(frozen=True, slots=True)
class UseListed:
    """A device from the list, by its stable id.

    Attributes:
        stable_id: As listed.
        name: As people call it; finds the device again in another port. Empty = not remembered.
        firm: A person chose it. If not, it is only the one used last, and while it is away another
            microphone will do.
    """

    stable_id: str
    name: str = ""
    firm: bool = True


@dataclass(frozen=True, slots=True)
class UsePattern:
    """Moving bars with a frame counter instead of a camera. Pixels and pictures a second."""

    width: int = 1280
    height: int = 720
    fps: int = 30


@dataclass(frozen=True, slots=True)
class UseFile:
    """A file instead of a device; a speaker writes it."""

    path: Path


@dataclass(frozen=True, slots=True)
class UseTone:
    """A sine instead of a microphone."""

    hz: float = TONE_HZ


@dataclass(frozen=True, slots=True)
class UseNull:
    """A speaker that is pulled in real time and plays nothing."""


DeviceSpec = UseDefault | UseNone | UseListed | UsePattern | UseFile | UseTone | UseNull


def listed_spec(stable_id: str, name: str = "") -> str:
    """Return the spec that finds a listed device again."""
    return f"id:{stable_id}{NAME_MARK}{name}" if name else f"id:{stable_id}"


def preferred_spec(listed: str) -> str:
    """Return the spec that takes a listed device if it is there; other specs stay as they are."""
    word, colon, rest = listed.partition(":")
    return f"prefer:{rest}" if word == "id" and colon else listed


def parse_spec(kind: DeviceKind, text: str) -> DeviceSpec:
    """Read a spec. Raises :class:`SpecNotUnderstood`, which never repeats the text."""
    word, colon, rest = text.partition(":")
    spec: DeviceSpec | None = None
    match word:
        case "default" if not colon:
            spec = UseDefault()
        case "none" if not colon:
            spec = UseNone()
        case "id" | "prefer" if rest and (word == "id" or kind is not DeviceKind.CAMERA):
            stable_id, _, name = rest.partition(NAME_MARK)
            spec = UseListed(stable_id, name, word == "id") if stable_id else None
        case "file" if rest and "\0" not in rest:
            spec = UseFile(Path(rest))
        case "pattern" if kind is DeviceKind.CAMERA:
            spec = _pattern(rest) if colon else UsePattern()
        case "tone" if kind is DeviceKind.MICROPHONE:
            spec = _tone(rest) if colon else UseTone()
        case "null" if kind is DeviceKind.SPEAKER and not colon:
            spec = UseNull()
        case _:
            pass
    if spec is None:
        raise SpecNotUnderstood(f"{kind.value} spec of {len(text)} characters")
    return spec


def _pattern(text: str) -> UsePattern | None:
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    width, height, fps = (int(group) for group in match.groups())
    # Even sides: the pictures are I420, whose colour planes have half of each side.
    sides_fit = all(16 <= side <= MAX_SIDE and side % 2 == 0 for side in (width, height))
    return UsePattern(width, height, fps) if sides_fit and 1 <= fps <= MAX_FPS else None


def _tone(text: str) -> UseTone | None:
    try:
        hz = float(text)
    except ValueError:
        return None
    return UseTone(hz) if 20 <= hz <= 20_000 else None
