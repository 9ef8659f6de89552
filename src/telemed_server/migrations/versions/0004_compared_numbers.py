"""What both PCs of an enrolment make their six digits of; opaque here.

Null in requests of before: nobody grants those any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HASH = sa.LargeBinary(32)


def upgrade() -> None:
    op.add_column("enrol_requests", sa.Column("commitment", _HASH))
    op.add_column("enrol_requests", sa.Column("answer", sa.LargeBinary))
    op.add_column("enrol_requests", sa.Column("reveal", _HASH))
