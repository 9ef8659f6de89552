"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "founding_codes",
        sa.Column("lookup_hash", _HASH, primary_key=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("used_at", sa.Float),
        sa.Column("clinic", _ID),
    )
    op.create_table(
        "clinics",
        sa.Column("clinic", _ID, primary_key=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("head", _NUMBER, nullable=False),
        sa.Column("log_hash", _HASH, nullable=False),
    )
    op.create_table(
        "member_records",
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
        sa.Column("n", _NUMBER, primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("stored_at", sa.Float, nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("device", _ID, primary_key=True),
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False),
        sa.Column("signing", _HASH, nullable=False),
        sa.Column("receiving", _HASH, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )
    op.create_table(
        "wraps",
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
        sa.Column("device", _ID, primary_key=True),
        sa.Column("epoch", _NUMBER, primary_key=True),
        sa.Column("wrap", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "invitations",
        sa.Column("lookup_id", _ID, primary_key=True),
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("granted_to", _ID),
    )
    op.create_table(
        "enrol_requests",
        sa.Column("lookup_id", _ID, sa.ForeignKey("invitations.lookup_id"), primary_key=True),
        sa.Column("device", _ID, primary_key=True),
        sa.Column("signing", _HASH, nullable=False),
        sa.Column("receiving", _HASH, nullable=False),
        sa.Column("mac", _HASH, nullable=False),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.Column("proof", _HASH),
    )
    op.create_table(
        "tokens",
        sa.Column("token_hash", _HASH, primary_key=True),
        sa.Column("device", _ID, sa.ForeignKey("devices.device"), nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_table(
        "segments",
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
        sa.Column("sseq", _NUMBER, primary_key=True),
        sa.Column("device", _ID, nullable=False),
        sa.Column("lane", _NUMBER, nullable=False),
        sa.Column("n", _NUMBER, nullable=False),
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("log_hash", _HASH, nullable=False),
        sa.Column("stored_at", sa.Float, nullable=False),
        sa.Column("wire", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("device", "lane", "n", name="uq_segments_device_lane_n"),
    )
    op.create_table(
        "links",
        sa.Column("jti_hash", _HASH, primary_key=True),
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False),
        sa.Column("created_by", _ID, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.Column("used_at", sa.Float),
        sa.Column("joined_at", sa.Float),
        sa.Column("closed_at", sa.Float),
        sa.Column("cookie_hash", _HASH),
    )
    op.create_table(
        "seats",
        sa.Column("seat", sa.String(32), primary_key=True),
        sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False),
        sa.Column("jti_hash", _HASH, sa.ForeignKey("links.jti_hash"), nullable=False, unique=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("arrived_at", sa.Float, nullable=False),
        sa.Column("heard_at", sa.Float, nullable=False),
        sa.Column("admitted_by", _ID),
        sa.Column("admitted_at", sa.Float),
        sa.Column("ended_at", sa.Float),
    )
    op.create_table(
        "boxes",
        sa.Column("seat", sa.String(32), sa.ForeignKey("seats.seat"), primary_key=True),
        sa.Column("direction", sa.String(8), primary_key=True),
        sa.Column("n", _NUMBER, primary_key=True),
        sa.Column("mid", sa.String(64), nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", sa.Float, nullable=False),
        sa.UniqueConstraint("seat", "direction", "mid", name="uq_boxes_seat_direction_mid"),
    )
    op.create_index("ix_devices_clinic", "devices", ["clinic"])
    op.create_index("ix_invitations_clinic", "invitations", ["clinic"])
    op.create_index("ix_tokens_device", "tokens", ["device"])
    op.create_index("ix_tokens_expires_at", "tokens", ["expires_at"])
    op.create_index("ix_links_cookie_hash", "links", ["cookie_hash"])
    op.create_index("ix_seats_clinic", "seats", ["clinic"])
