"""What desk and media process say of microphones and speakers; part of :mod:`.control`."""

from typing import Literal

import msgspec


class SoundDeviceSeen(msgspec.Struct, frozen=True):
    """A microphone or speaker that is plugged in.

    Attributes:
        spec: What chooses it in :class:`.control.Devices`, and finds it again later.
        name: As people call it.
        worn: It is known to be worn on the head: nobody else hears what it plays.
    """

    spec: str
    name: str
    worn: bool = False


class SoundDevices(msgspec.Struct, frozen=True, tag_field="t", tag="sound-devices"):
    """What is plugged in, the system's default first; sent at the start and at every change.

    Attributes:
        microphones: All of them.
        speakers: All of them.
        microphone: Spec of the one that is open or was last; empty = none yet.
        speaker: As ``microphone``.
    """

    microphones: list[SoundDeviceSeen] = []
    speakers: list[SoundDeviceSeen] = []
    microphone: str = ""
    speaker: str = ""


class SoundTrial(msgspec.Struct, frozen=True, tag_field="t", tag="sound-trial"):
    """Try the sound with the doctor's help; refused during a call, and a call ends it.

    ``record`` takes five seconds, ``play`` plays them back as the patient would hear them, ``sweep``
    plays a rising tone and listens for it, ``stop`` ends what runs and forgets the recording. Answered
    by :class:`SoundTrialState`, and by :class:`.control.CheckResult` of the same run: ``M5`` and ``M6``
    after a recording, ``S1`` to ``S3`` after a sweep.
    """

    run: str
    what: Literal["record", "play", "sweep", "stop"]


class SoundTrialState(msgspec.Struct, frozen=True, tag_field="t", tag="sound-trial-state"):
    """How far a trial is.

    Attributes:
        run: Of :class:`SoundTrial`.
        phase: ``done`` ends it; ``refused`` = a call runs, or there is nothing to play.
        share: Of the phase that is over, 0 to 1.
        can_play: A recording is held in memory; it never leaves the media process.
    """

    run: str
    phase: Literal["recording", "playing", "sweeping", "done", "refused"]
    share: float = 0.0
    can_play: bool = False
