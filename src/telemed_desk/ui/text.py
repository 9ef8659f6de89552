"""Every word that the windows show comes from ``resources/i18n/<language>.json`` through here.

Plain Python, so that presenters may use it. A missing key is a bug and raises.
"""

import json
from functools import cache
from typing import cast

from telemed_desk.ui.resources import resource


@cache
def catalogue(language: str = "en") -> dict[str, str]:
    """Return all texts of a language by key."""
    raw = resource("i18n", f"{language}.json").read_text(encoding="utf-8")
    return cast("dict[str, str]", json.loads(raw))


def t(key: str, /, **values: object) -> str:
    """Return a text with its ``{placeholders}`` filled.

    Raises:
        KeyError: No such key, or a placeholder without a value.
    """
    text = catalogue()[key]
    return text.format(**values) if values else text


def tn(key: str, n: int, /, **values: object) -> str:
    """Return the form of a counted text: ``key.one`` for 1, else ``key.other``; ``{n}`` is filled."""
    return t(f"{key}.one" if n == 1 else f"{key}.other", n=n, **values)


def has_text(key: str) -> bool:
    """Return whether a key exists: for codes that other processes may extend."""
    return key in catalogue()
