"""A frame counter drawn into the picture, so that a test can tell which picture arrived.

Sixteen blocks over the full width in the top 48/720 of the picture: ``1 0``, ten bits of the
counter in Gray code (a picture caught between two counts is off by one at most), four bits of
checksum. Luma 225 for 1, 25 for 0, far enough apart to survive any codec.
"""

import numpy as np
from numpy.typing import NDArray

BLOCKS = 16
COUNT_MODULO = 600
WHITE, BLACK = 225, 25


def _checksum(count: int) -> int:
    return (count * 7 + 3) % 16


def _blocks(count: int) -> list[int]:
    gray = count ^ (count >> 1)
    number = [(gray >> bit) & 1 for bit in range(9, -1, -1)]
    check = [(_checksum(count) >> bit) & 1 for bit in range(3, -1, -1)]
    return [1, 0, *number, *check]


def draw_count(luma: NDArray[np.uint8], count: int) -> None:
    """Draw ``count`` modulo 600 into the luma plane, in place."""
    height, width = luma.shape
    block, top = width // BLOCKS, height * 48 // 720
    for index, bit in enumerate(_blocks(count % COUNT_MODULO)):
        luma[:top, index * block : (index + 1) * block] = WHITE if bit else BLACK


def read_count(luma: NDArray[np.uint8]) -> int | None:
    """Return the counter in a luma plane (or any grey picture), None when it cannot be read."""
    height, width = luma.shape
    block, top = width / BLOCKS, height * 48 / 720
    first, last = int(top * 0.3), max(int(top * 0.3) + 1, int(top * 0.7))
    means = [
        float(luma[first:last, int((i + 0.3) * block) : int((i + 0.7) * block)].mean())
        for i in range(BLOCKS)
    ]
    if means[0] - means[1] < 40:
        return None
    threshold = (means[0] + means[1]) / 2
    bits = [int(mean > threshold) for mean in means]
    gray = int("".join(map(str, bits[2:12])), 2)
    count, shifted = gray, gray >> 1
    while shifted:
        count ^= shifted
        shifted >>= 1
    check = int("".join(map(str, bits[12:])), 2)
    return count if count < COUNT_MODULO and check == _checksum(count) else None
