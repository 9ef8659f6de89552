"""The real transaction mix: everything that the vault's writer does on a working day, drawn from a seed.

What was called done is kept in :class:`Said`; :mod:`tests.rigs.shortcomings` says what of that is not
there. Shared by the power-cut, kill and refusing-disk rigs.
"""

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from telemed_desk.clinical.notes import NoteText
from telemed_desk.sync.membership import verified_chain
from telemed_desk.vault import Argon2Cost, OpDraft, Vault, VaultDirectory
from telemed_desk.vault.attachments import seal_chunks
from telemed_desk.vault.passphrase import TriesGuard
from telemed_desk.vault.problems import WrongPassphrase
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberRecord, SignedRecord, sign_record
from telemed_protocol.op import OP_VERSION, READER_VERSION, Lane, Op, OpId, pack_payload
from telemed_protocol.progress import Cursor
from telemed_protocol.segment import GENESIS_HASH, SegmentHeader, next_log_hash, seal_segment
from tests.vault.vault_kit import OTHER_PASSPHRASE, PASSPHRASE

CHEAP: Final = Argon2Cost(memory_kib=64, passes=1, lanes=1)
PASSPHRASES: Final = (PASSPHRASE, OTHER_PASSPHRASE)
CLINIC: Final = b"k" * 16
EPOCH_KEY: Final = bytes(range(32))
ELSEWHERE: Final = DeviceIdentity(b"E" * 16, b"e" * 32, b"f" * 32)
"""Another desk of the clinic."""
CONSULTATION: Final = b"c" * 16
RESERVE_BYTES: Final = 128 * 1024
HOUR_MS: Final = 3_600_000
BEGIN_MS: Final = 1_790_000_000_000
_WEIGHTS: Final = {
    "type": 8, "roll": 2, "sign": 3, "settle": 3, "patient": 2, "book": 1, "seal": 3,
    "receipt": 3, "pull": 4, "strange": 1, "photo": 2, "their_photo": 1, "photo_stored": 1,
    "setting": 1, "key": 1, "backup": 1, "passphrase": 1, "relock": 1,
}  # fmt: skip


@dataclass
class Said:
    """What the vault said was done.

    Attributes:
        ops: Number of the newest op of this PC.
        typed: Newest text of each note, by its id in hex.
        signed: Digest of each signed note.
        photos: SHA-256 of each photo.
        heads: Number and hash of the newest sealed segment of each lane.
        cursor: How far the server's log was taken in.
        backups: How many were made.
        passphrase: Index of the one that opens.
        passphrase_next: Index of the one that may open already.
        refused: Actions that were refused with a known error.
        done: Actions that were done, by name.
    """

    ops: int = 0
    typed: dict[str, str] = field(default_factory=dict)
    signed: dict[str, str] = field(default_factory=dict)
    photos: dict[str, str] = field(default_factory=dict)
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    keys: int = 0
    cursor: int = 0
    strange: int = 0
    backups: int = 0
    passphrase: int = 0
    passphrase_next: int = 0
    refused: int = 0
    done: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(data: bytes | str) -> "Said":
        return Said(**json.loads(data))


class Clock:
    """The wall clock of a rig; a backup is an hour."""

    def __init__(self) -> None:
        self.now_ms = BEGIN_MS

    def __call__(self) -> int:
        self.now_ms += 7
        return self.now_ms


