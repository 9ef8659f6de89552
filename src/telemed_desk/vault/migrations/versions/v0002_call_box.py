"""Room for the figures of calls."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what is in the op log already is folded into it afterwards."""
    op.execute(
        """CREATE TABLE call_box (
        entity BLOB PRIMARY KEY, consultation BLOB NOT NULL, call TEXT NOT NULL,
        part INTEGER NOT NULL, began_ms INTEGER NOT NULL,
        figures BLOB NOT NULL, events BLOB NOT NULL) STRICT"""
    )
    op.execute("CREATE INDEX call_box_consultation ON call_box (consultation, began_ms)")
