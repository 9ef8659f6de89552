"""The fact by which a clinic knows a clinician and the key that checks their signature."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault.values import OpDraft
from telemed_desk.vault.vault import Vault


def clinician_draft(clinician: Clinician, signing_seed: bytes) -> OpDraft:
    """Return the fact; of the 32 bytes of the seed it has the public key alone."""
    public = Ed25519PrivateKey.from_private_bytes(signing_seed).public_key().public_bytes_raw()
    return OpDraft(
        "clinician.set",
        clinician.entity,
        {
            "name": clinician.name,
            "role": clinician.role,
            "place": clinician.place,
            "languages": clinician.languages,
            "signing": public,
        },
    )


def publish_clinician(vault: Vault, signing_seed: bytes) -> None:
    """Make the clinician's public key known to the clinic, once; made up for after a crash."""
    draft = clinician_draft(vault.clinician, signing_seed)
    if not vault.knows_signing_key(vault.clinician.entity, draft.payload["signing"]):
        # Waited for; that it failed, say for a full disk, must not keep anybody out.
        vault.commit(draft).exception()
