"""The folder that holds a vault: making one, and the ways into it."""

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import recovery
from telemed_desk.vault.atomic import fsync_directory
from telemed_desk.vault.backups import BACKUPS_NAME, BackupFolder
from telemed_desk.vault.clinician_facts import clinician_draft, publish_clinician
from telemed_desk.vault.connection import assert_safe_sqlite, known_errors
from telemed_desk.vault.core import ATTACHMENTS_NAME, DATABASE_NAME
from telemed_desk.vault.keyring_factor import KeyringFactor
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.opening import make_database, open_vault
from telemed_desk.vault.passphrase import TriesGuard, judge_passphrase, passphrase_bytes
from telemed_desk.vault.pin import PinKeep
from telemed_desk.vault.problems import (
    UnknownRecord,
    VaultExists,
    WeakPassphrase,
    WrongPassphrase,
    WrongRecoveryCode,
)
from telemed_desk.vault.recent import recent, remember
from telemed_desk.vault.slot_store import SlotStore
from telemed_desk.vault.slots import (
    SLOTS_NAME,
    Argon2Cost,
    SecondKey,
    SlotFile,
    SlotHeader,
    SlotOwner,
    SlotSecret,
    check_factors,
    new_passphrase_slot,
    new_recovery_slot,
    open_slot,
    write_slot_file,
)
from telemed_desk.vault.space import RESERVE_BYTES
from telemed_desk.vault.values import SlotInfo
from telemed_desk.vault.vault import Vault
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

