"""What the vault's tests share: cheap Argon2id, fictional people, a clock that is set by hand."""

from dataclasses import dataclass, field
from pathlib import Path

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import Argon2Cost, OpDraft, Vault, VaultDirectory
from telemed_desk.vault.passphrase import TriesGuard
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = "quiet lamp orbit thistle"
OTHER_PASSPHRASE = "seven brass kettles hum"
CANARY = "Zebrakanari"


def doctor(name: str = "Dr Asha Mfano") -> Clinician:
    return Clinician(new_id(), name, "Clinical officer", "Kielelezo clinic", ("en", "sw"))


@dataclass
class Clock:
    """Milliseconds that only move when told to."""

    now_ms: int = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Place:
    """A vault's folder and who made it."""

    directory: VaultDirectory
    clinician: Clinician
    recovery_code: str
    clock: Clock
    open_vaults: list[Vault] = field(default_factory=list)

    def unlock(self, passphrase: str = PASSPHRASE) -> Vault:
        vault = self.directory.unlock(self.clinician.entity, passphrase)
        vault.photo_stop_bytes = 0  # whatever the disk of the machine under test has left
        self.open_vaults.append(vault)
        return vault

    @property
    def vault(self) -> Vault:
        return self.open_vaults[-1]

    def close(self) -> None:
        for vault in self.open_vaults:
            vault.lock()


def make_place(folder: Path, clinician: Clinician | None = None) -> Place:
    clock = Clock()
    directory = VaultDirectory(folder, reserve_bytes=256 * 1024, guard=TriesGuard(), wall_ms=clock)
    who = clinician or doctor()
    device = DeviceIdentity.generate(new_id())
    vault, code = directory.create(clinician=who, passphrase=PASSPHRASE, device=device, argon=CHEAP)
    vault.photo_stop_bytes = 0
    return Place(directory, who, code, clock, [vault])


def booking(consultation: bytes, patient: bytes, booked_ms: int = 1_000) -> OpDraft:
    return OpDraft(
        "consult.book",
        consultation,
        {
            "patient": patient,
            "programme": "derm",
            "way": "video",
            "booked_ms": booked_ms,
            "minutes": 20,
            "clinician": bytes(16),
            "reason": "rash",
        },
    )


def patient_set(patient: bytes, **fields: object) -> OpDraft:
    return OpDraft("patient.set", patient, dict(fields))
