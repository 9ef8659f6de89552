"""What may stand between a clinician and the vault, each with a sentence and a next step."""

from telemed_protocol.errors import KnownError


class VaultMissing(KnownError):
    """There is no vault at this place. None is ever made without being asked for."""

    code = "TD-VLT-001"
    sentence = "This PC has no TeleMed Desk records yet, or they were moved away."
    next_step = "Set up this PC. If it was in use before, ask your IT contact for the backup first."


class VaultExists(KnownError):
    """A vault, or something else, is already where a new one was wanted."""

    code = "TD-VLT-002"
    sentence = "The place for the records on this PC is not empty."
    next_step = "Unlock what is there, or choose another folder. Nothing was changed."


class VaultDamaged(KnownError):
    """The file is not what it was; the key was right, or was never tried."""

    code = "TD-VLT-003"
    sentence = "The records file on this PC is damaged. Your passphrase is not the reason."
    next_step = "Do not set up this PC anew. Keep the folder as it is and call your IT contact."


class WrongPassphrase(KnownError):
    """No slot opens with what was typed; says nothing about the file."""

    code = "TD-VLT-004"
    sentence = "That passphrase does not open this clinician's records."
    next_step = "Check the keyboard language and Caps Lock, and type it again."


class TooManyTries(KnownError):
    """Wait before the next try.

    Args:
        wait_s: Seconds left.
    """

    code = "TD-VLT-005"
    sentence = "Too many wrong passphrases in a row."
    next_step = "Wait until the time shown has passed, then try again. Nothing is erased."

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"wait {wait_s:.0f} s")
        self.wait_s = wait_s


class WeakPassphrase(KnownError):
    """A new passphrase that a thief of this PC could guess."""

    code = "TD-VLT-006"
    sentence = "That passphrase is too easy to guess."
    next_step = "Use at least 10 characters: four unrelated words are good."


class RecoveryCodeTypo(KnownError):
    """A typed recovery code whose check letters do not fit."""

    code = "TD-VLT-007"
    sentence = "That recovery code is not complete or has a wrong character."
    next_step = "Compare it with the printed sheet: nine groups of four after TMR."


class WrongRecoveryCode(KnownError):
    """A well-formed recovery code of another vault."""

    code = "TD-VLT-008"
    sentence = "That recovery code belongs to other records than those on this PC."
    next_step = "Look for the sheet that was printed when this PC was set up."


class VaultInUse(KnownError):
    """Another running desk has it open."""

    code = "TD-VLT-009"
    sentence = "TeleMed Desk is already open on this PC."
    next_step = "Go to the window that is open, or restart the PC if you cannot find it."


class VaultLocked(KnownError):
    """It was locked while something still wanted to read or write."""

    code = "TD-VLT-010"
    sentence = "The records are locked."
    next_step = "Unlock with your passphrase. Text that was saved is still there."


class DiskFull(KnownError):
    """The transaction was rolled back; the text stays with whoever wanted it saved."""

    code = "TD-VLT-011"
    sentence = "The disk of this PC is full. Your text is still on the screen, but not saved."
    next_step = "Free some space. A small reserve was released: saving notes again should work now."


class NotesOnly(KnownError):
    """Photos are refused while the last space is kept for notes."""

    code = "TD-VLT-012"
    sentence = "The disk of this PC is full, so only notes are saved now, no photos."
    next_step = "Free some space; photos are taken again as soon as there is room."


class NoRoomForPhotos(KnownError):
    """Photos are refused before the disk is full, so that notes go on for weeks."""

    code = "TD-VLT-027"
    sentence = "The disk of this PC is nearly full, so no more photos are taken. Notes go on."
    next_step = "Free some space: from 500 MB on photos are taken again."


class DiskTrouble(KnownError):
    """The operating system could not read or write."""

    code = "TD-VLT-013"
    sentence = "This PC could not read or write its disk."
    next_step = "Do not switch the PC off while text is on the screen. Call your IT contact."


class VaultFromNewerVersion(KnownError):
    """Written by a version that this one does not understand."""

    code = "TD-VLT-014"
    sentence = "These records were written by a newer version of TeleMed Desk."
    next_step = "Update TeleMed Desk on this PC. Nothing was changed."


class UnsafeDatabase(KnownError):
    """The database library that was installed is known to lose data."""

    code = "TD-VLT-015"
    sentence = "The database library on this PC is too old to keep records safely."
    next_step = "Install TeleMed Desk again from its own package."


class ConflictOpen(KnownError):
    """Two versions of a note stand side by side."""

    code = "TD-NOTE-001"
    sentence = "This note has two versions from two PCs, so it cannot be signed yet."
    next_step = "Open the versions side by side, choose or combine, then sign."


class NoteEmpty(KnownError):
    """There is nothing to sign."""

    code = "TD-NOTE-002"
    sentence = "This note is empty."
    next_step = "Write the note, then sign."


class NoteNotSigned(KnownError):
    """An addendum needs a signed note to stand below."""

    code = "TD-NOTE-006"
    sentence = "This note is not signed yet."
    next_step = "Write into the note itself, then sign it."


class NoteAlreadySigned(KnownError):
    """A signed note never changes."""

    code = "TD-NOTE-003"
    sentence = "This note is signed and does not change any more."
    next_step = "Write an addendum instead."


