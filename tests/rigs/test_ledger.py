"""Counts add up over runs, belong to one version of the code, and a failure stays."""

from pathlib import Path

from tests.rigs.ledger import Ledger, Outcome, as_table, fingerprint


def test_a_run_is_taken_up_where_it_was_stopped(tmp_path: Path) -> None:
    path, played = tmp_path / "rigs.json", list[str]()

    def play(block: str) -> Outcome:
        played.append(block)
        return Outcome({"disks": 10}, ["lost"] if block == "1" else [])

    def enough(many: int) -> Ledger:
        ledger = Ledger(path, "this", lambda: 0.0)
        ledger.run("power", "012345", play, lambda page: page.counts.get("disks", 0) >= many)
        return ledger

    enough(20)
    ledger = enough(40)
    assert played == ["0", "1", "2", "3"]
    page = ledger.page("power")
    assert (page.counts, page.wrong) == ({"disks": 40}, ["lost"])
    assert "| power | 40 disks | 1 |" in as_table(ledger.pages)
    assert Ledger(path, "another", lambda: 0.0).pages == {}


def test_the_code_under_test_has_a_name() -> None:
    assert len(fingerprint()) == 16
    assert fingerprint() == fingerprint()
