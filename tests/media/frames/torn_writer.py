"""Run by test_frames: writes pictures of one luma each, as fast as it can, until stdin closes."""

import sys
import threading
import time

import numpy as np

from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import frame_block_name
from telemed_desk.media.ports import Picture


def main() -> None:
    width, height = 640, 360
    name = frame_block_name("remote", width, height)
    writer = FrameWriter(name, width, height)
    print(name, flush=True)  # noqa: T201 - how the test learns the name
    closing = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        closing.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    count = 0
    while not closing.is_set():
        luma = np.full((height, width), 16 + count % 200, np.uint8)
        writer.present(Picture(luma, grey, grey, time.monotonic_ns()))
        count += 1
    writer.close()


if __name__ == "__main__":
    main()
