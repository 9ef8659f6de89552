"""What is kept of a patient beside the visits: allergies, medicines, fields with all their values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from telemed_desk.clinical.entries import Entry, EntryKind
from telemed_desk.vault import EntitySync, OtherValue, Vault
from telemed_protocol.op import OpId


@dataclass(frozen=True, slots=True)
class About:
    """A patient's record beside the visits; ``names`` by clinician, as far as they arrived by sync.

    Attributes:
        allergies: What stands, then what was taken off.
        medicines: Likewise.
        others: Values of fields that have more than one, the shown one last.
        seen: What a change of a field is made over.
        names: Who is who.
        me: Who works here now.
        sync: Where what was written here about the patient is; None when nothing was.
    """

    allergies: tuple[Entry, ...] = field(default=(), repr=False)
    medicines: tuple[Entry, ...] = field(default=(), repr=False)
    others: tuple[OtherValue, ...] = field(default=(), repr=False)
    seen: Mapping[str, tuple[OpId, ...]] = field(default_factory=dict)
    names: Mapping[bytes, str] = field(default_factory=dict)
    me: bytes = b""
    sync: EntitySync | None = None

    def of(self, kind: EntryKind) -> tuple[Entry, ...]:
        """Return one of the two lists."""
        return self.allergies if kind is EntryKind.ALLERGY else self.medicines


def read_about(vault: Vault, patient: bytes) -> About:
    """Read it; milliseconds, so on no loop."""
    me = vault.clinician
    names = {who.entity: who.name for who in vault.clinicians()}
    names.setdefault(me.entity, me.name)
    return About(
        tuple(vault.entries_of(patient, EntryKind.ALLERGY)),
        tuple(vault.entries_of(patient, EntryKind.MEDICINE)),
        tuple(vault.other_values_of(patient)),
        vault.open_values_of(patient),
        names,
        me.entity,
        vault.sync_of(patient),
    )
