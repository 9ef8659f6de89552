"""A second and a half of pictures through the call's own encoder, timed (self-check P1).

The same steps as in a call: scaled to what is sent, the rate set anew for each picture, a key frame when
it is asked for. Processor time and waiting both count: a call waits too.
"""

import threading
import time

from telemed_desk.clinical.ladder import LADDER, Rung
from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.codecs.scaling import scale_picture
from telemed_desk.media.codecs.vp8 import Vp8Encoder
from telemed_desk.media.sources.pattern import PatternCamera

PICTURES = 45
WARM_UP = 3
"""The first picture is a key frame and pays for memory; a call pays for it once."""
_BITS_PER_PIXEL = 0.06
"""What a call gives pictures that move: 1.6 Mbit/s at 720 lines and 30 a second."""


def encode_trial(lines: int = 720) -> list[float]:
    """Return the milliseconds that each picture took. Blocking, about half a second.

    Args:
        lines: Height of what is sent; the camera gives 720.
    """
    need = LADDER[Rung.HD_VIDEO]
    width, fps = lines * 16 // 9, need.frames_per_s
    bitrate = int(width * lines * fps * _BITS_PER_PIXEL)
    camera = PatternCamera(UsePattern(need.width, need.height, fps), lambda _code, _detail: None)
    pictures = [camera.draw(count) for count in range(PICTURES + WARM_UP)]
    encoder = Vp8Encoder(width, lines, bitrate, fps=fps)
    times_ms: list[float] = []

    def encode() -> None:
        for picture in pictures:
            before = time.perf_counter()
            scaled = scale_picture(picture, width, lines)
            encoder.set_rate(bitrate, fps)
            encoder.encode(scaled)
            times_ms.append(1000 * (time.perf_counter() - before))

    # In a thread of its own, as in a call: CPU caches and scheduling are then those of a call.
    thread = threading.Thread(target=encode, name="encode-trial")
    thread.start()
    thread.join()
    encoder.close()
    return times_ms[WARM_UP:]
