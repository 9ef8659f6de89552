"""Whom a link is for: until now always the patient."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; links of before are the patient's."""
    op.execute("ALTER TABLE link ADD COLUMN role TEXT NOT NULL DEFAULT 'patient'")
