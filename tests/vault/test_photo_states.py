"""Where a photo is: exactly one word at every step, whichever half of it travels first."""

import itertools

import pytest

from telemed_desk.vault import SyncState, Vault
from telemed_desk.vault.payloads import read_payload
from telemed_protocol.ids import new_id
from tests.vault.test_vault_segments import seal, seal_all
from tests.vault.vault_kit import Place

HERE, WAITING, SENT = SyncState.ON_THIS_PC, SyncState.WAITING, SyncState.SENT


def state_of(vault: Vault, photo: bytes) -> SyncState:
    """Return it, after seeing that all who show it say the same."""
    known = vault.sync_of(photo)
    assert known is not None
    (item,) = [item for item in vault.sync_items(99) if item.entity == photo]
    assert item.state is known.state
    assert (item.receipt_ms is not None) is (known.state is SENT)
    assert vault.outbox().entities.get(photo, SENT) is known.state
    assert vault.outbox().count == (known.state is not SENT)
    return known.state


STEPS = ("seal", "receipt", "file")
ORDERS = [
    order for order in itertools.permutations(STEPS) if order.index("seal") < order.index("receipt")
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_a_photo_is_sent_when_its_record_and_its_whole_file_are(
    place: Place, order: tuple[str, ...]
) -> None:
    vault = place.vault
    for segment in seal_all(vault):  # what setting up recorded
        vault.acknowledge(segment.hash, 1, 1)
    photo = vault.put_photo(new_id(), b"j" * 99, b"p", 1, 1, source="page", at_ms=1).result().entity
    assert state_of(vault, photo) is HERE
    done: set[str] = set()
    for step in order:
        match step:
            case "seal":
                (batch,) = vault.pending_batches(100_000)
                vault.keep_sealed(seal(vault, batch.lane, batch.ops), batch.ops)
            case "receipt":
                (segment,) = vault.unacknowledged()
                vault.acknowledge(segment.hash, 2, 5)
            case _:
                vault.original_stored(photo, 7)
        done.add(step)
        expected = HERE if "seal" not in done else WAITING if len(done) < 3 else SENT
        assert state_of(vault, photo) is expected, step
    # It says so after a lock, and after every table was made anew.
    vault.lock()
    vault = place.unlock()
    vault.rebuild().result()
    assert state_of(vault, photo) is SENT


def test_a_photo_of_another_pc_has_no_state_here(place: Place, another_place: object) -> None:
    assert callable(another_place)
    other = another_place().vault
    op = other.put_photo(
        new_id(), b"j", b"p", 1, 1, source="page", at_ms=1, thumb_jpeg=b"t"
    ).result()
    place.vault.apply_ops([op]).result()
    assert place.vault.sync_of(op.entity) is None
    assert place.vault.originals_waiting() == []
    assert op.entity not in place.vault.outbox().entities
    (shown,) = place.vault.photos_of(read_payload(op).consultation)  # type: ignore[union-attr]
    assert (shown.thumb, shown.is_here) == (b"t", False)
