"""Reads ``resources/tokens.json``: colours by theme, type scale."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, cast

from telemed_desk.ui.resources import resource

ThemeName = Literal["light", "dark"]

_EXTRA: Final[dict[ThemeName, dict[str, str]]] = {
    # Parts of the pictures that the token file has no name for; same in both themes.
    "light": {},
    "dark": {},
}
_SHARED: Final[dict[str, str]] = {
    "railMark": "#7FD3CF",
    "railLine": "#2C5250",
    "railRing": "#5D8582",
    "badge": "#E9B44C",
    "onBadge": "#231800",
    "plate": "#C7080E0D",  # 78 % of #080E0D: labels on a picture
    "onPlate": "#EEF4F2",
    "stageWarn": "#F4CF84",
    "onStageWarn": "#2B1D00",
    "stageLine": "#2D3B38",
    "tileEdge": "#D9EEF4F2",
    "shadow": "#29000A08",
    "qrPaper": "#FFFFFF",
    "qrInk": "#13211F",
    "none": "#00000000",
}


@dataclass(frozen=True, slots=True)
class TypeStep:
    """One step of the type scale; sizes in logical pixels."""

    size: int
    line: int
    weight: int


@cache
def _tokens() -> dict[str, Any]:
    raw = resource("tokens.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(raw))


@cache
def colours(theme: ThemeName) -> dict[str, str]:
    """Return every colour of a theme by name, ``#RRGGBB`` or ``#AARRGGBB``."""
    return {**_tokens()["color"][theme], **_SHARED, **_EXTRA[theme]}


@cache
def type_step(name: str) -> TypeStep:
    """Return a step of the type scale by name."""
    step = _tokens()["type"]["scale"][name]
    return TypeStep(step["size"], step["line"], step["weight"])


def family() -> str:
    """Return the name of the text face."""
    return str(_tokens()["type"]["family"])


def mono_family() -> str:
    """Return the name of the face for codes."""
    return str(_tokens()["type"]["mono"])


def fallbacks() -> list[str]:
    """Return faces to use for letters that ours lacks."""
    return [str(name) for name in _tokens()["type"]["fallback"]]


def contrast_pairs(theme: ThemeName) -> dict[str, dict[str, float]]:
    """Return the pairs ``"ink on surface"`` with their least allowed ratio."""
    return cast("dict[str, dict[str, float]]", _tokens()["contrast"][theme])
