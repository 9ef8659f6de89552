"""The exported record against the rules of FHIR R4: shapes, cardinalities, codes, references."""

import base64
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.consultations import Consultation, ConsultationState, Way
from telemed_desk.clinical.fhir import to_ndjson
from telemed_desk.clinical.notes import Note, NoteText
from telemed_desk.clinical.people import Clinician, Patient, Programme, Sex
from telemed_desk.clinical.record_copy import (
    CopiedAddendum,
    CopiedNote,
    CopiedPhoto,
    CopiedVisit,
    RecordCopy,
)

AT = 1_790_000_000_000
DOCTOR, OTHER, CLINIC = b"d" * 16, b"o" * 16, b"k" * 16
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_URI = re.compile(r"(https?://|urn:)\S+")
_PROTOCOL = {"resourceType", "id", "meta", "text"}

# From the R4 definitions (hl7.org/fhir/R4/<kind>.html): what must be there, what may be, and codes.
RULES: dict[str, tuple[set[str], set[str], dict[str, set[str]]]] = {
    "Organization": (set(), {"identifier", "active", "name", "telecom"}, {}),
    "Practitioner": (set(), {"name", "qualification"}, {}),
    "Patient": (
        set(),
        {
            "identifier", "name", "telecom", "gender", "birthDate", "communication",
            "managingOrganization",
        },
        {"gender": {"male", "female", "other", "unknown"}},
    ),
    "AllergyIntolerance": ({"patient"}, {"clinicalStatus", "code"}, {}),
    "MedicationStatement": (
        {"status", "medicationCodeableConcept", "subject"},
        set(),
        {
            "status": {
                "active", "completed", "entered-in-error", "intended", "stopped", "on-hold",
                "unknown", "not-taken",
            }
        },
    ),
    "Encounter": (
        {"status", "class"},
        {"type", "subject", "participant", "period", "reasonCode", "serviceProvider"},
        {
            "status": {
                "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
                "entered-in-error", "unknown",
            }
        },
    ),
    "Composition": (
        {"status", "type", "date", "author", "title"},
        {"identifier", "subject", "encounter", "attester", "custodian", "relatesTo", "section"},
        {"status": {"preliminary", "final", "amended", "entered-in-error"}},
    ),
    "Binary": ({"contentType"}, {"securityContext", "data"}, {}),
    "DocumentReference": (
        {"status", "content"},
        {"type", "subject", "date", "custodian", "description", "context"},
        {"status": {"current", "superseded", "entered-in-error"}},
    ),
    "Provenance": ({"target", "recorded", "agent"}, {"activity"}, {}),
}  # fmt: skip
_LISTS = {
    "identifier", "name", "telecom", "qualification", "communication", "type", "participant",
    "reasonCode", "author", "attester", "relatesTo", "section", "content", "target", "agent",
    "coding", "given", "tag", "encounter",
}  # fmt: skip
_ONE = {
    "Composition": {"identifier", "type", "encounter"},
    "DocumentReference": {"type"},
    "Organization": {"name"},
}


def check(resource: dict[str, Any]) -> None:
    """Hold one resource against the rules."""
    kind = resource["resourceType"]
    needed, allowed, codes = RULES[kind]
    fields = set(resource) - _PROTOCOL
    assert needed <= fields, (kind, needed - fields)
    assert fields <= needed | allowed, (kind, fields - needed - allowed)
    assert _ID.fullmatch(resource["id"])
    for name, known in codes.items():
        assert resource.get(name) in known | {None}, (kind, name)
    for name in fields & _LISTS:
        assert isinstance(resource[name], list) is (name not in _ONE.get(kind, set())), (kind, name)
    walk(resource)
    if kind == "Organization":
        assert "name" in resource or "identifier" in resource  # org-1
    if kind == "AllergyIntolerance":
        assert resource["clinicalStatus"]["coding"][0]["code"] == "active"  # ait-1
    if kind == "Composition":
        for section in resource.get("section", ()):
            assert "text" in section  # cmp-1
        for attester in resource.get("attester", ()):
            assert attester["mode"] in {"personal", "professional", "legal", "official"}
    if kind == "Binary":
        base64.b64decode(resource["data"], validate=True)


def walk(value: Any, name: str = "") -> None:
    """Hold every value inside against the rules of data types."""
    if isinstance(value, dict):
        assert value, name
        if "div" in value:
            assert value["status"] in {"generated", "extensions", "additional", "empty"}
            root = ET.fromstring(value["div"])
            assert root.tag == "{http://www.w3.org/1999/xhtml}div"
            assert "".join(root.itertext()).strip()  # txt-2
        for inner_name, inner in value.items():
            walk(inner, inner_name)
    elif isinstance(value, list):
        assert value, name
        for inner in value:
            assert inner is not None
            walk(inner, name)
    elif isinstance(value, str):
        assert value.strip(), name
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", value)
        if name in {"start", "end", "date", "time", "recorded", "creation"}:
            assert _DATE_TIME.fullmatch(value), (name, value)
        if name == "system" and value not in {"phone", "email"}:
            assert _URI.fullmatch(value)
        if name == "birthDate":
            assert re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", value)
    else:
        assert isinstance(value, int | bool), (name, value)


