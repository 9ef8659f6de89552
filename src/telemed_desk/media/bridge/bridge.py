"""The legs of one consultation on this PC, joined to its devices. Loop thread, but for what is said."""

from collections.abc import Sequence

from telemed_desk.media.engine.contract import CallParts
from telemed_desk.media.ports import PictureSink, PictureSource, SoundBlock, SoundFeed, SoundSource

from .pictures import LegPictures, OthersPicture
from .sound import SoundBridge

PATIENT = ""
"""The leg whose picture is large for all others."""


class Bridge:
    """Lets people in and out; each call gets its own camera, microphone and screen from here."""

    def __init__(self) -> None:
        self.sound = SoundBridge()
        self._camera: PictureSource | None = None
        self._microphone: SoundSource | None = None
        self._camera_muted = False
        self._pictures: dict[str, LegPictures] = {}  # replaced as a whole: encoder threads read it

    @property
    def camera(self) -> PictureSource | None:
        """The doctor's camera; None while there is none or it is switched off."""
        return None if self._camera_muted else self._camera

    @property
    def count(self) -> int:
        """How many others there are."""
        return len(self._pictures)

    def pull(self, samples: int) -> SoundBlock:
        """See :class:`telemed_desk.media.ports.SoundFeed`; the speaker's thread."""
        return self.sound.pull(samples)

    def use(self, camera: PictureSource | None, microphone: SoundSource | None) -> None:
        """Take pictures and sound of the doctor from these devices from now on."""
        self._camera = camera
        if microphone is not self._microphone:  # listening anew would lose a block
            self._microphone = microphone
            self.sound.listen_to(microphone)

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Keep the doctor's sound or picture back; the others go on hearing and seeing each other."""
        self.sound.muted = microphone
        self._camera_muted = camera

    def join(self, leg: str, window: PictureSink) -> CallParts:
        """Let somebody in; returns what their call sends and where it shows."""
        pictures = LegPictures(window)
        self._pictures = {**self._pictures, leg: pictures}
        microphone = self.sound.join(leg)
        return CallParts(OthersPicture(lambda: self._others_of(leg)), microphone, pictures)

    def hear(self, leg: str, feed: SoundFeed) -> None:
        """This is the leg's voice, once its call is made."""
        self.sound.hear(leg, feed)

    def leave(self, leg: str) -> None:
        """Let somebody go; harmless twice."""
        self.sound.leave(leg)
        self._pictures = {name: kept for name, kept in self._pictures.items() if name != leg}

    def _others_of(self, leg: str) -> Sequence[PictureSource]:
        pictures = self._pictures
        camera = self.camera
        doctor = [] if camera is None else [camera]
        others: list[PictureSource] = [
            kept.kept for name, kept in pictures.items() if name not in (leg, PATIENT)
        ]
        patient = [pictures[PATIENT].kept] if PATIENT in pictures and leg != PATIENT else []
        return [*patient, *doctor, *others]
