"""What several server processes tell one another, and nonces that work with any of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)


def upgrade() -> None:
    op.create_table(
        "server_keys",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("key", _HASH, nullable=False),
    )
    op.create_table(
        "spent_nonces",
        sa.Column("nonce_hash", _HASH, primary_key=True),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "server_processes",
        sa.Column("process", sa.String(32), primary_key=True),
        sa.Column("heard_at", sa.Float, nullable=False),
    )
    op.create_table(
        "desk_lines",
        sa.Column("process", sa.String(32), primary_key=True),
        sa.Column("device", _ID, primary_key=True),
        sa.Column("clinic", _ID, nullable=False),
    )
    op.create_index("ix_spent_nonces_expires_at", "spent_nonces", ["expires_at"])
    op.create_index("ix_desk_lines_clinic", "desk_lines", ["clinic"])
    op.add_column("seats", sa.Column("line", sa.String(16)))
