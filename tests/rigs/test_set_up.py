"""The rigs' desk belongs to a clinic before it exchanges anything, as every desk does."""

import random
from pathlib import Path

import pytest

from telemed_desk.sync.membership import verified_chain
from tests.rigs.doctors_work import CLINIC, ELSEWHERE, EPOCH_KEY, Said, Work, open_at
from tests.rigs.power import look_at_second_copy, make_base
from tests.vault.vault_kit import make_place


def test_the_base_is_enrolled_and_knows_whom_it_will_hear_from(memory: Path) -> None:
    make_base(memory / "vault")
    vault = open_at(memory / "vault", Said())
    try:
        chain = verified_chain(vault.member_records())
        assert (vault.clinic, vault.epoch_key(0)) == (CLINIC, EPOCH_KEY)
        assert set(chain.members) == {vault.identity.device, ELSEWHERE.device}
        assert vault.cursor().sseq == 0
        assert [vault.lane_head(lane).n for lane in range(5)] == [0] * 5
    finally:
        vault.lock()


def test_a_vault_of_no_clinic_is_no_place_to_work_in(memory: Path) -> None:
    make_place(memory / "vault").close()
    work = Work(memory / "vault", random.Random(1))
    with pytest.raises(RuntimeError, match="enrol"):
        work.step()


@pytest.mark.parametrize("exchange", ["_do_pull", "_do_receipt"])
def test_the_first_exchange_is_known_of_when_the_database_is_destroyed(
    memory: Path, exchange: str
) -> None:
    """All is sent and there is no backup: only what the journal says of the clinic is left."""
    folder = memory / "vault"
    make_base(folder)
    work = Work(folder, random.Random(1))
    vault = work.open()
    for action in ("_do_type", "_do_roll", "_do_seal", exchange, "_do_receipt"):
        getattr(work, action)(vault)
    while vault.pending_batches(8000) or vault.unacknowledged():
        work._do_seal(vault)
        work._do_receipt(vault)
    work.close()
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert not any("backups" in name for name in files)
    assert look_at_second_copy(files, folder, work.said) == []
