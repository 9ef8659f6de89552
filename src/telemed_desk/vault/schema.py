"""The tables as SQLAlchemy Core sees them; ``migrations/`` makes them and holds the indexes."""

from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData()


def _table(name: str, *, blobs: str = "", texts: str = "", numbers: str = "") -> sa.Table:
    columns: list[sa.Column[object]] = []
    for names, kind in ((blobs, sa.LargeBinary()), (texts, sa.Text()), (numbers, sa.Integer())):
        columns += [sa.Column(column, kind) for column in names.split()]
    return sa.Table(name, metadata, *columns)


_SECTIONS = "subjective objective assessment plan"

op: Final = _table(
    "op",
    blobs="device actor entity parents payload",
    texts="kind",
    numbers="number lane stamp version min_reader own segment_n",
)
segment: Final = _table(
    "segment", blobs="device hash wire", numbers="lane n epoch size own sseq stored_ms"
)
log: Final = _table("log", blobs="log_hash segment_hash device", numbers="sseq lane n")
quarantine: Final = _table("quarantine", blobs="raw", texts="reason", numbers="id at_ms")
member_record: Final = _table("member_record", blobs="record signature", numbers="n")
epoch_key: Final = _table("epoch_key", blobs="secret", numbers="epoch")
setting: Final = _table("setting", blobs="value", texts="name")
original: Final = _table("original", blobs="entity", numbers="size stored_ms")
draft_journal: Final = _table(
    "draft_journal", blobs="note consultation actor base", texts=_SECTIONS, numbers="at_ms"
)

clinic: Final = _table("clinic", blobs="entity", texts="name phone")
clinician: Final = _table("clinician", blobs="entity languages signing", texts="name role place")
device: Final = _table("device", blobs="entity", texts="label")
invitation: Final = _table("invitation", blobs="device entity secret", numbers="number expires_ms")
patient: Final = _table(
    "patient",
    blobs="entity languages allergies allergy_heads field_heads also",
    texts="given_name family_name number sex phone remarks",
    numbers="year_of_birth",
)
consult: Final = _table(
    "consult",
    blobs="entity patient clinician",
    texts="programme way state reason",
    numbers="booked_ms minutes consent_ms consent_photos identity_ok started_ms ended_ms odd_steps",
)
claim: Final = _table(
    "claim",
    blobs="entity device actor lost_device",
    texts="outcome",
    numbers="number place at_ms sseq lost_number",
)
entry: Final = _table(
    "entry",
    blobs="entity facts actor gone_by",
    texts="kind what gone_reason",
    numbers="place at_ms beside gone_ms",
)
urgent: Final = _table("urgent", blobs="entity", texts="reason", numbers="at_ms")
link: Final = _table("link", blobs="jti jti_hash secret entity", texts="role", numbers="expires_ms")
note: Final = _table(
    "note",
    blobs="entity consultation author head_device signer signature signing_key",
    texts=_SECTIONS,
    numbers="revision changed_ms head_number leaves signed_ms first_stamp bad_signatures",
)
note_rev: Final = _table(
    "note_rev", blobs="device entity author", numbers="number at_ms stamp leaf"
)
addendum: Final = _table(
    "addendum",
    blobs="device entity consultation author signing_key",
    texts="words",
    numbers="number at_ms place fits",
)
photo: Final = _table(
    "photo",
    blobs="entity consultation sha256 secret preview thumb",
    texts="source",
    numbers="at_ms width height",
)
call_box: Final = _table(
    "call_box", blobs="entity consultation figures events", texts="call", numbers="part began_ms"
)
exported: Final = _table(
    "exported",
    blobs="entity patient actor device sha256",
    texts="format sealed_for",
    numbers="at_ms size",
)
search_doc: Final = _table("search_doc", blobs="entity", texts="kind", numbers="id")

PROJECTIONS: Final[dict[str, sa.Table]] = {
    table.name: table
    for table in (
        clinic,
        clinician,
        device,
        invitation,
        patient,
        entry,
        consult,
        claim,
        urgent,
        link,
        note,
        note_rev,
        addendum,
        photo,
        call_box,
        exported,
    )
}
"""Everything that ``rebuild`` drops and folds again."""
