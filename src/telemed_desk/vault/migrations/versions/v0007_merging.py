"""Claims by the server's numbers, allergies and medicines as sets, open values of fields, addenda.

What is in the op log already is folded into them afterwards.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = (
    """CREATE TABLE claim (
        entity BLOB NOT NULL, device BLOB NOT NULL, number INTEGER NOT NULL,
        place INTEGER NOT NULL, actor BLOB NOT NULL, at_ms INTEGER NOT NULL, sseq INTEGER,
        outcome TEXT NOT NULL, lost_device BLOB, lost_number INTEGER,
        PRIMARY KEY (entity, device, number)) STRICT""",
    "CREATE INDEX claim_lost ON claim (actor, at_ms) WHERE outcome = 'lost'",
    """CREATE TABLE entry (
        entity BLOB NOT NULL, kind TEXT NOT NULL, place INTEGER NOT NULL, what TEXT NOT NULL,
        facts BLOB NOT NULL, actor BLOB NOT NULL, at_ms INTEGER NOT NULL, beside INTEGER NOT NULL,
        gone_by BLOB, gone_ms INTEGER, gone_reason TEXT NOT NULL,
        PRIMARY KEY (entity, kind, place)) STRICT""",
    # Empty msgpack: a map and a list.
    "ALTER TABLE patient ADD COLUMN field_heads BLOB NOT NULL DEFAULT x'80'",
    "ALTER TABLE patient ADD COLUMN also BLOB NOT NULL DEFAULT x'90'",
    """CREATE TABLE addendum (
        device BLOB NOT NULL, number INTEGER NOT NULL, entity BLOB NOT NULL,
        consultation BLOB NOT NULL, author BLOB NOT NULL, at_ms INTEGER NOT NULL,
        place INTEGER NOT NULL, words TEXT NOT NULL, signing_key BLOB NOT NULL,
        fits INTEGER NOT NULL, PRIMARY KEY (device, number)) STRICT""",
    "CREATE INDEX addendum_entity ON addendum (entity, place)",
    # By its claims a segment's new number finds the consultations to look at again.
    "CREATE INDEX op_claim ON op (device, segment_n) WHERE kind = 'consult.claim'",
)


def upgrade() -> None:
    """Make them."""
    for statement in TABLES:
        op.execute(statement)
