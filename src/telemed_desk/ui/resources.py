"""Where fonts, icons, tokens and words are found: in a source checkout and in an installed package.

The files live in the top-level ``resources/`` folder. A checkout (also an editable install) uses it in
place. An installation carries a copy, either inside the package (``telemed_desk/resources``) or, as
wheels install data files, under ``<prefix>/share/telemed-desk``. The first that exists wins.
"""

import sys
from functools import cache
from pathlib import Path

from telemed_protocol.errors import KnownError


class ResourcesMissing(KnownError):
    """The folder with fonts, icons and words was not installed."""

    code = "TD-UI-001"
    sentence = "Parts of the program are missing on this PC."
    next_step = "Install TeleMed Desk again."


def _candidates() -> tuple[Path, ...]:
    package = Path(__file__).resolve().parents[1]
    return (
        package / "resources",
        package.parents[1] / "resources",
        Path(sys.prefix) / "share" / "telemed-desk" / "resources",
    )


@cache
def resources_folder() -> Path:
    """Return the folder that holds ``tokens.json``.

    Raises:
        ResourcesMissing: None of the places has it.
    """
    for folder in _candidates():
        if (folder / "tokens.json").is_file():
            return folder
    raise ResourcesMissing


def resource(*parts: str) -> Path:
    """Return the path of one resource, such as ``resource("icons", "lock.svg")``."""
    return resources_folder().joinpath(*parts)