class Work:
    """Acts on a vault, one action at a time.

    Args:
        folder: Of the vault.
        rng: Draws actions and contents.
        said: What was called done before; goes on being filled.
        tell: Called before an action that may change things that only its end confirms.
    """

    def __init__(
        self,
        folder: Path,
        rng: random.Random,
        said: Said | None = None,
        tell: Callable[[Said], None] = lambda _said: None,
    ) -> None:
        self.said = said or Said()
        self._folder = folder
        self._rng = rng
        self._tell = tell
        self._clock = Clock()
        self._notes = [b"n" * 16, b"m" * 16, b"o" * 16]
        self._names = list(_WEIGHTS)
        self._weights = list(_WEIGHTS.values())
        self.vault: Vault | None = None

    def open(self) -> Vault:
        """Unlock it, unless it is open."""
        if self.vault is None:
            vault = open_at(self._folder, self.said, self._clock)
            if vault.clinic is None:
                vault.lock()
                raise RuntimeError("enrol it first: no desk exchanges anything before")
            self.vault = vault
            self._clock.now_ms = max(self._clock.now_ms, _newest_ms(self.vault))
        return self.vault

    def step(self) -> str:
        """Do one thing; return its name. A known refusal counts as refused."""
        (name,) = self._rng.choices(self._names, self._weights)
        try:
            getattr(self, "_do_" + name)(self.open())
        except KnownError:
            self.said.refused += 1
        else:
            self.said.done[name] = self.said.done.get(name, 0) + 1
        return name

    def close(self) -> None:
        """Lock it."""
        vault, self.vault = self.vault, None
        if vault is not None:
            vault.lock()

    # ---- notes ---------------------------------------------------------------------------------

    def _do_type(self, vault: Vault) -> None:
        note = self._rng.choice(self._notes)
        words = vault.note_text(note).subjective + f"word{self._rng.randrange(1000)} "
        vault.journal_draft(note, CONSULTATION, NoteText(words, plan="rest"), 1).result()
        self.said.typed[note.hex()] = words

    def _do_roll(self, vault: Vault) -> None:
        op = vault.roll_draft(self._rng.choice(self._notes)).result()
        self._made([op] if op is not None else [])

    def _do_sign(self, vault: Vault) -> None:
        which = self._rng.randrange(len(self._notes))
        note = self._notes[which]
        state = OpDraft("consult.state", CONSULTATION, {"state": "signed", "at_ms": 9})
        op = vault.sign_note(note, 5, [state]).result()
        self._made([op])
        found = vault.note(note)
        assert found is not None
        self.said.signed[note.hex()] = found.text.sha256().hex()
        self._notes[which] = self._rng.randbytes(16)

    def _do_settle(self, vault: Vault) -> None:
        for note in self._notes:
            versions = vault.note_versions(note)
            if len(versions) > 1:
                words = " ".join(v.text.subjective for v in versions)
                seen = [v.revision for v in versions]
                self._made([vault.settle_note(note, NoteText(words), seen, 6).result()])
                return

    # ---- records -------------------------------------------------------------------------------

    def _do_patient(self, vault: Vault) -> None:
        remarks = "r" * self._rng.randrange(3000)
        draft = OpDraft("patient.set", self._rng.randbytes(16), {"remarks": remarks})
        self._made(vault.commit(draft).result())

    def _do_book(self, vault: Vault) -> None:
        patient, consultation = self._rng.randbytes(16), self._rng.randbytes(16)
        booking = {
            "patient": patient, "programme": "derm", "way": "video", "booked_ms": 1_000,
            "minutes": 20, "clinician": bytes(16), "reason": "rash",
        }  # fmt: skip
        drafts = [
            OpDraft("patient.set", patient, {"given_name": "Wangari", "family_name": "Mfano"}),
            OpDraft("consult.book", consultation, booking),
        ]
        self._made(vault.commit(*drafts).result())

    def _do_setting(self, vault: Vault) -> None:
        vault.set_setting("theme", self._rng.randbytes(40)).result()

    def _do_key(self, vault: Vault) -> None:
        epoch = self.said.keys + 1
        vault.keep_epoch_key(epoch, bytes([epoch % 256]) * 32)
        self.said.keys = epoch
        newcomer = DeviceIdentity(*(self._rng.randbytes(size) for size in (16, 32, 32)))
        vault.keep_member_records(_with(vault.member_records(), newcomer, vault.identity))

    # ---- sync ----------------------------------------------------------------------------------

    def _do_seal(self, vault: Vault) -> None:
        for batch in vault.pending_batches(8000)[:1]:
            head = vault.lane_head(batch.lane)
            header = SegmentHeader(
                CLINIC, vault.identity.device, batch.lane, head.n + 1, head.hash, 0, 1,
                len(batch.ops), 0, 0, GENESIS_HASH,
            )  # fmt: skip
            segment = seal_segment(header, batch.ops, EPOCH_KEY, vault.identity)
            vault.keep_sealed(segment, batch.ops)
            self.said.heads[str(batch.lane)] = (segment.header.n, segment.hash.hex())

    def _do_receipt(self, vault: Vault) -> None:
        for segment in vault.unacknowledged()[:1]:
            vault.acknowledge(segment.hash, self._rng.randrange(2**30, 2**40), 5)

    def _do_pull(self, vault: Vault) -> None:
        """Another desk edits a note of ours, or writes of a patient."""
        cursor = vault.cursor()
        number = self._their_next(vault)
        note = self._rng.choice(self._notes)
        bases = [v.revision for v in vault.note_versions(note)][:1]
        revision = {"consultation": CONSULTATION, "S": "theirs", "O": "", "A": "", "P": "",
                    "at_ms": 3}  # fmt: skip
        ops = (
            self._their_op(number, "note.revise", note, revision, tuple(bases)),
            self._their_op(
                number + 1, "patient.set", self._rng.randbytes(16), {"remarks": "t" * 300}
            ),
        )
        self._take(vault, cursor, ops)

    def _do_their_photo(self, vault: Vault) -> None:
        cursor = vault.cursor()
        photo, jpeg, key = self._rng.randbytes(16), self._jpeg(), self._rng.randbytes(32)
        digest = hashlib.sha256(jpeg)
        payload = {
            "consultation": CONSULTATION, "at_ms": 4, "width": 9, "height": 9, "source": "page",
            "sha256": digest.digest(), "key": key, "preview": b"p" * 900,
        }  # fmt: skip
        op = self._their_op(self._their_next(vault), "photo.add", photo, payload)
        self._take(vault, cursor, (op,), lane=Lane.PREVIEWS)
        vault.keep_original(photo, seal_chunks(key, photo, jpeg), 5)
        self.said.photos[photo.hex()] = digest.hexdigest()

    def _do_strange(self, vault: Vault) -> None:
        cursor = vault.cursor()
        wire = self._rng.randbytes(300)
        log_hash = next_log_hash(cursor.log_hash, hashlib.sha256(wire).digest())
        vault.quarantine(wire, "format", Cursor(cursor.sseq + 1, log_hash))
        self.said.strange += 1
        self.said.cursor = cursor.sseq + 1

    def _their_next(self, vault: Vault) -> int:
        with vault.reading() as reader:
            found = reader.exec_driver_sql(
                "SELECT max(number) FROM op WHERE device = ?", (ELSEWHERE.device,)
            )
            return int(found.scalar() or 0) + 1

    def _their_op(
        self,
        number: int,
        kind: str,
        entity: bytes,
        payload: dict[str, object],
        parents: tuple[OpId, ...] = (),
    ) -> Op:
        stamp = (BEGIN_MS + number) << 16
        return Op(
            OP_VERSION, ELSEWHERE.device, number, stamp, bytes(16), kind, READER_VERSION, entity,
            parents, pack_payload(payload),
        )  # fmt: skip

    def _take(
        self, vault: Vault, cursor: Cursor, ops: tuple[Op, ...], lane: int = Lane.NOTES
    ) -> None:
        header = SegmentHeader(
            CLINIC, ELSEWHERE.device, lane, cursor.sseq + 1, GENESIS_HASH, 0, 1, len(ops), 0, 0,
            GENESIS_HASH,
        )  # fmt: skip
        segment = seal_segment(header, ops, EPOCH_KEY, ELSEWHERE)
        after = Cursor(cursor.sseq + 1, next_log_hash(cursor.log_hash, segment.hash))
        vault.apply_pulled(segment, ops, after)
        self.said.cursor = after.sseq

    # ---- files ---------------------------------------------------------------------------------

    def _jpeg(self) -> bytes:
        return self._rng.randbytes(self._rng.choice((900, 5_000, 70_000)))

    def _do_photo(self, vault: Vault) -> None:
        jpeg = self._jpeg()
        op = vault.put_photo(CONSULTATION, jpeg, b"p" * 700, 4, 3, source="page", at_ms=2).result()
        self._made([op])
        self.said.photos[op.entity.hex()] = hashlib.sha256(jpeg).hexdigest()

    def _do_photo_stored(self, vault: Vault) -> None:
        for original in vault.originals_waiting()[:1]:
            vault.original_stored(original.entity, 9)

    def _do_backup(self, vault: Vault) -> None:
        self._clock.now_ms += HOUR_MS
        vault.back_up()
        self.said.backups += 1

    def _do_passphrase(self, vault: Vault) -> None:
        following = 1 - self.said.passphrase
        self.said.passphrase_next = following
        self._tell(self.said)
        directory = directory_at(self._folder, self._clock)
        # Refused half-way it may be renamed already: then either may open.
        directory.change_passphrase(vault, PASSPHRASES[following], CHEAP)
        self.said.passphrase = following

    def _do_relock(self, vault: Vault) -> None:
        self.vault = None
        vault.lock()
        self.open()

    def _made(self, ops: list[Op]) -> None:
        self.said.ops = max([self.said.ops, *(op.number for op in ops)])


