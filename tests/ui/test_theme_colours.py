"""Contrast recomputed, the style sheet complete, the fonts ours, the icons tinted and cached."""

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from telemed_desk.ui.theme import icons, tokens
from telemed_desk.ui.theme.theme import colour, load_fonts, style_sheet, theme


def luminance(rgb: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    c = QColor(rgb)
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF())


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    (name, pair, spec["min"])
    for name in ("light", "dark")
    for pair, spec in tokens.contrast_pairs(name).items()
]


@pytest.mark.parametrize(("name", "pair", "least"), PAIRS)
def test_every_pair_of_the_tokens_is_readable(
    name: tokens.ThemeName, pair: str, least: float
) -> None:
    front, back = pair.split(" on ")
    values = tokens.colours(name)
    assert contrast(values[front], values[back]) >= least


@pytest.mark.parametrize(
    ("front", "back"),
    [("onBadge", "badge"), ("onStageWarn", "stageWarn"), ("onRail", "rail"), ("qrInk", "qrPaper")],
)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_colours_added_to_the_tokens_are_readable(
    name: tokens.ThemeName, front: str, back: str
) -> None:
    values = tokens.colours(name)
    assert contrast(values[front], values[back]) >= 4.5


def test_the_measure_itself_is_right() -> None:
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") < 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_style_sheet_has_every_colour_filled_in(name: tokens.ThemeName) -> None:
    assert "@" not in style_sheet(name)


def test_the_bundled_faces_are_loaded() -> None:
    assert "IBM Plex Sans" in load_fonts()
    assert "IBM Plex Mono" in load_fonts()


def test_a_theme_change_reaches_palette_and_painting(qapp: QApplication) -> None:
    theme().apply("dark")
    dark = colour("bg").name()
    assert qapp.palette().window().color().name() == dark
    theme().apply("light")
    assert colour("bg").name() != dark


def test_icons_are_tinted_and_made_once() -> None:
    first = icons.icon_pixmap("lock", "danger", 16, 2.0)
    assert first.width() == 32
    again = icons.icon_pixmap("lock", "danger", 16, 2.0)
    assert again.cacheKey() == first.cacheKey()
    image = first.toImage()
    painted = {
        image.pixelColor(x, y).name()
        for x in range(32)
        for y in range(32)
        if image.pixelColor(x, y).alpha() > 250
    }
    assert colour("danger").name() in painted
