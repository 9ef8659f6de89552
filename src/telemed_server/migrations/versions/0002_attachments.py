"""Sealed files beside the log, kept in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
        sa.Column("attachment", _ID, primary_key=True),
        sa.Column("announced_by", _ID, nullable=False),
        sa.Column("size", _NUMBER, nullable=False),
        sa.Column("sha256", _HASH, nullable=False),
        sa.Column("touched_at", sa.Float, nullable=False),
        sa.Column("whole_at", sa.Float),
    )
    op.create_table(
        "attachment_parts",
        sa.Column("clinic", _ID, primary_key=True),
        sa.Column("attachment", _ID, primary_key=True),
        sa.Column("part", _NUMBER, primary_key=True),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic", "attachment"],
            ["attachments.clinic", "attachments.attachment"],
            name="fk_attachment_parts",
            ondelete="CASCADE",
        ),
    )
