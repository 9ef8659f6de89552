"""A fictional clinic for practice mode: nobody here exists."""

from telemed_desk.clinical.people import Programme, Sex
from telemed_desk.vault import OpDraft
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from telemed_protocol.ids import new_id

CLINIC_NAME = "Mto Mawe Referral Hospital"
CLINIC_PHONE = "+254 700 000 100"
CLINICIAN = "Dr Achieng Odera"
CLINICIAN_ROLE = "Palliative care"
CLINICIAN_PLACE = "Room 4"
PASSPHRASE = "practice makes calm hands"  # noqa: S105 - printed on the practice screen on purpose

_PEOPLE: tuple[tuple[str, str, str, int, Sex, str, str, str], ...] = (
    (
        "Nyambura",
        "Mfano",
        "TD-004127",
        1959,
        Sex.FEMALE,
        "Kikuyu",
        "daughter Wairimu joins too",
        "penicillin (rash)",
    ),
    ("Barasa", "Mfano", "TD-002260", 1968, Sex.MALE, "English", "", ""),
    ("Chebet", "Jaribio", "TD-004480", 1997, Sex.FEMALE, "English", "prefers own camera off", ""),
    ("Halima", "Kielelezo", "TD-003918", 1985, Sex.FEMALE, "Swahili", "", ""),
    ("Kamau", "Kielelezo", "TD-004502", 1990, Sex.MALE, "English", "first visit", ""),
    ("Otieno", "Jaribio", "TD-003377", 1974, Sex.MALE, "Swahili", "", ""),
    ("Auma", "Mfano", "TD-001954", 1981, Sex.FEMALE, "English", "", ""),
    ("Mutiso", "Kielelezo", "TD-002801", 1951, Sex.MALE, "Swahili", "", "sulfa (hives)"),
    ("Naliaka", "Jaribio", "TD-004033", 1963, Sex.FEMALE, "English", "", ""),
    ("Wekesa", "Mfano", "TD-003605", 2001, Sex.MALE, "English", "", ""),
    ("Rehema", "Kielelezo", "TD-002119", 1948, Sex.FEMALE, "Swahili", "nurse at bedside", ""),
    ("Mumbi", "Jaribio", "TD-001702", 1956, Sex.FEMALE, "Swahili", "", ""),
)
# minutes from now, patient's place above, programme, minutes long, reason
_BOOKINGS: tuple[tuple[int, int, Programme, int, str], ...] = (
    (0, 0, Programme.PALLIATIVE_CARE, 20, "Pain and sleep after the dose change"),
    (20, 1, Programme.HOME_BASED_CARE, 20, "Wound review at home"),
    (40, 2, Programme.MENTAL_HEALTH, 30, "PHQ-9 review, week 4"),
    (60, 3, Programme.ONCOLOGY_PLANNING, 20, "Before cycle 3"),
    (80, 4, Programme.ROUTINE_CHECK_UP, 20, "First visit"),
    (100, 5, Programme.DERMATOLOGY, 20, "Sole lesion, biopsy planning"),
    (130, 6, Programme.ONCOLOGY_PLANNING, 20, "Cycle 4 planning"),
    (160, 7, Programme.HOME_BASED_CARE, 15, "Wound and pressure area review"),
    (190, 8, Programme.SPECIALIST_CONSULT, 30, "Cardiology opinion"),
    (250, 9, Programme.MENTAL_HEALTH, 30, "PHQ-9 review, week 6"),
    (290, 10, Programme.PALLIATIVE_CARE, 30, "Breathlessness plan"),
    (330, 11, Programme.HOME_BASED_CARE, 20, "Stroke rehabilitation, exercises review"),
)


def practice_ops(clinic: bytes, clinician: bytes, device: bytes, now_ms: int) -> list[OpDraft]:
    """Return what a fresh practice vault starts with: a clinic, twelve patients, a day of visits."""
    drafts = [
        OpDraft("clinic.set", clinic, {"name": CLINIC_NAME, "phone": CLINIC_PHONE}),
        OpDraft(
            "clinician.set",
            clinician,
            {
                "name": CLINICIAN,
                "role": CLINICIAN_ROLE,
                "place": CLINICIAN_PLACE,
                "languages": ["English", "Swahili"],
            },
        ),
        OpDraft("device.set", device, {"label": "Practice PC"}),
    ]
    ids = [bytes(new_id()) for _ in _PEOPLE]
    for entity, (number, person) in zip(ids, enumerate(_PEOPLE, 101), strict=True):
        given, family, record, born, sex, language, remarks, allergy = person
        drafts.append(
            OpDraft(
                "patient.set",
                entity,
                {
                    "given_name": given,
                    "family_name": family,
                    "number": record,
                    "year_of_birth": born,
                    "sex": sex.value,
                    "phone": f"+254 700 000 {number}",
                    "languages": [language],
                    "remarks": remarks,
                    "allergies": [allergy] if allergy else [],
                },
            )
        )
    drafts += practice_bookings(ids, clinician, now_ms)
    return drafts


def practice_bookings(patients: list[bytes], clinician: bytes, now_ms: int) -> list[OpDraft]:
    """Return today's bookings, the first of them now; late in the evening they stand closer together."""
    start_ms = now_ms - now_ms % 300_000
    left_min = (start_of_day_ms(now_ms) + DAY_MS - start_ms) // 60_000 - 1
    closer = min(1.0, left_min / _BOOKINGS[-1][0])
    return [
        OpDraft(
            "consult.book",
            bytes(new_id()),
            {
                "patient": patients[place],
                "programme": programme.value,
                "way": "video",
                "booked_ms": start_ms + int(offset * closer * 60_000),
                "minutes": minutes,
                "clinician": clinician,
                "reason": reason,
            },
        )
        for offset, place, programme, minutes, reason in _BOOKINGS
    ]
