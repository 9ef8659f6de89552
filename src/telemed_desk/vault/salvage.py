"""What can still be read in a damaged database: rows told apart by their shape.

A row counts only when every column has the type and size that its table has; two tables of the
same shape do not exist among those read here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from telemed_desk.vault.rows import Row as Columns
from telemed_desk.vault.sqlite_pages import Pages, Row, Value
from telemed_protocol.ids import ID_BYTES
from telemed_protocol.op import MAX_OP_BYTES

_HASH_BYTES: Final = 32
_OP: Final = (
    "device number lane stamp actor kind version min_reader entity parents payload own segment_n"
)
_OP_TYPES: Final = "biiibtiibbbin"
_SEGMENT: Final = "device lane n hash epoch size own sseq stored_ms wire"
_SEGMENT_TYPES: Final = "biibiiinno"
_DRAFT: Final = "note consultation actor at_ms base subjective objective assessment plan"
_DRAFT_TYPES: Final = "bbbibtttt"
_FITS: Final[dict[str, tuple[type, ...]]] = {
    "b": (bytes,),
    "i": (int,),
    "t": (str,),
    "n": (int, type(None)),
    "o": (bytes, type(None)),
}


@dataclass(slots=True)
class Salvaged:
    """Rows by column name.

    Attributes:
        pages: How many the file has.
        bad_pages: How many of them do not verify.
        ops: By device and number.
        segments: By device, lane and n.
        drafts: Of the typing journal, by note.
        settings: By name.
    """

    pages: int = 0
    bad_pages: int = 0
    ops: dict[tuple[bytes, int], Columns] = field(default_factory=dict)
    segments: dict[tuple[bytes, int, int], Columns] = field(default_factory=dict)
    drafts: dict[bytes, Columns] = field(default_factory=dict)
    settings: dict[str, bytes] = field(default_factory=dict)


def salvage(database: Path, key: bytes, salt: bytes) -> Salvaged:
    """Read what verifies.

    Raises:
        OSError: The file cannot be read at all.
    """
    pages = Pages(database, key, salt)
    found = Salvaged(pages.count, len(pages.bad))
    for row in pages.rows():
        _keep(found, row)
    return found


def _keep(found: Salvaged, row: Row) -> None:
    values = row.values
    if row.rowid is None:
        if len(values) == 2 and isinstance(values[0], str) and isinstance(values[1], bytes):
            found.settings[values[0]] = values[1]
    elif _has(values, _OP_TYPES):
        columns: Columns = dict(zip(_OP.split(), values, strict=True))
        ids = (columns["device"], columns["actor"], columns["entity"])
        sizes = len(columns["parents"]) + len(columns["payload"])
        if all(len(name) == ID_BYTES for name in ids) and sizes <= MAX_OP_BYTES:
            found.ops[columns["device"], columns["number"]] = columns
    elif _has(values, _SEGMENT_TYPES):
        columns = dict(zip(_SEGMENT.split(), values, strict=True))
        if len(columns["device"]) == ID_BYTES and len(columns["hash"]) == _HASH_BYTES:
            found.segments[columns["device"], columns["lane"], columns["n"]] = columns
    elif _has(values, _DRAFT_TYPES):
        columns = dict(zip(_DRAFT.split(), values, strict=True))
        found.drafts[columns["note"]] = columns


def _has(values: tuple[Value, ...], types: str) -> bool:
    return len(values) == len(types) and all(
        isinstance(value, _FITS[kind]) for value, kind in zip(values, types, strict=True)
    )
