"""A patient's record as resources of FHIR R4, 4.0.1 (https://hl7.org/fhir/R4/).

Only what the record says: no diagnosis, code or certainty is made up, and an empty field is left
out, as the standard demands. Ids are the record's own, so a second export names the same things alike.
"""

import base64
import hashlib
import html
import json
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from telemed_desk.clinical.consultations import Consultation, ConsultationState
from telemed_desk.clinical.notes import Section
from telemed_desk.clinical.people import Clinician, Programme, Sex
from telemed_desk.clinical.record_copy import CopiedNote, CopiedPhoto, CopiedVisit, RecordCopy

Resource = dict[str, Any]

_LOINC: Final = "http://loinc.org"
_OURS: Final = "urn:telemed-desk:"
_SECTION_CODES: Final = {
    Section.SUBJECTIVE: ("61150-9", "Subjective"),
    Section.OBJECTIVE: ("61149-1", "Objective"),
    Section.ASSESSMENT: ("51848-0", "Assessment"),
    Section.PLAN: ("18776-5", "Plan of care"),
}
_GENDER: Final = {
    Sex.FEMALE: "female",
    Sex.MALE: "male",
    Sex.OTHER: "other",
    Sex.UNKNOWN: "unknown",
}
_ENCOUNTER: Final = {
    ConsultationState.BOOKED: "planned",
    ConsultationState.WAITING: "arrived",
    ConsultationState.IN_CALL: "in-progress",
    ConsultationState.WRITING: "finished",
    ConsultationState.SIGNED: "finished",
    ConsultationState.CANCELLED: "cancelled",
    ConsultationState.NOT_JOINED: "cancelled",
}
_PROGRAMME: Final = {
    Programme.HOME_BASED_CARE: "Home-based care",
    Programme.PALLIATIVE_CARE: "Palliative care",
    Programme.DERMATOLOGY: "Dermatology",
    Programme.ONCOLOGY_PLANNING: "Oncology planning",
    Programme.MENTAL_HEALTH: "Mental health",
    Programme.ROUTINE_CHECK_UP: "Routine check-up",
    Programme.SPECIALIST_CONSULT: "Specialist consult",
}


def to_ndjson(copy: RecordCopy) -> bytes:
    """Return the record as one resource a line, each after those that it refers to."""
    lines = (
        json.dumps(_bare(resource), ensure_ascii=False, separators=(",", ":"))
        for resource in resources(copy)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def resources(copy: RecordCopy) -> Iterator[Resource]:
    """Return the record's resources."""
    if copy.clinic:
        yield _organization(copy)
    named = {copy.made_by: None} | dict.fromkeys(_named(copy.visits))
    for entity in named:
        yield _practitioner(entity, copy.clinicians.get(entity))
    yield _patient(copy)
    for what in copy.allergies:
        yield _allergy(copy, what)
    for what in copy.medicines:
        yield _medication(copy, what)
    for visit in copy.visits:
        yield _encounter(copy, visit.consultation)
        for note in visit.notes:
            yield from _compositions(copy, visit, note)
        for photo in visit.photos:
            yield _binary(copy, photo)
            yield _document(copy, visit, photo)
    yield _provenance(copy)


def _named(visits: Iterable[CopiedVisit]) -> Iterator[bytes]:
    """Return every clinician that a visit refers to."""
    for visit in visits:
        if _is_id(visit.consultation.clinician):
            yield visit.consultation.clinician
        for copied in visit.notes:
            yield copied.note.author
            if copied.note.is_signed:
                yield copied.note.signer
            yield from (addendum.author for addendum in copied.addenda)


def _is_id(entity: bytes) -> bool:
    """Whether it names somebody: a booking for whoever is free has only zeros."""
    return any(entity)


# ---- who -----------------------------------------------------------------------------------------


def _organization(copy: RecordCopy) -> Resource:
    return {
        "resourceType": "Organization",
        "id": copy.clinic.hex(),
        "active": True,
        "identifier": [{"system": f"{_OURS}clinic", "value": copy.clinic.hex()}],
        "name": copy.clinic_name,
        "telecom": [{"system": "phone", "value": copy.clinic_phone}] if copy.clinic_phone else [],
    }


def _practitioner(entity: bytes, known: Clinician | None) -> Resource:
    resource: Resource = {"resourceType": "Practitioner", "id": entity.hex()}
    if known is not None:
        resource["name"] = [{"text": known.name}]
        resource["qualification"] = [{"code": {"text": known.role}}] if known.role else []
    return resource


def _patient(copy: RecordCopy) -> Resource:
    who = copy.patient
    number = {"system": f"{_OURS}patient-number:{copy.clinic.hex() or 'none'}", "value": who.number}
    said = f"<p>{_lines(who.remarks)}</p>" if _words(who.remarks) else ""
    return {
        "resourceType": "Patient",
        "id": who.entity.hex(),
        "text": {"status": "additional", "div": _div(said)} if said else None,
        "identifier": [number] if who.number else [],
        "name": [{"use": "official", "family": who.family_name, "given": [who.given_name]}]
        if _words(who.name)
        else [],
        "telecom": [{"system": "phone", "value": who.phone}] if who.phone else [],
        "gender": _GENDER[who.sex],
        "birthDate": f"{who.year_of_birth:04d}" if 0 < who.year_of_birth < 10_000 else "",
        "communication": [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}}
            for code in who.languages
        ],
        "managingOrganization": _organization_reference(copy),
    }


