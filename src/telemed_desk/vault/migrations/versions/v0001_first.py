"""The first tables. Never edited once released: later changes are later files."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    # The truth: every fact, in the columns it is looked up by, payload verbatim.
    """CREATE TABLE op (
        device BLOB NOT NULL, number INTEGER NOT NULL, lane INTEGER NOT NULL, stamp INTEGER NOT NULL,
        actor BLOB NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, min_reader INTEGER NOT NULL,
        entity BLOB NOT NULL, parents BLOB NOT NULL, payload BLOB NOT NULL,
        own INTEGER NOT NULL, segment_n INTEGER,
        UNIQUE (device, number)) STRICT""",
    "CREATE INDEX op_entity ON op (entity, stamp)",
    "CREATE INDEX op_stamp ON op (stamp)",
    """CREATE INDEX op_segment ON op (lane, segment_n)
        WHERE own = 1 AND segment_n IS NOT NULL""",
    "CREATE INDEX op_unsealed ON op (lane, number) WHERE own = 1 AND segment_n IS NULL",
    # Our own segments keep their bytes until the server's receipt is durable.
    """CREATE TABLE segment (
        device BLOB NOT NULL, lane INTEGER NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE,
        epoch INTEGER NOT NULL, size INTEGER NOT NULL, own INTEGER NOT NULL,
        sseq INTEGER, stored_ms INTEGER, wire BLOB,
        PRIMARY KEY (device, lane, n)) STRICT""",
    "CREATE INDEX segment_waiting ON segment (lane, n) WHERE own = 1 AND stored_ms IS NULL",
    "CREATE INDEX segment_sseq ON segment (sseq) WHERE own = 1 AND sseq IS NOT NULL",
    # What the server's log said, number by number, as we verified it.
    """CREATE TABLE log (
        sseq INTEGER PRIMARY KEY, log_hash BLOB NOT NULL, segment_hash BLOB NOT NULL,
        device BLOB, lane INTEGER, n INTEGER) STRICT""",
    "CREATE INDEX log_head ON log (device, lane, sseq)",
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, reason TEXT NOT NULL,
        raw BLOB NOT NULL) STRICT""",
    """CREATE TABLE member_record (
        n INTEGER PRIMARY KEY, record BLOB NOT NULL, signature BLOB NOT NULL) STRICT""",
    "CREATE TABLE epoch_key (epoch INTEGER PRIMARY KEY, secret BLOB NOT NULL) STRICT",
    # Local only: never travels.
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE draft_journal (
        note BLOB PRIMARY KEY, consultation BLOB NOT NULL, actor BLOB NOT NULL, at_ms INTEGER NOT NULL,
        base BLOB NOT NULL, subjective TEXT NOT NULL, objective TEXT NOT NULL,
        assessment TEXT NOT NULL, plan TEXT NOT NULL) STRICT""",
    # Projections: all that follows can be dropped and folded again from op.
    "CREATE TABLE clinic (entity BLOB PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL) STRICT",
    """CREATE TABLE clinician (
        entity BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, place TEXT NOT NULL,
        languages BLOB NOT NULL, signing BLOB NOT NULL) STRICT""",
    "CREATE TABLE device (entity BLOB PRIMARY KEY, label TEXT NOT NULL) STRICT",
    """CREATE TABLE invitation (
        device BLOB NOT NULL, number INTEGER NOT NULL, entity BLOB NOT NULL, secret BLOB NOT NULL,
        expires_ms INTEGER NOT NULL, PRIMARY KEY (device, number)) STRICT""",
    "CREATE INDEX invitation_entity ON invitation (entity)",
    """CREATE TABLE patient (
        entity BLOB PRIMARY KEY, given_name TEXT NOT NULL, family_name TEXT NOT NULL,
        number TEXT NOT NULL, year_of_birth INTEGER NOT NULL, sex TEXT NOT NULL,
        phone TEXT NOT NULL, languages BLOB NOT NULL,
        remarks TEXT NOT NULL, allergies BLOB NOT NULL, allergy_heads BLOB NOT NULL) STRICT""",
    "CREATE INDEX patient_name ON patient (family_name, given_name)",
    "CREATE INDEX patient_number ON patient (number)",
    """CREATE TABLE consult (
        entity BLOB PRIMARY KEY, patient BLOB NOT NULL, programme TEXT NOT NULL, way TEXT NOT NULL,
        state TEXT NOT NULL, booked_ms INTEGER NOT NULL, minutes INTEGER NOT NULL,
        clinician BLOB NOT NULL, reason TEXT NOT NULL, consent_ms INTEGER,
        consent_photos INTEGER NOT NULL, identity_ok INTEGER,
        started_ms INTEGER, ended_ms INTEGER, odd_steps INTEGER NOT NULL) STRICT""",
    "CREATE INDEX consult_booked ON consult (booked_ms)",
    "CREATE INDEX consult_patient ON consult (patient, booked_ms)",
    """CREATE INDEX consult_open ON consult (state)
        WHERE state IN ('waiting', 'in-call', 'writing')""",
    "CREATE TABLE urgent (entity BLOB PRIMARY KEY, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT",
    """CREATE TABLE link (
        jti BLOB NOT NULL, jti_hash BLOB NOT NULL, secret BLOB NOT NULL, entity BLOB NOT NULL,
        expires_ms INTEGER NOT NULL, PRIMARY KEY (entity, jti)) STRICT""",
    "CREATE INDEX link_hash ON link (jti_hash)",
    "CREATE INDEX link_expires ON link (expires_ms)",
    """CREATE TABLE note (
        entity BLOB PRIMARY KEY, consultation BLOB NOT NULL, subjective TEXT NOT NULL,
        objective TEXT NOT NULL, assessment TEXT NOT NULL, plan TEXT NOT NULL,
        revision INTEGER NOT NULL, author BLOB NOT NULL, changed_ms INTEGER NOT NULL,
        head_device BLOB NOT NULL, head_number INTEGER NOT NULL, leaves INTEGER NOT NULL,
        signed_ms INTEGER, signer BLOB NOT NULL, signature BLOB NOT NULL, signing_key BLOB NOT NULL,
        first_stamp INTEGER NOT NULL, bad_signatures INTEGER NOT NULL) STRICT""",
    "CREATE INDEX note_consultation ON note (consultation, first_stamp)",
    "CREATE INDEX note_signed ON note (signed_ms) WHERE signed_ms IS NOT NULL",
    """CREATE TABLE note_rev (
        device BLOB NOT NULL, number INTEGER NOT NULL, entity BLOB NOT NULL, author BLOB NOT NULL,
        at_ms INTEGER NOT NULL, stamp INTEGER NOT NULL, leaf INTEGER NOT NULL,
        PRIMARY KEY (device, number)) STRICT""",
    "CREATE INDEX note_rev_entity ON note_rev (entity, stamp)",
    """CREATE TABLE photo (
        entity BLOB PRIMARY KEY, consultation BLOB NOT NULL, at_ms INTEGER NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, source TEXT NOT NULL, sha256 BLOB NOT NULL,
        secret BLOB NOT NULL, preview BLOB NOT NULL) STRICT""",
    "CREATE INDEX photo_consultation ON photo (consultation, at_ms)",
)


def upgrade() -> None:
    """Make every table and index."""
    for statement in TABLES:
        op.execute(statement)