def enrol(vault: Vault) -> None:
    """Make it a desk of the clinic, as the product does before a desk exchanges anything.

    The journal says whose desk this is. When everything is sent and the database is lost, that alone
    shows that nothing else was.
    """
    mine = vault.identity
    vault.set_clinic(CLINIC).result()
    vault.keep_member_records(_with(_with([], mine, mine), ELSEWHERE, mine))
    vault.keep_epoch_key(0, EPOCH_KEY)


def _with(
    records: list[SignedRecord], who: DeviceIdentity, by: DeviceIdentity
) -> list[SignedRecord]:
    """The clinic's members and one more; the first one founds it."""
    chain = verified_chain(records)
    action = "add" if records else "found"
    n = len(records) + 1
    record = MemberRecord(1, CLINIC, n, chain.head, action, who.public, chain.epoch, by.device)
    return [*records, sign_record(record, by)]


def directory_at(folder: Path, wall_ms: Callable[[], int]) -> VaultDirectory:
    return VaultDirectory(folder, reserve_bytes=RESERVE_BYTES, guard=TriesGuard(), wall_ms=wall_ms)


def open_at(folder: Path, said: Said, wall_ms: Callable[[], int] | None = None) -> Vault:
    """Unlock with the passphrase that was said to open, or the one that was being set."""
    clock = wall_ms or Clock()
    directory = directory_at(folder, clock)
    who = directory.clinicians()[0].entity
    try:
        return directory.unlock(who, PASSPHRASES[said.passphrase])
    except WrongPassphrase:
        if said.passphrase_next == said.passphrase:
            raise
        return directory_at(folder, clock).unlock(who, PASSPHRASES[said.passphrase_next])


def _newest_ms(vault: Vault) -> int:
    """Backups are named by time: after a kill the clock must not run back over them."""
    return max(vault.newest_backup_ms() or 0, BEGIN_MS)