def references(value: Any) -> set[str]:
    """Return what is referred to anywhere inside."""
    if isinstance(value, dict):
        found = {value["reference"]} if "reference" in value else set()
        found |= {value["url"]} if "url" in value else set()
        return found.union(*(references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(references(inner) for inner in value))
    return set()


def checked(copy: RecordCopy) -> list[dict[str, Any]]:
    """Return the resources, after holding all of them against the rules."""
    lines = to_ndjson(copy).decode().splitlines()
    found = [json.loads(line) for line in lines]
    named: set[str] = set()
    for resource in found:
        check(resource)
        inside = references(resource)
        assert inside <= named, inside - named  # each after those that it refers to
        name = f"{resource['resourceType']}/{resource['id']}"
        assert name not in named
        named.add(name)
    return found


def consultation(entity: bytes = b"v" * 16, **fields: Any) -> Consultation:
    known = Consultation(
        entity, b"p" * 16, Programme.DERMATOLOGY, Way.VIDEO, ConsultationState.SIGNED, AT, 20,
        DOCTOR, "rash", started_ms=AT + 1, ended_ms=AT + 2,
    )  # fmt: skip
    return replace(known, **fields)


def record(*visits: CopiedVisit, **fields: Any) -> RecordCopy:
    patient = Patient(
        b"p" * 16,
        "Jua",
        "Mfano",
        "TD-7",
        1961,
        Sex.FEMALE,
        "+254 700 000 123",
        ("sw",),
        "deaf <left>",
    )
    known = RecordCopy(
        patient, ("penicillin", "latex"), ("metformin 500 mg",), visits,
        {DOCTOR: Clinician(DOCTOR, "Dr Asha Mfano", "CO")}, CLINIC, "Kielelezo", "+254 700 000 001",
        AT, DOCTOR,
    )  # fmt: skip
    return replace(known, **fields)


def signed(text: NoteText, *addenda: CopiedAddendum) -> CopiedNote:
    note = Note(b"n" * 16, b"v" * 16, text, 1, DOCTOR, AT, AT + 3, DOCTOR, "4F2A")
    return CopiedNote(note, (text,), addenda)


def of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in found if resource["resourceType"] == kind]


def test_a_full_record_keeps_every_rule() -> None:
    photo = CopiedPhoto(b"f" * 16, AT, b"\xff\xd8jpeg")
    note = signed(
        NoteText("itches\nat night", "red", "", "cream"), CopiedAddendum(OTHER, AT, "gone")
    )
    found = checked(record(CopiedVisit(consultation(), (note,), (photo,))))
    (patient,) = of_kind(found, "Patient")
    assert patient["birthDate"] == "1961"
    assert patient["text"]["div"].count("&lt;left&gt;") == 1
    main, added = of_kind(found, "Composition")
    assert (main["status"], main["identifier"]["value"]) == ("final", "4F2A")
    assert [s["code"]["coding"][0]["code"] for s in main["section"]] == [
        "61150-9", "61149-1", "18776-5",
    ]  # fmt: skip
    assert "itches<br/>at night" in main["section"][0]["text"]["div"]
    assert added["relatesTo"][0]["targetReference"]["reference"] == f"Composition/{main['id']}"
    # A clinician whom this PC does not know is still somebody.
    assert {p["id"]: p.get("name") for p in of_kind(found, "Practitioner")} == {
        DOCTOR.hex(): [{"text": "Dr Asha Mfano"}],
        OTHER.hex(): None,
    }
    (binary,) = of_kind(found, "Binary")
    assert base64.b64decode(binary["data"]) == photo.jpeg
    assert len(of_kind(found, "AllergyIntolerance")) == 2


def test_an_addendum_whose_signature_does_not_fit_is_there_and_says_so() -> None:
    note = signed(NoteText("itches"), CopiedAddendum(DOCTOR, AT, "gone", fits=False))
    _, added = of_kind(checked(record(CopiedVisit(consultation(), (note,)))), "Composition")
    assert (added["status"], added["title"]) == (
        "preliminary", "Addendum, its signature does not fit",
    )  # fmt: skip


def test_versions_that_wait_for_a_choice_are_all_there_and_none_is_final() -> None:
    note = Note(b"n" * 16, b"v" * 16, NoteText("250 mg"), 2, DOCTOR, AT, leaves=2)
    visit = CopiedVisit(
        consultation(), (CopiedNote(note, (NoteText("500 mg"), NoteText("125 mg"))),)
    )
    found = of_kind(checked(record(visit)), "Composition")
    assert [(c["status"], c["title"]) for c in found] == [
        ("preliminary", "Consultation note, version 1 of 2"),
        ("preliminary", "Consultation note, version 2 of 2"),
    ]


@pytest.mark.parametrize("state", list(ConsultationState))
def test_every_state_and_every_way_has_its_words(state: ConsultationState) -> None:
    for way in Way:
        visit = consultation(state=state, way=way, started_ms=None, ended_ms=None, reason="")
        (found,) = of_kind(checked(record(CopiedVisit(visit))), "Encounter")
        assert found["meta"]["tag"][0]["code"] == state.value


def test_a_record_with_nothing_in_it_is_still_valid() -> None:
    nobody = Patient(b"p" * 16, "", "", "", 0)
    bare = record(patient=nobody, allergies=(), medicines=(), clinic=b"", clinic_name="")
    found = checked(replace(bare, clinicians={}))
    assert [resource["resourceType"] for resource in found] == [
        "Practitioner", "Patient", "Provenance",
    ]  # fmt: skip
    assert of_kind(found, "Patient")[0] == {
        "resourceType": "Patient", "id": nobody.entity.hex(), "gender": "unknown",
    }  # fmt: skip


def test_a_second_export_names_the_same_things_alike() -> None:
    first, second = checked(record()), checked(record(made_ms=AT + 9))
    assert first[:-1] == second[:-1]


@given(st.text(), st.text(), st.text(max_size=40))
def test_whatever_was_typed_the_rules_hold(said: str, plan: str, allergy: str) -> None:
    allergies = (allergy,) if allergy.strip() else ()
    visit = CopiedVisit(consultation(reason=said), (signed(NoteText(said, plan=plan)),))
    copy = record(visit, allergies=allergies)
    checked(replace(copy, patient=replace(copy.patient, remarks=said, given_name=plan)))
