"""Small shared shapes of the fold."""

from typing import Any, NamedTuple

from telemed_desk.vault.payloads import Payload
from telemed_protocol.op import Op

Row = dict[str, Any]
Rows = dict[str, list[Row]]
"""Projection rows by table."""


class Known(NamedTuple):
    """An op that this version can read."""

    op: Op
    payload: Payload


def sort_key(op: Op) -> tuple[int, bytes, int]:
    """Order of ops: hybrid time, then device, then number; the same on every desk."""
    return (op.stamp, op.device, op.number)
