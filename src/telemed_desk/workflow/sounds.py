"""Microphone and speaker of this PC: what is there, which to use, and the doctor who is asked.

The one used last is remembered, by id and name, and taken again. A headset that is away is never
replaced by a loudspeaker without asking: the patient's words would be heard in the waiting room.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from telemed_desk.devices.problems import SpeakerAway, SpeakerMissing, SpeakerUnplugged
from telemed_desk.devices.specs import (
    NAME_MARK,
    DeviceKind,
    SpecNotUnderstood,
    UseListed,
    parse_spec,
    preferred_spec,
)
from telemed_desk.media import control
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.watched import Watched

SETTING: Final = "devices.sound"
_ASKED = (SpeakerUnplugged.code, SpeakerAway.code, SpeakerMissing.code)
ReadSetting = Callable[[str], bytes | None]
WriteSetting = Callable[[str, bytes], object]


class RememberedSound(msgspec.Struct, frozen=True, array_like=True):
    """What was used last on this PC, as specs; empty = nothing yet. A speaker only if worn or chosen."""

    microphone: str = ""
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class SpeakerQuestion:
    """Sound is off. May it come out of another speaker?

    Attributes:
        away: Name of the headset or speaker that is gone; empty when it is not known.
        other: Name of the one that would be used.
        spec: Its spec.
        worn: Nobody else would hear it.
    """

    away: str
    other: str
    spec: str
    worn: bool


@dataclass(frozen=True, slots=True)
class SoundsState:
    """What the screens show.

    Attributes:
        seen: What is plugged in, and what is in use.
        question: To be asked; None = nothing is.
    """

    seen: control.SoundDevices = field(default_factory=control.SoundDevices)
    question: SpeakerQuestion | None = None


class Sounds:
    """Public methods are called on the GUI thread and return at once.

    Args:
        core: The core thread.
        hub: The media process.
        read: Reads a setting of this PC, encrypted.
        write: Stores one.
    """

    def __init__(
        self, core: CoreThread, hub: MediaHub, read: ReadSetting, write: WriteSetting
    ) -> None:
        self._core = core
        self._hub = hub
        self._read = read
        self._write = write
        self._remembered = RememberedSound()
        self._speaker_code = ""
        self._declined = False
        self._stands_in_for = ""
        self._stand_in = ""
        self.state: Watched[SoundsState] = Watched(core.post, SoundsState())

    # ---- GUI thread ----------------------------------------------------------------------------

    def answer(self, *, use_other: bool) -> None:
        """Answer the question: let sound come out of the other speaker, or keep it off."""
        self._core.call(lambda: self._answer(use_other=use_other))

    # ---- core thread ---------------------------------------------------------------------------

    def recall(self) -> None:
        """Take what was used last, unless something else was asked for when the program started."""
        stored = self._read(SETTING)
        if stored is not None:
            try:
                self._remembered = msgspec.msgpack.decode(stored, type=RememberedSound)
            except msgspec.DecodeError:  # of a newer version: as on a new PC
                self._remembered = RememberedSound()
        self._prefer(self._remembered)
        state = self._hub.states.get("speaker")
        if self._hub.sound is not None:
            self.on_media(self._hub.sound)
        if state is not None:
            self.on_media(state)

    def close(self) -> None:
        """The session ends: who comes next is asked anew."""
        if self._stands_in_for:
            self._use(speaker=self._stands_in_for)
            self._stands_in_for = ""

    def on_media(self, message: control.FromMedia) -> None:
        """Hear what the media process says."""
        match message:
            case control.SoundDevices():
                self._set(seen=message)
                self._declined = False
                self._take_back(message)
                self._remember(message)
                self._ask()
            case control.DeviceState(kind="speaker"):
                self._speaker_code = message.code
                self._declined = self._declined and message.code in _ASKED
                self._ask()
            case _:
                pass

    def _set(self, **changes: object) -> None:
        self.state.set(replace(self.state.value, **changes))  # type: ignore[arg-type]  # names checked by replace

    def _use(self, **changes: str) -> None:
        self._hub.use(msgspec.structs.replace(self._hub.devices, **changes))

    def _prefer(self, remembered: RememberedSound) -> None:
        """Use what is remembered where the system's default would be used."""
        devices = self._hub.devices
        changes = {}
        if devices.microphone == "default" and remembered.microphone:
            changes["microphone"] = preferred_spec(remembered.microphone)
        if devices.speaker == "default" and remembered.speaker:
            changes["speaker"] = preferred_spec(remembered.speaker)
        if changes:
            self._use(**changes)

    def _remember(self, seen: control.SoundDevices) -> None:
        """Keep what is in use, if it is not only there in place of another."""
        before = self._remembered
        microphone, speaker = before.microphone, before.speaker
        devices = self._hub.devices
        if devices.microphone == "default":
            microphone = seen.microphone or microphone
        elif devices.microphone.startswith("id:"):
            microphone = _named(seen.microphones, devices.microphone)
        if not self._stands_in_for:
            if devices.speaker == "default" and _worn(seen, seen.speaker):
                speaker = seen.speaker
            elif devices.speaker.startswith("id:"):
                speaker = _named(seen.speakers, devices.speaker)
        self._remembered = RememberedSound(microphone, speaker)
        if self._remembered != before:
            self._write(SETTING, msgspec.msgpack.encode(self._remembered))
        self._prefer(self._remembered)

    def _take_back(self, seen: control.SoundDevices) -> None:
        """Go back to the headset that has returned, unless something else was chosen since."""
        if self._hub.devices.speaker != self._stand_in:
            self._stands_in_for = ""
        meant = _listed(DeviceKind.SPEAKER, self._stands_in_for)
        if meant is None:
            return
        for one in seen.speakers:
            listed = _listed(DeviceKind.SPEAKER, one.spec)
            if listed is not None and meant.stable_id == listed.stable_id:
                self._use(speaker=self._stands_in_for)
                self._stands_in_for = ""
                return

    def _ask(self) -> None:
        question = None
        others = self.state.value.seen.speakers
        if self._speaker_code in _ASKED and others and not self._declined:
            meant = _listed(DeviceKind.SPEAKER, self._hub.devices.speaker)
            away = meant.name if meant is not None else ""
            first = others[0]
            question = SpeakerQuestion(away, first.name, first.spec, first.worn)
        if question != self.state.value.question:
            self._set(question=question)

    def _answer(self, *, use_other: bool) -> None:
        question = self.state.value.question
        if question is None:
            return
        if use_other:
            self._stands_in_for = self._stands_in_for or self._hub.devices.speaker
            self._stand_in = question.spec
            self._use(speaker=question.spec)
        else:
            self._declined = True
        self._set(question=None)


def _listed(kind: DeviceKind, spec: str) -> UseListed | None:
    try:
        parsed = parse_spec(kind, spec)
    except SpecNotUnderstood:
        return None
    return parsed if isinstance(parsed, UseListed) else None


def _named(listed: Sequence[control.SoundDeviceSeen], spec: str) -> str:
    """Return a spec with the name that stands in the list, so that it is found in another port too."""
    return next((one.spec for one in listed if one.spec.startswith(f"{spec}{NAME_MARK}")), spec)


def _worn(seen: control.SoundDevices, spec: str) -> bool:
    return any(one.worn for one in seen.speakers if one.spec == spec)
