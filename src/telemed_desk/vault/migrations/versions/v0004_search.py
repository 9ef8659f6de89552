"""An index of words; what is in the op log already is folded into it afterwards."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index and the table that says what each of its rows stands for."""
    op.execute(
        """CREATE TABLE search_doc (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, entity BLOB NOT NULL,
        UNIQUE (kind, entity)) STRICT"""
    )
    op.execute(
        """CREATE VIRTUAL TABLE search USING fts5(
        words, content='', contentless_delete=1,
        tokenize='unicode61 remove_diacritics 2', prefix='2 3')"""
    )
