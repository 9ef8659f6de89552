"""A real full disk: a small tmpfs in a mount namespace, so nothing of this machine is touched."""

import os
import subprocess
import sys
from pathlib import Path

CHILD = Path(__file__).with_name("full_disk_child.py")


def test_a_full_disk_refuses_rolls_back_and_then_still_takes_notes(tmp_path: Path) -> None:
    # An ordinary user gets a namespace through -r, where they are root of their own mounts only.
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    script = 'mount -t tmpfs -o size=4m none "$1" && exec "$2" "$3" "$1"'
    done = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", str(tmp_path), sys.executable, str(CHILD)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "photo stopped: TD-VLT-027",
        "refused: TD-VLT-011",
        "photo refused: TD-VLT-012",
        "photo too large: TD-VLT-011",
        "done",
    ]
    assert "typed while full" not in done.stderr