_guard: Final = TriesGuard()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class VaultDirectory:
    """One folder, used for nothing else. Methods block (Argon2id takes 0.3 s): not on the GUI thread.

    Args:
        path: The folder; made by :meth:`create`.
        reserve_bytes: Space kept for the day the disk is full.
        guard: Counts wrong passphrases; None = shared by the whole process.
        wall_ms: The wall clock.
        keyring: Where second keys lie; None = the keyring of this account.

    Attributes:
        slots: The slot files.
        keyring: As above.
    """

    def __init__(
        self,
        path: Path,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        guard: TriesGuard | None = None,
        wall_ms: Callable[[], int] = _wall_ms,
        keyring: KeyringFactor | None = None,
    ) -> None:
        self.path = path
        self.slots = SlotStore(path)
        self.keyring = keyring or KeyringFactor()
        self._reserve_bytes = reserve_bytes
        self._guard = guard or _guard
        self._wall_ms = wall_ms
        self._pins = PinKeep()

    def exists(self) -> bool:
        """Whether there is any part of a vault here, even one that lost its slot file."""
        return self.slots.is_vault()

    def clinicians(self) -> list[SlotInfo]:
        """Return who can unlock, the last one first.

        Raises:
            VaultMissing: There is no vault.
            VaultDamaged: Its slot file and both copies are damaged or gone.
        """
        headers = [slot.header for slot in self.slots.read().slots]
        found = [SlotInfo(h.clinician, h.name, h.role) for h in headers if h.kind == "passphrase"]
        lately = recent(self.path)
        return sorted(
            found,
            key=lambda s: lately.index(s.entity) if s.entity in lately else len(lately),
        )

    def create(
        self,
        *,
        clinician: Clinician,
        passphrase: str,
        device: DeviceIdentity,
        argon: Argon2Cost | None = None,
    ) -> tuple[Vault, str]:
        """Make a vault and open it; return it with the recovery code to print, shown only once.

        It is built beside the folder and moved into place whole, so a crash leaves none or one.

        Raises:
            VaultExists: Something is here already.
            WeakPassphrase: Too short or too easy.
            DiskFull: It did not fit.
        """
        assert_safe_sqlite()
        if self.exists():
            raise VaultExists
        _require_strong(passphrase, clinician)
        master = MasterKey.generate()
        signing_seed = Ed25519PrivateKey.generate().private_bytes_raw()
        content = SlotSecret(1, master.reveal(), signing_seed)
        code = recovery.new_secret()
        vault_id = bytes(new_id())
        owner = SlotOwner(clinician.entity, clinician.name, clinician.role)
        now_ms = self._wall_ms()
        cost = argon or Argon2Cost()
        slots = (
            new_passphrase_slot(vault_id, owner, passphrase, content, cost=cost, now_ms=now_ms),
            new_recovery_slot(vault_id, owner, code, content, now_ms=now_ms),
        )
        with known_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_name(f"{self.path.name}.new-{secrets.token_hex(4)}")
            fresh.mkdir(mode=0o700)
            (fresh / ATTACHMENTS_NAME).mkdir(mode=0o700)
            make_database(fresh / DATABASE_NAME, master, device)
            write_slot_file(fresh / SLOTS_NAME, SlotFile(vault_id, master.check_value(), slots))
            if self.path.exists():
                try:
                    self.path.rmdir()
                except OSError:
                    raise VaultExists from None
            fresh.replace(self.path)
            fsync_directory(self.path.parent)
        return self._open(content, clinician), recovery.to_text(code)

    def unlock(self, clinician_id: bytes, passphrase: str) -> Vault:
        """Open with a clinician's passphrase.

        Raises:
            WrongPassphrase: It is not theirs.
            TooManyTries: After five wrong ones, wait.
            VaultMissing, VaultDamaged, VaultInUse, VaultFromNewerVersion: As they say.
            KeyringSecretGone, KeyringSilent, KeyringElsewhere, KeyringNotAllowed: As in
                :meth:`reveal`.
        """
        return self._open(*self.reveal(clinician_id, passphrase))

    def unlock_with_recovery(self, code: str) -> Vault:
        """Open with the printed code, as the clinician for whom it was printed.

        Raises:
            RecoveryCodeTypo: A letter is wrong or missing.
            WrongRecoveryCode: It is of another vault.
            VaultMissing, VaultDamaged, VaultInUse, VaultFromNewerVersion: As they say.
        """
        return self._open(*self.reveal_with_recovery(code))

    def renew_with_recovery(
        self, code: str, passphrase: str, argon: Argon2Cost | None = None
    ) -> tuple[Vault, bool]:
        """Open with the printed code and give its clinician a new passphrase, which opens alone.

        Returns:
            The vault, and what :meth:`change_passphrase` says.

        Raises:
            WeakPassphrase: Too short or too easy; nothing was opened.
            RecoveryCodeTypo and others: As in :meth:`unlock_with_recovery`.
        """
        content, who = self.reveal_with_recovery(code)
        _require_strong(passphrase, who)
        vault = self._open(content, who)
        try:
            ended = self.change_passphrase(vault, passphrase, argon)
        except KnownError:
            vault.lock()
            raise
        self.drop_pin(who.entity)
        return vault, ended

    def reveal(self, clinician_id: bytes, passphrase: str) -> tuple[SlotSecret, Clinician]:
        """Return the keys that a passphrase guards, without opening the database.

        Raises:
            WrongPassphrase, TooManyTries, VaultMissing, VaultDamaged, VaultFromNewerVersion: As in
                :meth:`unlock`.
            KeyringSecretGone, KeyringSilent, KeyringElsewhere, KeyringNotAllowed: The slot also
                needs a second key, and it cannot be had; the passphrase was not tried.
        """
        assert_safe_sqlite()
        file = self.slots.read()
        slot = file.passphrase_slot(clinician_id)
        if slot is None:
            raise UnknownRecord("slot")
        who = hashlib.sha256(str(self.path.resolve()).encode() + clinician_id).digest()
        self._guard.check(who)
        second = self._second_key(slot.header)
        content = open_slot(slot, passphrase_bytes(passphrase), file, second)
        if content is None:
            self._guard.missed(who)
            raise WrongPassphrase
        self._guard.hit(who)
        if second is not None:
            with contextlib.suppress(KnownError):  # what a crash left of it; made up for next time
                self.slots.settle(slot)
        return content, _as_clinician(slot.header)

    def _second_key(self, header: SlotHeader) -> bytes | None:
        """Fetch what a slot needs besides its passphrase. Without it none can be tried."""
        check_factors(header)
        return None if header.keyring is None else self.keyring.fetch(header.keyring, header.salt)

    def reveal_with_recovery(self, code: str) -> tuple[SlotSecret, Clinician]:
        """Return the keys that the printed code guards, without opening the database.

        Raises:
            RecoveryCodeTypo, WrongRecoveryCode, VaultMissing, VaultDamaged: As in
                :meth:`unlock_with_recovery`.
        """
        assert_safe_sqlite()
        secret = recovery.from_text(code)
        file = self.slots.read()
        for slot in file.recovery_slots():
            content = open_slot(slot, secret, file)
            if content is not None:
                return content, _as_clinician(slot.header)
        raise WrongRecoveryCode

    def keep_pin(self, vault: Vault, pin: str) -> None:
        """Let six digits open the vault again for a while, as long as this process lives. Blocks.

        Raises:
            WeakPin: Not six digits, or guessed first.
            VaultLocked: The keys were dropped.
        """
        self._pins.keep(vault.clinician, vault.keys_for_slot(), pin)

    def pin_tries_left(self, clinician_id: bytes) -> int:
        """Return how many tries a clinician's PIN has; 0 = only the passphrase opens."""
        return self._pins.tries_left(clinician_id)

    def drop_pin(self, clinician_id: bytes) -> None:
        """End a clinician's PIN; nothing happens when there is none."""
        self._pins.forget(clinician_id)

    def unlock_with_pin(self, clinician_id: bytes, pin: str) -> Vault:
        """Open again with the PIN that was set since the last full unlock.

        Raises:
            WrongPin: It is another; after five of them it is gone.
            PinGone: There is none, or its time is over.
            VaultMissing, VaultDamaged, VaultInUse: As in :meth:`unlock`.
        """
        return self._open(*self._pins.open(clinician_id, pin))

    def add_clinician(
        self, vault: Vault, clinician: Clinician, passphrase: str, argon: Argon2Cost | None = None
    ) -> None:
        """Give a further clinician a way in, with a signing key of their own. Blocks.

        Raises:
            VaultExists: They have one.
            WeakPassphrase: Too short or too easy.
        """
        if self.slots.read().passphrase_slot(clinician.entity) is not None:
            raise VaultExists("slot")
        seed = Ed25519PrivateKey.generate().private_bytes_raw()
        content = msgspec.structs.replace(vault.keys_for_slot(), signing_seed=seed)
        self.write_passphrase_slot(clinician, passphrase, content, argon)
        vault.commit(clinician_draft(clinician, seed)).result()

    def change_passphrase(
        self, vault: Vault, passphrase: str, argon: Argon2Cost | None = None
    ) -> bool:
        """Replace the passphrase of the clinician who is in; also after the recovery code. Blocks.

        Returns:
            Whether the old one needed a keyring: the new one does not, which the person is to be told.

        Raises:
            WeakPassphrase: Too short or too easy.
        """
        return self.write_passphrase_slot(vault.clinician, passphrase, vault.keys_for_slot(), argon)

    def new_recovery_code(self, vault: Vault) -> str:
        """Make a recovery code for the clinician who is in; an older one of theirs ends. Blocks."""
        code = recovery.new_secret()
        who = vault.clinician
        owner = SlotOwner(who.entity, who.name, who.role)
        vault_id = self.slots.read().vault
        self.slots.put(
            new_recovery_slot(vault_id, owner, code, vault.keys_for_slot(), now_ms=self._wall_ms())
        )
        return recovery.to_text(code)

    def write_passphrase_slot(
        self,
        clinician: Clinician,
        passphrase: str,
        content: SlotSecret,
        argon: Argon2Cost | None = None,
        second: SecondKey | None = None,
    ) -> bool:
        """Give a clinician a slot, in place of an older one of theirs. Blocks.

        Where either needs a second key, no copy keeps the older slot, and the older one's second key
        leaves the keyring.

        Args:
            clinician: Whose.
            passphrase: The new one, or the old one again.
            content: What it guards.
            argon: Cost of a guess.
            second: Already in the keyring; None = the passphrase alone opens.

        Returns:
            Whether an older slot needed the keyring and this one does not.

        Raises:
            WeakPassphrase: Too short or too easy.
        """
        _require_strong(passphrase, clinician)
        file = self.slots.read()
        slot = new_passphrase_slot(
            file.vault,
            SlotOwner(clinician.entity, clinician.name, clinician.role),
            passphrase,
            content,
            cost=argon or Argon2Cost(),
            now_ms=self._wall_ms(),
            second=second,
        )
        old = file.passphrase_slot(clinician.entity)
        self.slots.put(slot)
        gone = None if old is None else old.header.keyring
        if second is not None or gone is not None:
            self.slots.settle(slot)
        if old is not None and gone is not None:
            self.keyring.drop(gone.backend, old.header.salt)
        return gone is not None and second is None

    def newest_backup(self, master: MasterKey) -> Path | None:
        """Return the newest backup beside the vault that verifies now."""
        found = BackupFolder(self.path / BACKUPS_NAME).newest_good(master.database_key())
        return None if found is None else found.path

    def adopt_slots(self, slots: Path) -> None:
        """Take over the slot file that lies beside a backup, where there is no vault yet.

        Raises:
            BackupUnreadable: It is missing or damaged, or of other records than those here.
        """
        if self.slots.adopt(slots):
            (self.path / ATTACHMENTS_NAME).mkdir(mode=0o700, exist_ok=True)

    def _open(self, content: SlotSecret, clinician: Clinician) -> Vault:
        vault = open_vault(self.path, content, clinician, self._reserve_bytes, self._wall_ms)
        remember(self.path, clinician.entity)
        publish_clinician(vault, content.signing_seed)
        return vault


def _as_clinician(header: SlotHeader) -> Clinician:
    return Clinician(header.clinician, header.name, header.role)


def _require_strong(passphrase: str, clinician: Clinician) -> None:
    if not judge_passphrase(passphrase, (clinician.name, clinician.place)).ok:
        raise WeakPassphrase