def _allergy(copy: RecordCopy, what: str) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    return {
        "resourceType": "AllergyIntolerance",
        "id": _derived(copy, "allergy", what),
        "clinicalStatus": {"coding": [{"system": system, "code": "active"}]},
        "code": {"text": what},
        "patient": _patient_reference(copy),
    }


def _medication(copy: RecordCopy, what: str) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "id": _derived(copy, "medicine", what),
        # That it stands on the list is known; whether it is taken is not.
        "status": "unknown",
        "medicationCodeableConcept": {"text": what},
        "subject": _patient_reference(copy),
    }


# ---- visits --------------------------------------------------------------------------------------


def _encounter(copy: RecordCopy, visit: Consultation) -> Resource:
    programme = {
        "system": f"{_OURS}programme",
        "code": visit.programme.value,
        "display": _PROGRAMME[visit.programme],
    }
    start, end = visit.started_ms, visit.ended_ms
    who = {"individual": _reference("Practitioner", visit.clinician)}
    return {
        "resourceType": "Encounter",
        "id": visit.entity.hex(),
        # The state as the clinic keeps it: FHIR has no word for "did not join".
        "meta": {"tag": [{"system": f"{_OURS}state", "code": visit.state.value}]},
        "status": _ENCOUNTER[visit.state],
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": "VR",
            "display": "virtual",
        },
        "type": [
            {"coding": [programme]},
            {"coding": [{"system": f"{_OURS}way", "code": visit.way.value}]},
        ],
        "subject": _patient_reference(copy),
        "participant": [who] if _is_id(visit.clinician) else [],
        "period": {
            "start": _time(start if start is not None else visit.booked_ms),
            "end": _time(end) if end is not None else "",
        },
        "reasonCode": [{"text": visit.reason}] if visit.reason.strip() else [],
        "serviceProvider": _organization_reference(copy),
    }


def _compositions(copy: RecordCopy, visit: CopiedVisit, copied: CopiedNote) -> Iterator[Resource]:
    note = copied.note
    signed = note.is_signed
    day = _time(note.signed_ms if note.signed_ms is not None else note.changed_ms)
    for number, text in enumerate(copied.texts):
        versions = len(copied.texts)
        beside = f", version {number + 1} of {versions}" if versions > 1 else ""
        code = {"system": f"{_OURS}signature-code", "value": note.signature_code}
        yield _composition(
            copy, visit, note.entity.hex() + (f"-{number + 1}" if number else "")
        ) | {
            "identifier": code if signed and note.signature_code else None,
            "status": "final" if signed else "preliminary",
            "date": day,
            "author": [_reference("Practitioner", note.author)],
            "title": f"Consultation note{beside}",
            "attester": [
                {
                    "mode": "professional",
                    "time": day,
                    "party": _reference("Practitioner", note.signer),
                }
            ]
            if signed
            else [],
            "section": [
                {
                    "title": title,
                    "code": _loinc(code_, title),
                    "text": _narrative(text.section(section)),
                }
                for section, (code_, title) in _SECTION_CODES.items()
                if _words(text.section(section))
            ],
        }
    for number, added in enumerate(copied.addenda):
        yield _composition(copy, visit, f"{note.entity.hex()}-addendum-{number + 1}") | {
            "status": "final" if added.fits else "preliminary",
            "date": _time(added.at_ms),
            "author": [_reference("Practitioner", added.author)],
            "title": "Addendum" if added.fits else "Addendum, its signature does not fit",
            "relatesTo": [
                {"code": "appends", "targetReference": _reference("Composition", note.entity)}
            ],
            "section": [{"title": "Addendum", "text": _narrative(added.text)}]
            if _words(added.text)
            else [],
        }


