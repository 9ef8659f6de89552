"""What the doctor wishes of a running call, told to all of its connections; part of :mod:`.control`."""

import msgspec


class Mute(msgspec.Struct, frozen=True, tag_field="t", tag="mute"):
    """Stop or go on sending sound and picture; devices stay open, the call is untouched."""

    microphone: bool
    camera: bool


class ClinicalSound(msgspec.Struct, frozen=True, tag_field="t", tag="clinical-sound"):
    """Send cough, breath and stethoscope as they sound: no suppression, no gain, the codec at its best.

    Holds until the last call ends. Answered by a :class:`SoundState` when it changes anything.
    """

    on: bool


class ChooseRung(msgspec.Struct, frozen=True, tag_field="t", tag="choose-rung"):
    """Neither send nor ask for more than this rung of the ladder, whatever the link allows.

    ``rung`` is a :class:`..clinical.ladder.Rung` value, at least ``AUDIO_PHOTOS``; ``HD_VIDEO`` = as
    good as the link allows. Holds until the last call ends.
    """

    rung: int


class ShareScreen(msgspec.Struct, frozen=True, tag_field="t", tag="share-screen"):
    """Show this PC's screen to all others of the consultation, or stop that; ends with the last call.

    ``source``: ``screen``, ``screen:<X11 display>``, or as for a camera ``pattern...``, ``file:...``.
    Answered by a :class:`ScreenState`.
    """

    on: bool
    source: str = "screen"
