from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.consultations import (
    ALLOWED,
    Consultation,
    ConsultationState,
    Way,
    may_become,
)
from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.clinical.people import Clinician, Patient, Programme
from telemed_desk.clinical.queue import Waiting, in_order

texts = st.builds(NoteText, st.text(), st.text(), st.text(), st.text())


def waiting(seat: str, booked_ms: int, *, arrived_ms: int = 0, urgent: str = "") -> Waiting:
    visit = Consultation(
        b"c", b"p", Programme.DERMATOLOGY, Way.VIDEO, ConsultationState.WAITING, booked_ms, 20, b""
    )
    patient = Patient(b"p", "Otieno", "Jaribio", "TD-1", 1974)
    return Waiting(seat, visit, patient, arrived_ms, present=True, urgent_reason=urgent)


@given(texts, texts)
def test_two_notes_sign_alike_only_if_every_section_is_alike(a: NoteText, b: NoteText) -> None:
    assert (a.sha256() == b.sha256()) == (a == b)


def test_text_moved_between_sections_signs_differently() -> None:
    assert NoteText("ab", "").sha256() != NoteText("a", "b").sha256()


@given(texts, st.sampled_from(Section), st.text())
def test_replacing_a_section_leaves_the_others(
    note: NoteText, section: Section, words: str
) -> None:
    changed = note.with_section(section, words)
    assert changed.section(section) == words
    assert all(changed.section(s) == note.section(s) for s in Section if s is not section)


def test_a_signed_consultation_never_changes_state() -> None:
    assert not any(
        may_become(ConsultationState.SIGNED, then)
        for then in ConsultationState
        if then is not ConsultationState.SIGNED
    )


def test_every_state_says_what_may_follow() -> None:
    assert set(ALLOWED) == set(ConsultationState)


def test_urgent_comes_first_then_the_booked_time() -> None:
    late, early = waiting("late", 900), waiting("early", 100)
    urgent = waiting("urgent", 999, urgent="fever")
    assert [w.seat for w in in_order([late, urgent, early])] == ["urgent", "early", "late"]


def test_waiting_time_counts_whole_minutes_and_never_backwards() -> None:
    assert waiting("a", 0, arrived_ms=60_000).minutes_waited(179_999) == 1
    assert waiting("a", 0, arrived_ms=60_000).minutes_waited(0) == 0


def test_initials_leave_titles_out() -> None:
    assert Clinician(b"", "Dr Achieng Odera").initials == "AO"
    assert Patient(b"", "Nyambura", "Mfano", "", 1959).initials == "NM"
