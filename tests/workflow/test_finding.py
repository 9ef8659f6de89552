"""Search and records over a real vault: what is found, which words are marked, what is read."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft
from telemed_desk.vault.problems import VaultLocked
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.finding import (
    EXCERPT_LENGTH,
    Finding,
    Record,
    SearchResult,
    excerpt_of,
    matched,
    read_record,
    search,
)
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Place, booking, make_place, patient_set

LONG_S = 60.0
PATIENT, VISIT, EARLIER, NOTE = (new_id() for _ in range(4))


def revise(place: Place, note: bytes, consultation: bytes, text: NoteText) -> OpDraft:
    place.clock.now_ms += 60_000
    return OpDraft(
        "note.revise",
        note,
        {
            "consultation": consultation,
            "S": text.subjective,
            "O": text.objective,
            "A": text.assessment,
            "P": text.plan,
            "at_ms": place.clock.now_ms,
        },
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    vault = made.vault
    vault.commit(
        patient_set(
            PATIENT, given_name="Łucja", family_name="Kielelezo", number="TD-004127",
            phone="+254 700 000 127", remarks="hard of hearing",
        )
    ).result()  # fmt: skip
    vault.commit(booking(VISIT, PATIENT, 2_000)).result()
    vault.commit(booking(EARLIER, PATIENT, 1_000)).result()
    text = NoteText(subjective="Sleeps well.", plan="Bisacodyl 10 mg at night.")
    vault.commit(revise(made, NOTE, VISIT, text)).result()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("lucj", ["Łucja"]),
        ("kiel luc", ["Łucja", "Kielelezo"]),
        ("elezo", []),
        ("l", []),
        ("a", ["a"]),
        ("td-0041", ["TD", "004127"]),
        ("", []),
        ('"', []),
    ],
)
def test_the_words_that_are_marked_are_those_the_index_goes_by(
    typed: str, words: list[str]
) -> None:
    text = "Łucja Kielelezo, TD-004127, a patient"
    assert [text[start:end] for start, end in matched(text, typed)] == words


def test_an_excerpt_is_one_short_line_round_the_word() -> None:
    long = "It began\nin March. " + "word " * 60 + "then a Łuszczyca flared " + "more " * 60
    piece = excerpt_of(["nothing here", long], "luszcz")
    assert "Łuszczyca" in piece
    assert piece.startswith("… ")
    assert piece.endswith(" …")
    assert len(piece) <= EXCERPT_LENGTH + 4
    assert "\n" not in excerpt_of([long], "march")
    assert excerpt_of([long], "absent") == ""
    # A mark of its own, as some keyboards write it.
    assert "né" in excerpt_of(["ne\u0301"], "ne")


def test_a_name_a_number_and_a_word_of_the_note_are_found(place: Place) -> None:
    by_name = search(place.vault, "lucja")
    assert [f.kind for f in by_name.found] == ["patient"]
    by_number = search(place.vault, "TD-0041")
    assert by_number.found[0].patient == place.vault.patient(PATIENT)
    by_word = search(place.vault, "bisac")
    (found,) = by_word.found
    assert (found.kind, found.excerpt) == ("note", "Bisacodyl 10 mg at night.")
    assert found.consultation is not None
    assert found.consultation.entity == VISIT
    assert search(place.vault, "absent") == SearchResult()
    assert search(place.vault, "???") == SearchResult()


def test_reason_and_note_of_one_visit_are_one_line(place: Place) -> None:
    place.vault.commit(revise(place, NOTE, VISIT, NoteText(plan="The rash is gone."))).result()
    found = search(place.vault, "rash").found
    entities = [f.consultation.entity for f in found if f.consultation]
    assert sorted(entities) == sorted({VISIT, EARLIER})
    assert found[0].kind == "note"


def test_more_than_a_page_is_said(place: Place) -> None:
    for n in range(21):
        place.vault.commit(patient_set(new_id(), given_name="Many", number=str(n))).result()
    result = search(place.vault, "many")
    assert (len(result.found), result.more) == (20, True)


def test_a_record_has_the_visits_newest_first_with_their_notes(place: Place) -> None:
    record = read_record(place.vault, PATIENT)
    assert record.patient == place.vault.patient(PATIENT)
    assert [v.consultation.entity for v in record.visits] == [VISIT, EARLIER]
    assert [len(v.notes) for v in record.visits] == [1, 0]
    assert record.visits[0].texts[0].text.plan == "Bisacodyl 10 mg at night."
    nobody = read_record(place.vault, new_id())
    assert (nobody.patient, nobody.visits) == (None, ())


def test_a_vault_that_locks_meanwhile_is_an_answer_and_no_crash(place: Place) -> None:
    bugs: list[BaseException] = []
    core = CoreThread(lambda call: call(), bugs.append)
    core.start()
    finding = Finding(core, place.vault)
    results: queue.Queue[SearchResult] = queue.Queue()
    records: queue.Queue[Record] = queue.Queue()
    finding.search("bisac", results.put)
    assert len(results.get(timeout=LONG_S).found) == 1
    finding.record(PATIENT, records.put)
    assert len(records.get(timeout=LONG_S).visits) == 2
    place.vault.lock()
    finding.search("bisac", results.put)
    assert isinstance(results.get(timeout=LONG_S).problem, VaultLocked)
    finding.record(PATIENT, records.put)
    assert isinstance(records.get(timeout=LONG_S).problem, VaultLocked)
    core.stop()
    assert bugs == []
