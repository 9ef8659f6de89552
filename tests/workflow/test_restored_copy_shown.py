"""What the screens read of a vault that was restored from a copy."""

from pathlib import Path

from telemed_desk.ui.screens.sync.presenter import State, SyncPresenter
from telemed_desk.ui.shell.state import Person, status_state
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.problems import RestoredCopy
from telemed_desk.vault.restoring import restore
from telemed_desk.workflow.day import read_records
from telemed_desk.workflow.status import DeskStatus, StatusModel
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import make_place, patient_set


class Nobody:
    def sync_now(self) -> None:
        raise AssertionError

    def pause_sync(self, *, paused: bool) -> None:
        raise AssertionError(paused)

    def add_desk(self, done: object) -> None:
        raise AssertionError(done)


def test_a_restored_vault_needs_help_on_every_screen_that_speaks_of_sync(tmp_path: Path) -> None:
    place = make_place(tmp_path / "vault")
    try:
        place.vault.commit(patient_set(new_id(), remarks="not sent yet")).result()
        assert read_records(place.vault, 0).held is None
        backup = place.vault.back_up()
        master = MasterKey(place.vault._master.reveal())
        place.vault.lock()
        restore(place.directory.path, backup.path, master, place.clock, lambda *_: None)
        records = read_records(place.unlock(), 0)
        assert isinstance(records.held, RestoredCopy)
        seen: list[DeskStatus] = []
        model = StatusModel(seen.append, lambda: 0)
        model.outbox(records.waiting, records.waiting_bytes, records.held)
        states: list[State] = []
        sync = SyncPresenter(Nobody(), lambda: 0, states.append)
        sync.status(seen[-1])
        sync.items(records.sync_items)
        assert {row.state for row in sync.state.rows} == {"Needs help"}
        assert sync.state.problem_words == RestoredCopy.next_step
        assert status_state(seen[-1], Person(), 0).sync_help
    finally:
        place.close()
