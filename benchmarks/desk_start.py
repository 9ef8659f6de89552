"""How long the desk takes from the start of its process to its first painted, usable screen.

Yardsticks in the same run: a bare interpreter, and one that shows an empty widget of the same toolkit.
Each runs in a child of its own; ``time.monotonic`` is one clock for all processes of a machine.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

TIMEOUT_S = 120.0
BARE = "import time; print('usable', time.monotonic())"
# A timer of no length fires when the loop has nothing older to do: the picture is drawn, keys are taken.
EMPTY_WIDGET = """
import sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget
print('imported', time.monotonic())
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and watched is widget:
            widget.removeEventFilter(self)
            QTimer.singleShot(0, done)
        return False
def done():
    print('usable', time.monotonic(), flush=True)
    app.quit()
app = QApplication(sys.argv[:1])
widget = QWidget()
watch = Watch()
widget.installEventFilter(watch)
widget.resize(1280, 800)
widget.show()
app.exec()
"""
DESK = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QEvent, QObject, QTimer
from telemed_desk.desk import make_application, run_desk
from telemed_desk.ui.screens.set_up.view import SetUpView
from telemed_desk.ui.screens.unlock.view import UnlockView
print('imported', time.monotonic())
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and isinstance(watched, (UnlockView, SetUpView)):
            app.removeEventFilter(self)
            QTimer.singleShot(0, lambda: done(watched))
        return False
def done(view):
    print('usable', time.monotonic(), type(view).__name__, flush=True)
    view.window().close()
app = make_application()
watch = Watch()
app.installEventFilter(watch)
sys.exit(run_desk(data=Path(sys.argv[1]), devices=('none', 'none', 'null')))
"""


class DidNotStart(Exception):
    """The child ended badly, or showed another screen than the one to be measured."""


def _start(program: str, *arguments: str) -> tuple[dict[str, float], str]:
    """Run a child; return ms from its start to each moment that it printed, and the last word."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    moments, last = {}, ""
    for line in done.stdout.splitlines():
        words = line.split()
        if words[:1] in (["imported"], ["usable"]):
            moments[words[0]] = (float(words[1]) - begun) * 1000
            last = words[-1]
    if done.returncode != 0 or "usable" not in moments:
        raise DidNotStart(done.stderr[-2000:])
    return moments, last


def _make_vault(data: Path) -> None:
    directory = VaultDirectory(data / "vault")
    vault, _ = directory.create(
        clinician=Clinician(new_id(), practice_data.CLINICIAN),
        passphrase=practice_data.PASSPHRASE,
        device=DeviceIdentity.generate(new_id()),
    )
    vault.set_clinic(new_id()).result()
    vault.lock()


def desk_starts(repeats: int) -> dict[str, list[float]]:
    """Measure in turns, so that the machine's load meets all of them; ms by what was measured.

    Raises DidNotStart.
    """
    rows: dict[str, list[float]] = {}

    def note(name: str, ms: float) -> None:
        rows.setdefault(name, []).append(ms)

    with tempfile.TemporaryDirectory(prefix="telemed-start-") as name:
        data = Path(name)
        _make_vault(data)
        for _ in range(repeats):
            desk, view = _start(DESK, str(data))
            if view != "UnlockView":
                raise DidNotStart(f"showed {view}")
            note("desk: modules imported", desk["imported"])
            note("desk: unlock screen painted, keys taken", desk["usable"])
            note("yardstick: empty widget painted", _start(EMPTY_WIDGET)[0]["usable"])
            note("yardstick: bare interpreter", _start(BARE)[0]["usable"])
    return rows