class VersionsMoved(KnownError):
    """A note's versions are not those that somebody chose from; nothing was written."""

    code = "TD-NOTE-004"
    sentence = "The versions of this note have changed since you looked, so nothing was saved."
    next_step = "Look at what is new, then save. Your choices are still here."


class UnknownRecord(KnownError):
    """What was asked for is not on this PC (yet)."""

    code = "TD-VLT-016"
    sentence = "That record is not on this PC yet."
    next_step = "Wait until sync has finished, then try again."


class PhotoDamaged(KnownError):
    """A photo's file does not open with its key."""

    code = "TD-VLT-017"
    sentence = "The file of this photo is damaged."
    next_step = "Ask for the photo again. The small preview is still in the record."


class PhotoForged(KnownError):
    """What came from elsewhere under a photo's name is not the photo that the record names."""

    code = "TD-VLT-026"
    sentence = "What the server sent is not the photo that was taken, so it was not opened."
    next_step = "Try once more. If it stays, open the photo on the PC that took it and tell IT."


class BackupFailed(KnownError):
    """A backup was written and does not read back as it should."""

    code = "TD-VLT-018"
    sentence = "A backup of the records was made, but it could not be read back."
    next_step = "The records themselves are not touched. Try again; if it stays, check the disk."


class BackupUnreadable(KnownError):
    """A file given as a backup is not one of this vault, or is damaged."""

    code = "TD-VLT-019"
    sentence = "That backup cannot be used: it is damaged, or it belongs to other records."
    next_step = "Choose another backup. Nothing was changed."


class RestoredCopy(KnownError):
    """The numbers under which this PC sends may have been used already, so it sends nothing."""

    code = "TD-VLT-020"
    sentence = (
        "These records were restored from a copy, so this PC may not send under its old name."
    )
    next_step = (
        "Everything is saved here. Add this PC to the clinic again with a code from another PC."
    )


class RecordsRepaired(KnownError):
    """The database was damaged and has been made anew; said once, with what was found."""

    code = "TD-VLT-021"
    sentence = "The records file on this PC was damaged and has been repaired."
    next_step = "Check your last notes. The damaged file was kept; tell your IT contact."


class WrongPin(KnownError):
    """Not the PIN that was set since the last full unlock."""

    code = "TD-VLT-022"
    sentence = "That PIN is wrong."
    next_step = "Try again, or use your passphrase."


class PinGone(KnownError):
    """No PIN opens this vault now."""

    code = "TD-VLT-023"
    sentence = "The PIN no longer opens the records."
    next_step = "Use your passphrase."


class WeakPin(KnownError):
    """A PIN that is guessed first."""

    code = "TD-VLT-024"
    sentence = "That PIN is too easy to guess."
    next_step = "Use six digits that are no row, no repetition and no date of birth."


class ExportUnreadable(KnownError):
    """An exported file that does not open with what was typed, or is damaged."""

    code = "TD-VLT-025"
    sentence = "That exported file does not open: the passphrase is wrong, or the file is damaged."
    next_step = "Type the passphrase again. If it stays, export once more."


class KeyringSecretGone(KnownError):
    """A slot needs DS, and the keyring of this account has none for it, or another."""

    code = "TD-VLT-028"
    sentence = (
        "These records also need a key from this PC's keyring, and it is not in the keyring of this"
        " account. Your passphrase was not tried."
    )
    next_step = (
        "Log in to this PC with the account that was used before. If the account was reset, or this"
        " is another PC, only the printed recovery code opens the records."
    )


class KeyringSilent(KnownError):
    """The keyring is locked, refused, or did not answer in time."""

    code = "TD-VLT-029"
    sentence = "The keyring of this PC is locked or does not answer. Nothing was changed."
    next_step = (
        "Answer the question of the desktop if one is open, or log out of this PC and in again;"
        " then try once more. The printed recovery code opens the records without the keyring."
    )


class KeyringElsewhere(KnownError):
    """The slot's key lies in a keyring of another kind than those that run here now."""

    code = "TD-VLT-030"
    sentence = "The second key of these records was put into another keyring than this PC uses now."
    next_step = (
        "Log in with the desktop that was used before. If there is none any more, the printed"
        " recovery code opens the records."
    )


class KeyringNotAllowed(KnownError):
    """Not one of the keyrings that keep a secret sealed; never used, and nothing in its place."""

    code = "TD-VLT-031"
    sentence = (
        "This PC has no keyring of which we know that it keeps a key sealed, so none is used."
    )
    next_step = (
        "Go on with your passphrase alone. If these records already need a keyring, the printed"
        " recovery code opens them."
    )


class KeyringForgot(KnownError):
    """What was written did not come back the same; the slot was not touched."""

    code = "TD-VLT-032"
    sentence = "The keyring of this PC did not give back what was put into it, so it is not used."
    next_step = "Nothing was changed: your passphrase opens the records as before."


class NoCodeForKeyring(KnownError):
    """A keyring is never the only way in."""

    code = "TD-VLT-033"
    sentence = "This clinician has no recovery code on this PC, so the keyring is not switched on."
    next_step = "Leave it off: if the keyring were lost, nothing would open the records."
