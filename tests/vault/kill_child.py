"""Run by test_vault_kill: writes without end until it is killed; tells what was acknowledged."""

import sys
from functools import partial
from pathlib import Path

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft, VaultDirectory

say = partial(print, flush=True)


def main() -> None:
    folder, passphrase, note = Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3])
    vault_directory = VaultDirectory(folder, reserve_bytes=0)
    who = vault_directory.clinicians()[0].entity
    vault = vault_directory.unlock(who, passphrase)
    say("ready")
    shown = vault.note_text(note).subjective
    for step in range(100_000):
        shown += f" word{step}"
        vault.journal_draft(note, b"c" * 16, NoteText(shown), step).result()
        say(f"typed {len(shown)}")
        if step % 5 == 4:
            draft = OpDraft("patient.set", step.to_bytes(16, "big"), {"remarks": shown[-200:]})
            (op,) = vault.commit(draft).result()
            say(f"op {op.number}")
        if step % 17 == 16:
            rolled = vault.roll_draft(note).result()
            if rolled is not None:
                say(f"op {rolled.number}")


if __name__ == "__main__":
    main()
