"""Small shared shapes of the fold."""

from typing import Any, NamedTuple

from telemed_desk.vault.payloads import Payload
from telemed_protocol.op import Op, OpId

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


def id_of(op_id: OpId) -> tuple[bytes, int]:
    """Return an op's name as ``clinical`` has it."""
    return (op_id.device, op_id.number)
