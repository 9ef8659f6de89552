"""Rows and columns in one line each."""

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from telemed_desk.ui.theme import sizes

Item = QWidget | QLayout | int | None
"""A widget, a layout, an extra gap in logical pixels, or None for a stretch."""


def _fill(box: QHBoxLayout | QVBoxLayout, items: Iterable[Item]) -> None:
    for item in items:
        if item is None:
            box.addStretch(1)
        elif isinstance(item, int):
            box.addSpacing(item)
        elif isinstance(item, QWidget):
            box.addWidget(item)
        else:
            box.addLayout(item)


def row(
    *items: Item, gap: int = sizes.M, pad: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QHBoxLayout:
    """Lay out side by side; ``pad`` is left, top, right, bottom."""
    box = QHBoxLayout()
    box.setSpacing(gap)
    box.setContentsMargins(*pad)
    _fill(box, items)
    return box


def column(
    *items: Item, gap: int = sizes.M, pad: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """Lay out one below the other; ``pad`` is left, top, right, bottom."""
    box = QVBoxLayout()
    box.setSpacing(gap)
    box.setContentsMargins(*pad)
    _fill(box, items)
    return box


def grid(gap_x: int = sizes.M, gap_y: int = sizes.M) -> QGridLayout:
    """Return an empty grid without margins."""
    box = QGridLayout()
    box.setHorizontalSpacing(gap_x)
    box.setVerticalSpacing(gap_y)
    box.setContentsMargins(0, 0, 0, 0)
    return box


def panel(layout: QLayout, **properties: str) -> QWidget:
    """Return a widget with a layout and style properties such as ``surface="true"``."""
    widget = QWidget()
    for name, value in properties.items():
        widget.setProperty(name, value)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    widget.setLayout(layout)
    return widget


def frame(layout: QLayout, **properties: str) -> QFrame:
    """Return a frame with a layout and style properties such as ``well="true"``."""
    widget = QFrame()
    for name, value in properties.items():
        widget.setProperty(name, value)
    widget.setLayout(layout)
    return widget


def line(*, vertical: bool = False) -> QFrame:
    """Return a hairline."""
    widget = QFrame()
    widget.setProperty("line", "true")
    if vertical:
        widget.setFixedWidth(sizes.HAIR)
    else:
        widget.setFixedHeight(sizes.HAIR)
    return widget


def scroll(content: QWidget) -> QScrollArea:
    """Return a scroll area that scrolls up and down only and takes the focus only to be scrolled."""
    content.setProperty("scrolled", "true")
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    return area


def clear(layout: QLayout) -> None:
    """Remove and delete everything in a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        else:
            inner = item.layout()
            if inner is not None:
                clear(inner)


def restyle(widget: QWidget, name: str, value: str) -> None:
    """Change a style property and let the style sheet see it; no work when it stays the same."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.update()
