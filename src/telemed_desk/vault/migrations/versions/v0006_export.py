"""Photos' thumbnails, and who exported whose record, when, and sealed for whom."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Photos of before have no thumbnail: their preview is shown in its place."""
    op.execute("ALTER TABLE photo ADD COLUMN thumb BLOB NOT NULL DEFAULT x''")
    op.execute(
        """CREATE TABLE exported (
        entity BLOB PRIMARY KEY, patient BLOB NOT NULL, actor BLOB NOT NULL, device BLOB NOT NULL,
        sha256 BLOB NOT NULL, format TEXT NOT NULL, sealed_for TEXT NOT NULL,
        at_ms INTEGER NOT NULL, size INTEGER NOT NULL) STRICT"""
    )
    op.execute("CREATE INDEX exported_of_patient ON exported (patient, at_ms)")
