"""The theme in force: light, dark or as the system; one palette and one style sheet for all windows."""

import re
from functools import cache
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from telemed_desk.ui.resources import resource
from telemed_desk.ui.theme import tokens
from telemed_desk.ui.theme.template import QSS

ThemeChoice = Literal["light", "dark", "system"]
FONT_FILES = ("Sans-Regular", "Sans-Medium", "Sans-SemiBold", "Mono-Regular", "Mono-Medium")
_NAME = re.compile(r"@([a-zA-Z0-9]+)")
_ROLES: dict[QPalette.ColorRole, str] = {
    QPalette.ColorRole.Window: "bg",
    QPalette.ColorRole.WindowText: "ink",
    QPalette.ColorRole.Base: "surface",
    QPalette.ColorRole.AlternateBase: "sunken",
    QPalette.ColorRole.Text: "ink",
    QPalette.ColorRole.PlaceholderText: "ink3",
    QPalette.ColorRole.Button: "surface",
    QPalette.ColorRole.ButtonText: "ink",
    QPalette.ColorRole.Highlight: "selection",
    QPalette.ColorRole.HighlightedText: "ink",
    QPalette.ColorRole.Link: "accentInk",
    QPalette.ColorRole.ToolTipBase: "raised",
    QPalette.ColorRole.ToolTipText: "ink",
}


class Theme(QObject):
    """Holds the choice and applies it. GUI thread; one instance, see :func:`theme`.

    Widgets that paint themselves ask :func:`colour` while painting; Qt repaints them all when the
    style sheet changes, so none of them needs to listen.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice: ThemeChoice = "system"
        self.name: tokens.ThemeName = "light"
        self._follows = False

    def apply(self, choice: ThemeChoice) -> None:
        """Dress all windows. Needs a QApplication."""
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            raise TypeError("a theme needs a QApplication")
        self.choice = choice
        if not self._follows:
            self._follows = True
            app.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.name = self._resolve(app)
        load_fonts()
        app.setStyle("Fusion")
        font = QFont(tokens.family())
        font.setPixelSize(tokens.type_step("body").size)
        app.setFont(font)
        app.setPalette(_palette(self.name))
        app.setStyleSheet(style_sheet(self.name))
        self.changed.emit()

    def _resolve(self, app: QApplication) -> tokens.ThemeName:
        if self.choice != "system":
            return self.choice
        dark = app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def _system_changed(self) -> None:
        if self.choice == "system":
            self.apply("system")


@cache
def theme() -> Theme:
    """Return the one theme of this process."""
    return Theme()


def colour(name: str) -> QColor:
    """Return a colour of the theme in force by its token's name."""
    return QColor(tokens.colours(theme().name)[name])


def font(step: str, *, weight: int | None = None, mono: bool = False) -> QFont:
    """Return the font of a step of the type scale, for widgets that paint themselves."""
    spec = tokens.type_step(step)
    result = QFont(tokens.mono_family() if mono else tokens.family())
    result.setPixelSize(spec.size)
    result.setWeight(QFont.Weight(weight or spec.weight))
    return result


@cache
def load_fonts() -> tuple[str, ...]:
    """Load the bundled faces once and return their families."""
    families: list[str] = []
    for name in FONT_FILES:
        number = QFontDatabase.addApplicationFont(str(resource("fonts", f"IBMPlex{name}.ttf")))
        families += QFontDatabase.applicationFontFamilies(number)
    QFont.insertSubstitutions(tokens.family(), tokens.fallbacks())
    return tuple(dict.fromkeys(families))


@cache
def style_sheet(name: tokens.ThemeName) -> str:
    """Return the style sheet of a theme.

    Raises:
        KeyError: The template names a colour that does not exist.
    """
    values = {
        **tokens.colours(name),
        "family": tokens.family(),
        "mono": tokens.mono_family(),
        "checkIcon": resource("icons", f"tick-{name}.svg").as_posix(),
    }
    return _NAME.sub(lambda match: values[match.group(1)], QSS)


def _palette(name: tokens.ThemeName) -> QPalette:
    values = tokens.colours(name)
    palette = QPalette()
    for role, token in _ROLES.items():
        palette.setColor(role, QColor(values[token]))
    for role in (
        QPalette.ColorRole.Text,
        QPalette.ColorRole.ButtonText,
        QPalette.ColorRole.WindowText,
    ):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(values["inkDisabled"]))
    return palette
