"""The program's sign as points on a square of 30."""

from typing import Final

from PySide6.QtCore import QPointF

MARK_SIDE: Final = 30
MARK_STROKE: Final = 2.4
MARK_POINTS: Final = [
    QPointF(6, 16),
    QPointF(10.5, 16),
    QPointF(13, 9),
    QPointF(17, 22),
    QPointF(19.6, 16),
    QPointF(24, 16),
]
