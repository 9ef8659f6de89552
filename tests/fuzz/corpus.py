"""The kept inputs: what once broke something, and what reaches far into a decoder."""

import base64
import json
from pathlib import Path
from typing import Final

PATH: Final = Path(__file__).with_name("corpus.json")
MOST_BYTES: Final = 600
MOST_OF_A_TARGET: Final = 14


def load() -> dict[str, list[bytes]]:
    """Return the inputs of each target."""
    kept: dict[str, list[str]] = json.loads(PATH.read_text("utf-8"))
    return {name: [base64.b64decode(text) for text in texts] for name, texts in kept.items()}


def store(kept: dict[str, list[bytes]]) -> None:
    """Write them down: the shortest ones of each target, sorted, so that a change reads well."""
    out = {}
    for name, inputs in sorted(kept.items()):
        small = sorted({data for data in inputs if len(data) <= MOST_BYTES}, key=_order)
        out[name] = [base64.b64encode(data).decode() for data in small[:MOST_OF_A_TARGET]]
    PATH.write_text(json.dumps(out, indent=0) + "\n", "utf-8")


def _order(data: bytes) -> tuple[int, bytes]:
    return len(data), data
