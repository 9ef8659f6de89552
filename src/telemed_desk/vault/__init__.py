"""The encrypted store on this PC: keys, unlock, op log, projections, drafts, attachments."""

from telemed_desk.vault.directory import VaultDirectory
from telemed_desk.vault.passphrase import PassphraseVerdict, judge_passphrase
from telemed_desk.vault.slots import Argon2Cost
from telemed_desk.vault.space import SpaceLeft
from telemed_desk.vault.values import (
    Change,
    ClinicProfile,
    EntitySync,
    Invitation,
    NoteConflict,
    NoteVersion,
    OpDraft,
    OpenLink,
    OtherValue,
    OutboxStatus,
    Photo,
    RecoveredDraft,
    SearchHit,
    SlotInfo,
    SyncItem,
    SyncState,
)
from telemed_desk.vault.vault import Vault

__all__ = [
    "Argon2Cost",
    "Change",
    "ClinicProfile",
    "EntitySync",
    "Invitation",
    "NoteConflict",
    "NoteVersion",
    "OpDraft",
    "OpenLink",
    "OtherValue",
    "OutboxStatus",
    "PassphraseVerdict",
    "Photo",
    "RecoveredDraft",
    "SearchHit",
    "SlotInfo",
    "SpaceLeft",
    "SyncItem",
    "SyncState",
    "Vault",
    "VaultDirectory",
    "judge_passphrase",
]
