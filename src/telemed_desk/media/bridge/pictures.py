"""Who sees whom: everybody the others, composed into the one picture that their leg carries.

One other person is passed on as is. Of several, one is drawn whole and the rest in its lower right
corner: halves of a small picture would show neither a face nor a wound. The patient is large for all
others, the doctor is large for the patient. Composing is done on the thread that encodes, so only for
pictures that are wanted, and never on the loop.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from telemed_desk.media.codecs.scaling import scale_picture
from telemed_desk.media.ports import Picture, PictureSink, PictureSource
from telemed_desk.media.sources.newest import NewestPicture

CORNER: Final = 0.3
"""Of width and height: 96 x 54 still shows who it is on the smallest rung."""
_GAP: Final = 0.02
_LINE: Final = 2
_LINE_LUMA: Final = 200
FRESH_NS: Final = 5_000_000_000
"""An older picture of somebody is taken out: their camera is off, or their way is gone."""
_STILL_NS: Final = 300_000_000
_LOOK_S: Final = 0.1
"""How long the large picture's camera may be late before another's new picture is sent with it."""


def compose(large: Picture, small: Sequence[Picture], taken_ns: int) -> Picture:
    """Draw pictures into the lower right corner of another, upwards; about 1 ms at 720p.

    Args:
        large: Kept whole; the result has its size.
        small: What is drawn in; what no longer fits is left out.
        taken_ns: Of the result.
    """
    onto = Picture(large.y.copy(), large.u.copy(), large.v.copy(), taken_ns)
    width, height = large.width, large.height
    gap = max(2, int(min(width, height) * _GAP) & ~1)
    bottom = height - gap
    for picture in small:
        most = int(width * CORNER) & ~1, int(height * CORNER) & ~1
        if width < height:  # a phone held upright: by its longer side all would be slivers
            most = int(width * 2 * CORNER) & ~1, int(height * CORNER / 2) & ~1
        inner = scale_picture(picture, *_fit_into(picture, *most))
        left, top = (width - gap - inner.width) & ~1, (bottom - inner.height) & ~1
        if left < _LINE or top < _LINE:
            break
        _draw(inner, onto, left, top)
        bottom = top - gap
    return onto


def _fit_into(picture: Picture, most_width: int, most_height: int) -> tuple[int, int]:
    ratio = min(most_width / picture.width, most_height / picture.height, 1.0)
    return max(2, int(picture.width * ratio) & ~1), max(2, int(picture.height * ratio) & ~1)


def _draw(inner: Picture, onto: Picture, left: int, top: int) -> None:
    """Put a picture with a thin light line around it."""
    right, bottom = left + inner.width, top + inner.height
    onto.y[top - _LINE : bottom + _LINE, left - _LINE : right + _LINE] = _LINE_LUMA
    onto.y[top:bottom, left:right] = inner.y
    onto.u[top // 2 : bottom // 2, left // 2 : right // 2] = inner.u
    onto.v[top // 2 : bottom // 2, left // 2 : right // 2] = inner.v


class LegPictures:
    """What comes from one leg: to the window, and kept for the others' pictures."""

    def __init__(self, window: PictureSink) -> None:
        self._window = window
        self.kept = NewestPicture()

    def present(self, picture: Picture) -> None:
        """See :class:`telemed_desk.media.ports.PictureSink`."""
        self._window.present(picture)
        # Shown now, whenever the light fell: the others' copies are made from here on.
        self.kept.put(Picture(picture.y, picture.u, picture.v, time.monotonic_ns()))


class OthersPicture:
    """A camera to one leg's call: what that leg is to see.

    Args:
        inputs: Returns the others' pictures, the one to be drawn large first. Any thread.
    """

    def __init__(self, inputs: Callable[[], Sequence[PictureSource]]) -> None:
        self._inputs = inputs
        self._closed = threading.Event()

    def newest(self) -> Picture | None:
        """See :class:`telemed_desk.media.ports.PictureSource`."""
        return self._with_others(time.monotonic_ns(), 0)

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        """See :class:`telemed_desk.media.ports.PictureSource`."""
        until = time.monotonic() + timeout_s
        while True:
            sources = self._inputs()
            left_s = until - time.monotonic()
            if left_s <= 0:
                return None
            if not sources:
                self._closed.wait(min(left_s, _LOOK_S))
                continue
            _moving(sources).wait_newer(than_ns, min(left_s, _LOOK_S))
            picture = self._with_others(time.monotonic_ns(), than_ns)
            if picture is not None:
                return picture

    def _with_others(self, now_ns: int, than_ns: int) -> Picture | None:
        found = [picture for source in self._inputs() if (picture := source.newest()) is not None]
        fresh = [picture for picture in found if now_ns - picture.taken_ns < FRESH_NS]
        if not fresh:
            return None
        newest_ns = max(picture.taken_ns for picture in fresh)
        if newest_ns <= than_ns:
            return None
        # the large picture's own time while it moves: it is what lips are matched with
        taken_ns = fresh[0].taken_ns if fresh[0].taken_ns > than_ns else newest_ns
        if len(fresh) == 1:
            return fresh[0]
        return compose(fresh[0], fresh[1:], taken_ns)


def _moving(sources: Sequence[PictureSource]) -> PictureSource:
    """The first that is not standing still sets the pace."""
    now_ns = time.monotonic_ns()
    for source in sources:
        picture = source.newest()
        if picture is not None and now_ns - picture.taken_ns < _STILL_NS:
            return source
    return sources[0]
