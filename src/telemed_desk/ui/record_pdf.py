"""Draws a patient's record as a PDF, in memory: nothing of it is on a disk before it is sealed."""

import os
from html import escape

from PySide6.QtCore import QBuffer, QIODevice, QSize, Qt, QUrl
from PySide6.QtGui import QFont, QGuiApplication, QPageSize, QPdfWriter, QTextDocument

from telemed_desk.clinical.notes import Note, Section
from telemed_desk.clinical.plain_jpeg import NotPlain, plain_jpeg_size
from telemed_desk.clinical.record_copy import CopiedNote, CopiedPhoto, CopiedVisit, RecordCopy
from telemed_desk.ui import words
from telemed_desk.ui.text import t
from telemed_desk.ui.theme.theme import load_fonts
from telemed_desk.ui.widgets.pictures import picture

RESOLUTION = 300
FAMILY = "IBM Plex Sans"
POINTS = 10
MOST_PIXELS = 1600
"""Longest side of a photo on paper: 12 cm at 300 dots an inch, and some."""
WIDE = 420
"""Of a photo, in Qt's 96 to the inch."""

_apps: list[QGuiApplication] = []
"""Kept: Qt ends with the object."""


def record_pdf(copy: RecordCopy) -> bytes:
    """Draw it; tenths of a second, more with many photos. Any thread; needs a QGuiApplication."""
    document = QTextDocument()
    document.setDefaultFont(QFont(FAMILY, POINTS))
    for visit in copy.visits:
        for photo in visit.photos:
            _add_photo(document, photo)
    document.setHtml(record_html(copy))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setResolution(RESOLUTION)
    writer.setTitle(t("export.pdf.title"))
    writer.setCreator("TeleMed Desk")
    document.print_(writer)
    return bytes(buffer.data().data())


def record_pdf_without_window(copy: RecordCopy) -> bytes:
    """Draw it in a program that has no window and needs no display."""
    if QGuiApplication.instance() is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        _apps.append(QGuiApplication([]))
        load_fonts()
    return record_pdf(copy)


def record_html(copy: RecordCopy) -> str:
    """Return the record as simple HTML; everything that a person typed is escaped."""
    who = copy.patient
    year = words.local(copy.made_ms).year
    facts = [words.patient_line(who, year), who.phone]
    parts = [
        f"<h1>{escape(words.patient_name(who))}</h1>",
        f"<p>{escape(' · '.join(fact for fact in facts if fact))}</p>",
        f"<p>{escape(' · '.join(p for p in (copy.clinic_name, copy.clinic_phone) if p))}</p>",
    ]
    if who.incomplete:
        parts.append(f"<p><b>{escape(t('export.pdf.unread'))}</b></p>")
    if copy.allergies:
        said = t("record.allergies", what=", ".join(copy.allergies))
        parts.append(f"<p><b>{escape(said)}</b></p>")
    if copy.medicines:
        said = t("export.pdf.medicines", what=", ".join(copy.medicines))
        parts.append(f"<p>{escape(said)}</p>")
    parts += [f"<p>{_lines(who.remarks)}</p>", *(_visit(copy, visit) for visit in copy.visits)]
    made = {"day": words.day(copy.made_ms), "time": words.clock(copy.made_ms)}
    by = _name(copy, copy.made_by)
    parts.append(f"<hr/><p><i>{escape(t('export.pdf.foot', who=by, **made))}</i></p>")
    return "".join(parts)


def _visit(copy: RecordCopy, visit: CopiedVisit) -> str:
    booked = visit.consultation
    at_ms = booked.booked_ms if booked.started_ms is None else booked.started_ms
    programme = t(f"programme.{booked.programme.value}")
    line = [words.clock(at_ms), t(f"record.state.{booked.state.value}")]
    if any(booked.clinician):
        line.append(_name(copy, booked.clinician))
    parts = [
        f"<h2>{escape(f'{words.day(at_ms)}, {programme}')}</h2>",
        f"<p>{escape(' · '.join(line))}</p>",
        f"<p><b>{_lines(booked.reason)}</b></p>" if booked.reason.strip() else "",
    ]
    parts += [_note(copy, note) for note in visit.notes]
    parts += [_photo(photo) for photo in visit.photos]
    return "".join(parts)


def _note(copy: RecordCopy, copied: CopiedNote) -> str:
    parts = [f"<p><i>{escape(_note_state(copy, copied.note))}</i></p>"]
    for number, text in enumerate(copied.texts, start=1):
        if len(copied.texts) > 1:
            parts.append(f"<h3>{escape(t('record.version', n=number))}</h3>")
        for section in Section:
            written = text.section(section)
            if written.strip():
                name = escape(t(f"section.{section.value}"))
                parts.append(f"<p><b>{name}</b><br/>{_lines(written)}</p>")
    for added in copied.addenda:
        made = {"day": words.day(added.at_ms), "time": words.clock(added.at_ms)}
        key = "export.pdf.addendum" if added.fits else "export.pdf.addendum.odd"
        head = t(key, who=_name(copy, added.author), **made)
        parts.append(f"<p><b>{escape(head)}</b><br/>{_lines(added.text)}</p>")
    return "".join(parts)


def _note_state(copy: RecordCopy, note: Note) -> str:
    at_ms = note.signed_ms if note.signed_ms is not None else note.changed_ms
    made = {"day": words.day(at_ms), "time": words.clock(at_ms)}
    if not note.is_signed:
        return t("record.draft_by", who=_name(copy, note.author), **made)
    said = t("record.signed_by", who=_name(copy, note.signer), **made)
    return f"{said} · {note.signature_code}" if note.signature_code else said


def _photo(photo: CopiedPhoto) -> str:
    made = {"day": words.day(photo.at_ms), "time": words.clock(photo.at_ms)}
    said = t("export.pdf.photo" if photo.whole else "export.pdf.preview", **made)
    return (
        f"<p><img src='{_url(photo)}' width='{WIDE}'/></p><p><i>{escape(said)}</i></p>"
        if _size(photo) is not None
        else f"<p><i>{escape(said)}</i></p>"
    )


def _add_photo(document: QTextDocument, photo: CopiedPhoto) -> None:
    size = _size(photo)
    if size is None:
        return
    room = QSize(*size).boundedTo(QSize(MOST_PIXELS, MOST_PIXELS))
    image = picture(photo.jpeg, room, Qt.AspectRatioMode.KeepAspectRatio)
    document.addResource(QTextDocument.ResourceType.ImageResource, QUrl(_url(photo)), image)


def _size(photo: CopiedPhoto) -> tuple[int, int] | None:
    """Return its size; None when it is no picture of ours, and so is named and not drawn."""
    try:
        return plain_jpeg_size(photo.jpeg)
    except NotPlain:
        return None


def _url(photo: CopiedPhoto) -> str:
    return f"photo:{photo.entity.hex()}"


def _name(copy: RecordCopy, entity: bytes) -> str:
    known = copy.clinicians.get(entity)
    return known.name if known is not None else t("export.pdf.somebody")


def _lines(text: str) -> str:
    return "<br/>".join(escape(line) for line in text.splitlines())
