from pathlib import Path

import pytest

from telemed_desk.workflow.place import PLACE_FILE, PlaceMemory, recall, remember


def test_what_was_remembered_is_recalled(tmp_path: Path) -> None:
    memory = PlaceMemory("https://clinic.example", 3, 4600)
    remember(tmp_path, memory)
    assert recall(tmp_path) == memory


def test_a_desk_that_did_not_close_in_order_claims_nothing(tmp_path: Path) -> None:
    remember(tmp_path, PlaceMemory("https://clinic.example", 0))
    remember(tmp_path, PlaceMemory("https://clinic.example"))
    assert recall(tmp_path).waiting is None
    assert recall(tmp_path).server_url == "https://clinic.example"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"server_url": 3, "waiting": 0, "waiting_bytes": 0}', "\x00\xff"]
)
def test_an_odd_file_is_unknown_and_no_error(tmp_path: Path, text: str) -> None:
    (tmp_path / PLACE_FILE).write_text(text)
    assert recall(tmp_path).waiting is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    remember(tmp_path / "missing", PlaceMemory("https://clinic.example"))
    assert recall(tmp_path / "missing") == PlaceMemory()
