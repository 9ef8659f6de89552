"""What is done otherwise on a link that loses packets whatever is sent. Pure.

How much gets lost decides a rung, and chance in it is the largest error there: packets are small and
many, and are looked at for longer. What is lost for want of room cannot be told from what is lost
anyway: little of it is caused, and none while a queue stands.
"""

from typing import Final

COUNTED: Final = 0.01
"""From this share on losses are counted with small packets."""
LOSSY: Final = 0.04
TOP_TIMES: Final = 2.0
SETTLE_TIMES: Final = 2.0
ENOUGH_PACKETS: Final = 1000
"""So many tell enough in any time."""
OVERLOAD: Final = 1.25
LOSSY_OVERLOAD: Final = 1.12
STANDING_LOAD: Final = 0.98
STANDING_S: Final = 0.12


def overload(loss_ratio: float, queue_s: float) -> float:
    """Return what a link is kept full with, as a multiple of what arrives.

    Args:
        loss_ratio: Lost while it was not full.
        queue_s: Of the newest packet.
    """
    factor = OVERLOAD
    if loss_ratio > LOSSY:
        factor = STANDING_LOAD if queue_s > STANDING_S else LOSSY_OVERLOAD
    return factor / (1 - min(loss_ratio, 0.5))


def times_longer(times: float, packets: int, *, loses: bool) -> float:
    """Return how many times as long to look, having seen so many packets."""
    return times if loses and packets < ENOUGH_PACKETS else 1.0
