"""Does ahead of time what would otherwise delay the first call by half a second."""

import numpy as np

from telemed_desk.media.codecs.opus import FRAME_SAMPLES, OpusDecoder, OpusEncoder
from telemed_desk.media.codecs.vp8 import Vp8Decoder, Vp8Encoder
from telemed_desk.media.ports import Picture
from telemed_desk.media.transport.install import install


def warm_up() -> None:
    """Load libraries and hook our parts in; run once when the media process starts. Any thread.

    Raises:
        CodecLibraryMissing: libopus or libvpx is not there or of another version.
        ForeignLibraryVersion: aiortc or aioice is of another version.
    """
    install()
    OpusDecoder().decode(OpusEncoder().encode(np.zeros(FRAME_SAMPLES, dtype=np.int16)))
    grey = np.full((16, 16), 128, dtype=np.uint8)
    picture = Picture(grey, grey[::2, ::2].copy(), grey[::2, ::2].copy(), 0)
    encoder = Vp8Encoder(16, 16, 100_000)
    frame = encoder.encode(picture)
    encoder.close()
    if frame is not None:
        Vp8Decoder().decode(frame.data, 0)
