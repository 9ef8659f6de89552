"""Fictional people and days for the gallery: every name is invented."""

from dataclasses import replace
from datetime import datetime

from telemed_desk.clinical.consultations import Consultation, ConsultationState, Way
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.people import Patient, Programme, Sex
from telemed_desk.clinical.queue import Waiting
from telemed_desk.ui.screens.today.presenter import Booked

DAY = datetime(2026, 11, 23, 9, 24).astimezone()
NOW_MS = int(DAY.timestamp() * 1000)
MINUTE_MS = 60_000


def at(clock: str) -> int:
    """Return a time of the day as Unix milliseconds."""
    hour, minute = clock.split(":")
    return int(DAY.replace(hour=int(hour), minute=int(minute)).timestamp() * 1000)


def patient(
    number: int, name: str, year: int, sex: Sex, language: str, *, remarks: str = ""
) -> Patient:
    """Return an invented patient."""
    given, family = name.split()
    return Patient(
        entity=number.to_bytes(16, "big"),
        given_name=given,
        family_name=family,
        number=f"TD-{number:06d}",
        year_of_birth=year,
        sex=sex,
        phone="+254 700 000 412",
        languages=(language,),
        remarks=remarks,
        allergies=("penicillin (rash)",) if number == 4127 else (),
    )


P = Programme
PEOPLE = {
    "halima": patient(3918, "Halima Kielelezo", 1985, Sex.FEMALE, "sw"),
    "barasa": patient(2260, "Barasa Mfano", 1968, Sex.MALE, "en"),
    "chebet": patient(
        4480, "Chebet Jaribio", 1997, Sex.FEMALE, "en", remarks="prefers own camera off"
    ),
    "nyambura": patient(
        4127, "Nyambura Mfano", 1959, Sex.FEMALE, "ki", remarks="daughter Wairimu joins too"
    ),
    "kamau": patient(4502, "Kamau Kielelezo", 1990, Sex.MALE, "en", remarks="first visit"),
}


def visit(
    number: int,
    who: Patient,
    programme: Programme,
    clock: str,
    minutes: int = 20,
    *,
    state: ConsultationState = ConsultationState.BOOKED,
    reason: str = "",
    way: Way = Way.VIDEO,
) -> Consultation:
    """Return an invented consultation."""
    return Consultation(
        entity=(9000 + number).to_bytes(16, "big"),
        patient=who.entity,
        programme=programme,
        way=way,
        state=state,
        booked_ms=at(clock),
        minutes=minutes,
        clinician=b"c" * 16,
        reason=reason,
    )


def waiting() -> tuple[Waiting, ...]:
    """Return a full waiting room."""
    rows = (
        ("halima", P.ONCOLOGY_PLANNING, "09:20", "09:18", Rung.VIDEO),
        ("barasa", P.HOME_BASED_CARE, "09:10", "09:05", Rung.AUDIO_PHOTOS),
        ("chebet", P.MENTAL_HEALTH, "09:20", "09:13", Rung.HD_VIDEO),
        ("nyambura", P.PALLIATIVE_CARE, "09:40", "09:20", Rung.LOW_VIDEO),
        ("kamau", P.ROUTINE_CHECK_UP, "10:00", "09:23", None),
    )
    room = [
        Waiting(
            seat=name,
            consultation=visit(index, PEOPLE[name], programme, booked),
            patient=PEOPLE[name],
            arrived_ms=at(arrived),
            present=True,
            rung=rung,
            identity_ok=True,
            consent_care=True,
            consent_photos=True,
        )
        for index, (name, programme, booked, arrived, rung) in enumerate(rows)
    ]
    reason = (
        "Chemotherapy day 9, temperature 38.6 at home since 07:00. Flagged by nurse Mercy Wambui."
    )
    room[0] = replace(room[0], urgent_reason=reason)
    return tuple(room)


def booked() -> tuple[Booked, ...]:
    """Return the day's bookings, those who wait among them."""
    rows = (
        ("Juma Mfano", P.PALLIATIVE_CARE, "08:20", 30, "Pain review", "missed"),
        ("Leila Kielelezo", P.ROUTINE_CHECK_UP, "08:00", 20, "Check-up", "signed"),
        ("Otieno Jaribio", P.DERMATOLOGY, "10:20", 20, "Sole lesion, biopsy planning", ""),
        ("Auma Mfano", P.ONCOLOGY_PLANNING, "10:40", 20, "Cycle 4 planning", ""),
        ("Mutiso Kielelezo", P.HOME_BASED_CARE, "11:00", 15, "Wound and pressure area review", ""),
        ("Naliaka Jaribio", P.SPECIALIST_CONSULT, "11:30", 30, "Cardiology opinion", ""),
        ("Wekesa Mfano", P.MENTAL_HEALTH, "14:00", 30, "PHQ-9 review, week 6", ""),
        ("Rehema Kielelezo", P.PALLIATIVE_CARE, "14:45", 30, "Breathlessness plan", ""),
        ("Mumbi Jaribio", P.HOME_BASED_CARE, "15:00", 20, "Stroke rehabilitation", ""),
        ("Karanja Jaribio", P.ONCOLOGY_PLANNING, "08:50", 20, "Cycle 2", "writing"),
    )
    states = {
        "missed": ConsultationState.NOT_JOINED,
        "signed": ConsultationState.SIGNED,
        "writing": ConsultationState.WRITING,
        "": ConsultationState.BOOKED,
    }
    day = [Booked(w.consultation, w.patient) for w in waiting()]
    for index, (name, programme, clock, minutes, reason, state) in enumerate(rows):
        who = patient(5000 + index, name, 1970 + index, Sex.FEMALE, "sw")
        way = Way.PHONE if name.startswith("Mutiso") else Way.VIDEO
        day.append(
            Booked(
                visit(
                    100 + index,
                    who,
                    programme,
                    clock,
                    minutes,
                    state=states[state],
                    reason=reason,
                    way=way,
                ),
                who,
            )
        )
    return tuple(day)
