"""The server's tables. What is in them: ids, public keys, hashes, times and sealed bytes.

Alembic (``migrations/``) makes and changes them; this module is how the code names them.
Ids are 16 raw bytes, hashes 32, times Unix seconds of the server.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

_ID = sa.LargeBinary(16)
_HASH = sa.LargeBinary(32)
# 64 bits in both stores; SQLite has one kind of whole number.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

founding_codes = sa.Table(
    "founding_codes",
    metadata,
    sa.Column("lookup_hash", _HASH, primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("used_at", sa.Float),
    sa.Column("clinic", _ID),
)

clinics = sa.Table(
    "clinics",
    metadata,
    sa.Column("clinic", _ID, primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
    # Gapless counter of the clinic's log: raised in the transaction that inserts the segment.
    sa.Column("head", _NUMBER, nullable=False),
    sa.Column("log_hash", _HASH, nullable=False),
)

member_records = sa.Table(
    "member_records",
    metadata,
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
    sa.Column("n", _NUMBER, primary_key=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("stored_at", sa.Float, nullable=False),
)

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("device", _ID, primary_key=True),
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False, index=True),
    sa.Column("signing", _HASH, nullable=False),
    sa.Column("receiving", _HASH, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)

wraps = sa.Table(
    "wraps",
    metadata,
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
    sa.Column("device", _ID, primary_key=True),
    sa.Column("epoch", _NUMBER, primary_key=True),
    sa.Column("wrap", sa.LargeBinary, nullable=False),
)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("lookup_id", _ID, primary_key=True),
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False, index=True),
    sa.Column("created_by", _ID, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("granted_to", _ID),
)

enrol_requests = sa.Table(
    "enrol_requests",
    metadata,
    sa.Column("lookup_id", _ID, sa.ForeignKey("invitations.lookup_id"), primary_key=True),
    sa.Column("device", _ID, primary_key=True),
    sa.Column("signing", _HASH, nullable=False),
    sa.Column("receiving", _HASH, nullable=False),
    sa.Column("mac", _HASH, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
    sa.Column("proof", _HASH),
    sa.Column("commitment", _HASH),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("reveal", _HASH),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("token_hash", _HASH, primary_key=True),
    sa.Column("device", _ID, sa.ForeignKey("devices.device"), nullable=False, index=True),
    sa.Column("expires_at", sa.Float, nullable=False, index=True),
)

segments = sa.Table(
    "segments",
    metadata,
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

attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), primary_key=True),
    sa.Column("attachment", _ID, primary_key=True),
    sa.Column("announced_by", _ID, nullable=False),
    sa.Column("size", _NUMBER, nullable=False),
    sa.Column("sha256", _HASH, nullable=False),
    sa.Column("touched_at", sa.Float, nullable=False),
    # Set when every part is here and the hash of all is the announced one; never before.
    sa.Column("whole_at", sa.Float),
)

attachment_parts = sa.Table(
    "attachment_parts",
    metadata,
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

links = sa.Table(
    "links",
    metadata,
    sa.Column("jti_hash", _HASH, primary_key=True),
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False),
    sa.Column("created_by", _ID, nullable=False),
    sa.Column("not_before", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("card", sa.LargeBinary, nullable=False),
    sa.Column("used_at", sa.Float),
    sa.Column("joined_at", sa.Float),
    sa.Column("closed_at", sa.Float),
    # SHA-256 of the browser's cookie; one browser may hold several links, the newest counts.
    sa.Column("cookie_hash", _HASH, index=True),
)

seats = sa.Table(
    "seats",
    metadata,
    sa.Column("seat", sa.String(32), primary_key=True),
    sa.Column("clinic", _ID, sa.ForeignKey("clinics.clinic"), nullable=False, index=True),
    sa.Column("jti_hash", _HASH, sa.ForeignKey("links.jti_hash"), nullable=False, unique=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("arrived_at", sa.Float, nullable=False),
    sa.Column("heard_at", sa.Float, nullable=False),
    sa.Column("admitted_by", _ID),
    sa.Column("admitted_at", sa.Float),
    sa.Column("ended_at", sa.Float),
    # The page's newest connection, whichever process has it; older ones are let go.
    sa.Column("line", sa.String(16)),
)

boxes = sa.Table(
    "boxes",
    metadata,
    sa.Column("seat", sa.String(32), sa.ForeignKey("seats.seat"), primary_key=True),
    sa.Column("direction", sa.String(8), primary_key=True),
    sa.Column("n", _NUMBER, primary_key=True),
    sa.Column("mid", sa.String(64), nullable=False),
    sa.Column("box", sa.LargeBinary, nullable=False),
    sa.Column("stored_at", sa.Float, nullable=False),
    sa.UniqueConstraint("seat", "direction", "mid", name="uq_boxes_seat_direction_mid"),
)

server_keys = sa.Table(
    "server_keys",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("key", _HASH, nullable=False),
)

spent_nonces = sa.Table(
    "spent_nonces",
    metadata,
    sa.Column("nonce_hash", _HASH, primary_key=True),
    sa.Column("expires_at", sa.Float, nullable=False, index=True),
)

server_processes = sa.Table(
    "server_processes",
    metadata,
    sa.Column("process", sa.String(32), primary_key=True),
    sa.Column("heard_at", sa.Float, nullable=False),
)

desk_lines = sa.Table(
    "desk_lines",
    metadata,
    sa.Column("process", sa.String(32), primary_key=True),
    sa.Column("device", _ID, primary_key=True),
    sa.Column("clinic", _ID, nullable=False, index=True),
)