def _composition(copy: RecordCopy, visit: CopiedVisit, name: str) -> Resource:
    return {
        "resourceType": "Composition",
        "id": name,
        "type": _loinc("11506-3", "Progress note"),
        "subject": _patient_reference(copy),
        "encounter": _reference("Encounter", visit.consultation.entity),
        "custodian": _organization_reference(copy),
    }


# ---- photos --------------------------------------------------------------------------------------


def _binary(copy: RecordCopy, photo: CopiedPhoto) -> Resource:
    return {
        "resourceType": "Binary",
        "id": photo.entity.hex(),
        "contentType": "image/jpeg",
        "securityContext": _patient_reference(copy),
        "data": base64.b64encode(photo.jpeg).decode(),
    }


def _document(copy: RecordCopy, visit: CopiedVisit, photo: CopiedPhoto) -> Resource:
    sha1 = hashlib.sha1(photo.jpeg, usedforsecurity=False).digest()  # R4 wants this one
    return {
        "resourceType": "DocumentReference",
        "id": f"{photo.entity.hex()}-document",
        "status": "current",
        "type": _loinc("72170-4", "Photographic image"),
        "subject": _patient_reference(copy),
        "date": _time(photo.at_ms),
        "custodian": _organization_reference(copy),
        "description": ""
        if photo.whole
        else "Preview only: the photo itself was not on the PC that exported this.",
        "content": [
            {
                "attachment": {
                    "contentType": "image/jpeg",
                    "url": f"Binary/{photo.entity.hex()}",
                    "size": len(photo.jpeg),
                    "hash": base64.b64encode(sha1).decode(),
                    "creation": _time(photo.at_ms),
                }
            }
        ],
        "context": {"encounter": [_reference("Encounter", visit.consultation.entity)]},
    }


def _provenance(copy: RecordCopy) -> Resource:
    return {
        "resourceType": "Provenance",
        "id": f"{copy.patient.entity.hex()}-{copy.made_ms}",
        "target": [_patient_reference(copy)],
        "recorded": _time(copy.made_ms),
        "activity": {"text": "Exported from TeleMed Desk"},
        "agent": [{"who": _reference("Practitioner", copy.made_by)}],
    }


# ---- pieces --------------------------------------------------------------------------------------


def _reference(kind: str, entity: bytes) -> Resource:
    return {"reference": f"{kind}/{entity.hex()}"}


def _patient_reference(copy: RecordCopy) -> Resource:
    return _reference("Patient", copy.patient.entity)


def _organization_reference(copy: RecordCopy) -> Resource | None:
    return _reference("Organization", copy.clinic) if copy.clinic else None


def _loinc(code: str, display: str) -> Resource:
    return {"coding": [{"system": _LOINC, "code": code, "display": display}], "text": display}


def _derived(copy: RecordCopy, kind: str, words: str) -> str:
    """Name what has no id of its own, the same in each export."""
    digest = hashlib.sha256(copy.patient.entity + words.encode()).hexdigest()
    return f"{kind}-{digest[:32]}"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")


def _narrative(text: str) -> Resource:
    return {"status": "generated", "div": _div(f"<p>{_lines(text)}</p>")}


def _div(inside: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


def _lines(text: str) -> str:
    return "<br/>".join(html.escape(line) for line in _words(text).splitlines())


def _words(text: str) -> str:
    """Return a text without what neither FHIR's strings nor XHTML may hold; empty if that is all."""
    kept = "".join(
        c
        for c in text
        if c in "\n\r\t" or not (unicodedata.category(c) in {"Cc", "Cs"} or c in "\ufffe\uffff")
    )
    return kept if kept.strip() else ""


def _bare(value: Any) -> Any:
    """Leave out what is empty: FHIR allows no empty string, list or object."""
    if isinstance(value, dict):
        kept = {name: _bare(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [inner for inner in map(_bare, value) if inner not in (None, "", [], {})]
    return _words(value) if isinstance(value, str) else value
