"""What desk and media process say of cameras; part of :mod:`.control`."""

from typing import Literal

import msgspec


class CameraSeen(msgspec.Struct, frozen=True):
    """A camera that is plugged in.

    Attributes:
        spec: What chooses it in :class:`.control.Devices`, and finds it again later.
        name: As people call it.
    """

    spec: str
    name: str


class Cameras(msgspec.Struct, frozen=True, tag_field="t", tag="cameras"):
    """The cameras that are plugged in, in the system's order; sent at the start and at every change.

    Attributes:
        cameras: All of them.
        in_use: Spec of the one that is open or was last; empty = none yet.
    """

    cameras: list[CameraSeen]
    in_use: str = ""


class LookForChart(msgspec.Struct, frozen=True, tag_field="t", tag="look-for-chart"):
    """Look for a colour chart in front of the camera; refused during a call.

    Answered by :class:`ChartLook` while it looks, then by the findings ``C10``, ``C12`` and
    ``C12.skin``, one :class:`ChartVerdict` and :class:`.control.ChecksDone`. Ended by
    :class:`.control.StopDeviceChecks`, which leaves the verdict out.
    """

    run: str


ChartHint = Literal[
    "no-camera",
    "not-found",
    "closer",
    "farther",
    "darker",
    "brighter",
    "glare",
    "tilt",
    "hold-still",
]


class ChartLook(msgspec.Struct, frozen=True, tag_field="t", tag="chart-look"):
    """What stands in the way of reading the chart now.

    Attributes:
        run: Of :class:`LookForChart`.
        hint: What to do.
        corners: Of the chart, as shares of the picture's width and height, clockwise from the dark
            skin patch; empty = not seen.
        good: How many looks were good so far, of ``wanted``.
    """

    run: str
    hint: ChartHint
    corners: list[tuple[float, float]] = []
    good: int = 0
    wanted: int = 3


class ChartVerdict(msgspec.Struct, frozen=True, tag_field="t", tag="chart-verdict"):
    """Whether this camera, in this light, is good enough to judge skin.

    Attributes:
        run: Of :class:`LookForChart`.
        answer: Cannot tell when no chart was read.
        sentence: The answer in words.
        action: What would make it better; empty when nothing need be.
        mtf50: Detail, cycles a pixel of the picture that a call sends (ISO 12233); None = not measured.
        grey_error: Mean difference of the greys from grey, CIEDE2000.
        skin_error: The greater difference of the two skin patches, CIEDE2000.
        mean_error: Mean difference of all 24 patches, CIEDE2000.
    """

    run: str
    answer: Literal["yes", "no", "cannot-tell"]
    sentence: str
    action: str = ""
    mtf50: float | None = None
    grey_error: float | None = None
    skin_error: float | None = None
    mean_error: float | None = None
