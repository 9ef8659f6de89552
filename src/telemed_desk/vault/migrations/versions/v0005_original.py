"""Which photos' files are on this PC, and since when the server has them too.

Photos of before are found by their files when sync begins.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; ``stored_ms`` is empty until the server has every part durably."""
    op.execute(
        """CREATE TABLE original (
        entity BLOB PRIMARY KEY, size INTEGER NOT NULL, stored_ms INTEGER) STRICT"""
    )
    op.execute("CREATE INDEX original_waiting ON original (entity) WHERE stored_ms IS NULL")
