"""A second of 720p through the call's own encoder, timed (self-check P1)."""

import threading
import time

from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.codecs.vp8 import Vp8Encoder
from telemed_desk.media.sources.pattern import PatternCamera

PICTURES = 30
BITRATE_BPS = 1_500_000
WARM_UP = 3
"""The first picture is a key frame and pays for memory; a call pays for it once."""


def encode_trial() -> list[float]:
    """Return the milliseconds that each picture took. Blocking, about half a second."""
    camera = PatternCamera(UsePattern(1280, 720, 30), lambda _code, _detail: None)
    pictures = [camera.draw(count) for count in range(PICTURES + WARM_UP)]
    encoder = Vp8Encoder(1280, 720, BITRATE_BPS)
    times_ms: list[float] = []

    def encode() -> None:
        for picture in pictures:
            before = time.perf_counter()
            encoder.encode(picture)
            times_ms.append(1000 * (time.perf_counter() - before))

    # In a thread of its own, as in a call: CPU caches and scheduling are then those of a call.
    thread = threading.Thread(target=encode, name="encode-trial")
    thread.start()
    thread.join()
    encoder.close()
    return times_ms[WARM_UP:]
