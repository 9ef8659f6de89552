"""Rules that the sources of the windows keep: colours, sizes and words live in one place each."""

import ast
import json
import re
from pathlib import Path

import pytest

from telemed_desk.ui import text
from telemed_desk.ui.resources import resource, resources_folder

UI = Path(text.__file__).parent
SOURCES = sorted(p for p in UI.rglob("*.py") if "theme" not in p.relative_to(UI).parts)
SHOWN = [p for p in SOURCES if not p.name.startswith("gallery")]
COLOUR = re.compile(r"#[0-9A-Fa-f]{6}\b|rgba?\(")
KNOWN_ERROR = {"sentence", "next_step"}
SIZING = {
    "setFixedSize",
    "setFixedWidth",
    "setFixedHeight",
    "setMinimumSize",
    "setMinimumWidth",
    "setMinimumHeight",
    "setMaximumWidth",
    "setMaximumHeight",
    "setContentsMargins",
    "setSpacing",
    "addSpacing",
    "setPixelSize",
    "setPointSize",
    "QSize",
}


def literals_of_size(tree: ast.AST) -> list[int]:
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = (
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        )
        if name not in SIZING:
            continue
        found += [
            call.lineno
            for argument in call.args
            if isinstance(argument, ast.Constant) and argument.value not in (0, 1, -1)
        ]
    return found


def strings_shown(tree: ast.AST) -> list[tuple[int, str]]:
    """Text with a space and a capital at its start, outside docstrings and raised errors."""
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(id(node.value))
        # The sentence of a known error must be there when the catalogue is not.
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in KNOWN_ERROR:
            hidden.add(id(node.value))
        if isinstance(node, ast.Raise):
            hidden |= {id(part) for part in ast.walk(node)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in hidden
        and re.match(r"^[A-Z][a-z]+ [a-z]", node.value)
    ]


def keys_used() -> tuple[set[str], list[str]]:
    exact: set[str] = set()
    patterns: list[str] = []

    def take(node: ast.AST, *, counted: bool) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            exact.update([f"{node.value}.one", f"{node.value}.other"] if counted else [node.value])
        elif isinstance(node, ast.JoinedStr):
            parts = [
                re.escape(str(v.value)) if isinstance(v, ast.Constant) else ".+"
                for v in node.values
            ]
            patterns.append("".join(parts))
        elif isinstance(node, ast.IfExp):
            take(node.body, counted=counted)
            take(node.orelse, counted=counted)

    for path in [*UI.rglob("*.py"), *UI.parent.glob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args:
                if call.func.id == "t":
                    take(call.args[0], counted=False)
                elif call.func.id == "tn":
                    take(call.args[0], counted=True)
        # Keys kept in a variable first: every string of the source that is a key counts as used.
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                take(node, counted=False)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                exact.update({node.value} & set(text.catalogue()))
    return exact, patterns


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_colour_outside_the_theme(path: Path) -> None:
    assert not COLOUR.findall(path.read_text(encoding="utf-8"))
    assert "setStyleSheet" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHOWN, ids=lambda p: p.stem)
def test_no_size_in_pixels_outside_the_theme(path: Path) -> None:
    assert literals_of_size(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", SHOWN, ids=lambda p: p.stem)
def test_no_words_outside_the_catalogue(path: Path) -> None:
    assert strings_shown(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_the_checks_above_find_what_they_look_for() -> None:
    assert COLOUR.findall('x = "#AABBCC"')
    assert literals_of_size(ast.parse("w.setFixedWidth(37)"))
    assert strings_shown(ast.parse('Text("Save the note")'))


def test_every_key_asked_for_exists() -> None:
    exact, patterns = keys_used()
    missing = sorted(key for key in exact if key not in text.catalogue())
    assert missing == []
    for pattern in patterns:
        if re.match(r"^[a-z_]+\\?\.", pattern) and "\\ " not in pattern:
            known = [key for key in text.catalogue() if re.fullmatch(pattern, key)]
            assert known or pattern.startswith(("sync\\.\\.", "unlock")) or pattern == ".+", pattern


def test_every_key_of_the_catalogue_is_used() -> None:
    exact, patterns = keys_used()
    compiled = [re.compile(p) for p in patterns if re.match(r"^[a-z_]+\\?\.", p)]
    unused = [
        key
        for key in text.catalogue()
        if key.removesuffix(".words") not in exact
        and key not in exact
        and not any(pattern.fullmatch(key) for pattern in compiled)
    ]
    assert unused == []


def test_the_catalogue_is_plain_and_unique() -> None:
    raw = resource("i18n", "en.json").read_text(encoding="utf-8")
    pairs = json.loads(raw, object_pairs_hook=lambda found: found)
    assert len({key for key, _ in pairs}) == len(pairs)
    for _, words in pairs:
        assert "!" not in words
        assert "Oops" not in words
        assert "successfully" not in words


def test_fonts_and_icons_carry_their_licences() -> None:
    folder = resources_folder()
    assert "SIL Open Font License" in (folder / "fonts" / "OFL.txt").read_text(encoding="utf-8")
    assert "ISC License" in (folder / "icons" / "LICENCE.txt").read_text(encoding="utf-8")
