"""Taking a visit: said at once on this PC, decided by the server's numbers, told in plain words.

Without a link a claim is tentative. When the numbers arrive and somebody else was first, this desk's
clinician is told who, and what they wrote stays. Taking over from somebody who is seen to hold a
visit is no conflict: the claim names theirs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from telemed_desk.clinical.claims import Claim, Id, holder_of
from telemed_desk.clinical.consultations import ConsultationState, Way
from telemed_desk.clinical.people import Patient
from telemed_desk.vault import OpDraft, Vault
from telemed_protocol.op import OpId

TOLD_FOR_MS = 7 * 86_400_000
"""A lost claim that nobody confirmed reading is no longer told after this."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a visit.

    Attributes:
        claim: Their claim.
        name: Empty while it has not arrived by sync.
        mine: Whether that is who works here now.
        place: What the clinic calls their PC.
        at_ms: When, by that PC's clock.
        tentative: The server has not numbered it yet, so somebody else may still turn out first.
    """

    claim: Id
    name: str
    mine: bool
    place: str
    at_ms: int
    tentative: bool


@dataclass(frozen=True, slots=True)
class LostVisit:
    """A visit that was taken here while somebody else had it already."""

    claim: Id
    consultation: bytes
    patient: Patient | None
    holder: Holder


def holders(vault: Vault, consultations: Iterable[bytes]) -> dict[bytes, Holder]:
    """Return who has which visit; those that nobody took are left out."""
    found = vault.claims_of_all(consultations)
    return _named(vault, {c: held for c, claims in found.items() if (held := holder_of(claims))})


def lost_visits(vault: Vault, now_ms: int) -> tuple[LostVisit, ...]:
    """Return the visits that this clinician lost and was not told yet, newest first."""
    lost = [
        (consultation, claim)
        for consultation, claim in vault.lost_claims(vault.clinician.entity, now_ms - TOLD_FOR_MS)
        if vault.setting(_read_key(claim.claim)) is None
    ]
    held = holders(vault, {consultation for consultation, _ in lost})
    told = []
    for consultation, claim in lost:
        holder, booked = held.get(consultation), vault.consultation(consultation)
        if holder is not None and not holder.mine:
            patient = vault.patient(booked.patient) if booked is not None else None
            told.append(LostVisit(claim.claim, consultation, patient, holder))
    return tuple(told)


def _named(vault: Vault, held: Mapping[bytes, Claim]) -> dict[bytes, Holder]:
    if not held:
        return {}
    names = {who.entity: who.name for who in vault.clinicians()}
    labels, me = vault.device_labels(), vault.clinician
    names.setdefault(me.entity, me.name)
    return {
        consultation: Holder(
            claim.claim,
            names.get(claim.by, ""),
            claim.by == me.entity,
            labels.get(claim.claim[0], ""),
            claim.at_ms,
            claim.is_tentative,
        )
        for consultation, claim in held.items()
    }


def claim_drafts(consultation: bytes, at_ms: int, shown: Holder | None) -> list[OpDraft]:
    """Return what taking a visit records; nothing when this clinician has it already."""
    if shown is not None and shown.mine:
        return []
    parents = () if shown is None else (OpId(*shown.claim),)
    return [OpDraft("consult.claim", consultation, {"at_ms": at_ms}, parents=parents)]


def _read_key(claim: Id) -> str:
    return f"claim.read.{claim[0].hex()}.{claim[1]}"


class Claiming:
    """The doctor takes visits. GUI thread; returns at once.

    Args:
        vault: Unlocked.
        shown: Who has which visit, as the screens show it now.
        now_ms: Wall clock.
        open_note: Opens a visit's note without a call.
    """

    def __init__(
        self,
        vault: Vault,
        shown: Callable[[], Mapping[bytes, Holder]],
        now_ms: Callable[[], int],
        open_note: Callable[[bytes], None],
    ) -> None:
        self._vault = vault
        self._shown = shown
        self._now_ms = now_ms
        self._open_note = open_note

    def drafts(self, consultation: bytes) -> list[OpDraft]:
        """Return what taking this visit records; any thread."""
        return claim_drafts(consultation, self._now_ms(), self._shown().get(consultation))

    def take_by_phone(self, consultation: bytes) -> None:
        """Phone the patient oneself and write: works without a link."""
        at_ms = self._now_ms()
        steps = [
            {"state": ConsultationState.IN_CALL.value, "at_ms": at_ms, "way": Way.PHONE.value},
            {"state": ConsultationState.WRITING.value, "at_ms": at_ms},
        ]
        drafts = [OpDraft("consult.state", consultation, step) for step in steps]
        self._vault.commit(*self.drafts(consultation), *drafts)
        self._open_note(consultation)

    def take_over(self, lost: LostVisit) -> None:
        """Take a visit from who has it: they are shown that it was taken over, and nobody loses text."""
        self._vault.commit(*claim_drafts(lost.consultation, self._now_ms(), lost.holder))
        self.was_read(lost)

    def was_read(self, lost: LostVisit) -> None:
        """The clinician has read that it was lost: it is not told again."""
        self._vault.set_setting(_read_key(lost.claim), b"1")
