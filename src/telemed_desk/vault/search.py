"""Search over names and notes on this PC: folded words in a full-text index inside the vault.

FTS5's own folding leaves letters such as ł, đ, ø and ß as they are, so text and query are folded
here first: "luszczyca" finds "Łuszczyca". The index keeps no text (contentless), only words.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.driver_sql import change_many, query, query_in
from telemed_desk.vault.fold_note import text_of
from telemed_desk.vault.payloads import NoteRevise, read_payload
from telemed_desk.vault.rows import Rows
from telemed_protocol.clock import wall_ms_of
from telemed_protocol.op import Op, OpId

INDEXED: Final = frozenset({"patient", "consult", "note"})
MOST_WORDS: Final = 12
MOST_CHARACTERS: Final = 200
_SHORTEST_PREFIX: Final = 2
_LATEST_MS: Final = 2**42
_IDS_PER_MS: Final = 2**20
"""More entities than have ever changed within one millisecond; the two together fill 62 bits."""
_NEWEST_IDS: Final = f"""SELECT b.value, coalesce((SELECT max(id) FROM search_doc
    WHERE id >= b.value AND id < b.value + {_IDS_PER_MS}), b.value - 1) FROM json_each(?) b"""  # noqa: S608 - a number of ours
_FOLDS: Final = str.maketrans(
    {
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ɗ": "d",
        "ɖ": "d",
        "ø": "o",
        "ɔ": "o",
        "ɛ": "e",
        "ə": "e",
        "\u0131": "i",
        "ħ": "h",
        "ŧ": "t",
        "ƙ": "k",
        "ɓ": "b",
        "ŋ": "ng",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "\u2019": "'",
        "\u02bc": "'",
    }
)
_SECTIONS: Final = ("subjective", "objective", "assessment", "plan")
_PATIENT_WORDS: Final = ("given_name", "family_name", "number", "phone", "remarks")


class Document(NamedTuple):
    """What is indexed of an entity: its words, and the time by which hits are ordered."""

    kind: str
    entity: bytes
    at_ms: int
    words: str


def fold_text(text: str) -> str:
    """Return text without case and marks: the same for all that a person may type for it."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_FOLDS)
    return "".join(c for c in plain if not unicodedata.combining(c))


def match_of(text: str) -> str | None:
    """Return the FTS5 query for what was typed: every word, each as a beginning; None for no word."""
    words = fold_text(text[:MOST_CHARACTERS]).replace('"', " ").split()
    wanted = [word for word in words if any(c.isalnum() for c in word)][:MOST_WORDS]
    if not wanted:
        return None
    return " ".join(f'"{w}"*' if len(w) >= _SHORTEST_PREFIX else f'"{w}"' for w in wanted)


def documents(entity: bytes, ops: Sequence[Op], rows: Rows) -> list[Document]:
    """Return what to index of an entity, from its ops and the rows they fold to."""
    at_ms = wall_ms_of(max(op.stamp for op in ops))
    found = [
        Document("patient", entity, at_ms, " ".join(row[name] for name in _PATIENT_WORDS))
        for row in rows.get("patient", ())
    ]
    found += [
        Document("consult", entity, row["booked_ms"], row["reason"])
        for row in rows.get("consult", ())
    ]
    for row in rows.get("note", ()):
        texts = [" ".join(row[name] for name in _SECTIONS)]
        if row["leaves"] > 1:
            texts += _texts_beside(ops, rows)
        texts += [below["words"] for below in rows.get("addendum", ())]
        found.append(Document("note", entity, row["changed_ms"], " ".join(texts)))
    return found


def _texts_beside(ops: Iterable[Op], rows: Rows) -> list[str]:
    """Every version that stands beside the newest is found as well."""
    leaves = {OpId(row["device"], row["number"]) for row in rows["note_rev"] if row["leaf"]}
    texts = []
    for op in ops:
        payload = read_payload(op) if op.op_id in leaves else None
        if isinstance(payload, NoteRevise):
            text = text_of(payload)
            texts.append(" ".join(getattr(text, name) for name in _SECTIONS))
    return texts


def update_index(
    connection: sa.Connection, touched: Mapping[str, set[bytes]], found: Sequence[Document]
) -> None:
    """Replace what is indexed of these entities."""
    for kind in INDEXED & touched.keys():
        sql = "SELECT id FROM search_doc WHERE kind = ? AND entity IN"
        gone = query_in(connection, sql, sorted(touched[kind]), kind)
        if gone:
            change_many(connection, "DELETE FROM search WHERE rowid = ?", gone)
            change_many(connection, "DELETE FROM search_doc WHERE id = ?", gone)
    if not found:
        return
    numbers = _ids_for(connection, found)
    numbered = list(zip(numbers, found, strict=True))
    change_many(
        connection,
        "INSERT INTO search_doc (id, kind, entity) VALUES (?, ?, ?)",
        [(number, document.kind, document.entity) for number, document in numbered],
    )
    change_many(
        connection,
        "INSERT INTO search (rowid, words) VALUES (?, ?)",
        [(number, fold_text(document.words)) for number, document in numbered],
    )


def clear_index(connection: sa.Connection) -> None:
    """Forget everything; folding fills it again."""
    connection.execute(sa.text("INSERT INTO search (search) VALUES ('delete-all')"))
    connection.execute(sa.delete(schema.search_doc))


def _ids_for(connection: sa.Connection, found: Sequence[Document]) -> list[int]:
    """Give each a row number; they go with time, so the newest hits come first without sorting."""
    bases = [min(max(d.at_ms, 0), _LATEST_MS) * _IDS_PER_MS for d in found]
    # All in one statement: one each took as long as writing the index.
    asked = msgspec.json.encode(sorted(set(bases))).decode()
    newest: dict[int, int] = dict(query(connection, _NEWEST_IDS, asked))
    given = []
    for base in bases:
        newest[base] += 1
        given.append(newest[base])
    return given


def time_of(number: int) -> int:
    """Return the time that a row number stands for, Unix ms."""
    return number // _IDS_PER_MS
