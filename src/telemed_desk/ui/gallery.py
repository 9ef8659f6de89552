"""Draws every screen in light and dark with fictional values, to be looked at beside the design.

``python -m telemed_desk.ui.gallery OUTDIR [NAME]``; needs no display.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from telemed_desk.ui.gallery_screens import SCENES, Scene
from telemed_desk.ui.theme.theme import theme

SIZES = {"": (1440, 900), "-1366x768": (1366, 768), "-1180x660": (1180, 660)}


def settle(app: QGuiApplication) -> None:
    """Let layouts, timers and paints come to rest."""
    for _ in range(4):
        app.processEvents()
    # Without a running event loop nobody else carries these out, and windows would pile up.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def shoot(
    scene: Scene, out: Path, name: str, mode: Literal["light", "dark"], size: tuple[int, int]
) -> Path:
    """Draw one scene to a file and return its path."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        raise TypeError("a gallery needs a QApplication")
    if theme().choice != mode or not app.styleSheet():
        theme().apply(mode)
    window = scene()
    window.resize(*size)
    window.show()
    settle(app)
    dialogs = [d for d in window.findChildren(QDialog) if d.isVisible()]
    target: QWidget = dialogs[0] if dialogs else window
    path = out / f"{name}.png"
    target.grab().save(str(path))
    for dialog in dialogs:
        dialog.close()
    window.close()
    window.deleteLater()
    settle(app)
    return path


def main(arguments: list[str], tell: Callable[[str], object] = sys.stdout.write) -> int:
    """Draw all scenes, or those whose name contains the second argument."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = Path(arguments[0])
    wanted = arguments[1] if len(arguments) > 1 else ""
    out.mkdir(parents=True, exist_ok=True)
    app = QApplication.instance() or QApplication([])
    for name, scene in SCENES.items():
        if wanted not in name:
            continue
        for suffix, size in SIZES.items():
            path = shoot(scene, out, f"{name}{suffix}", "light", size)
            tell(f"{path}\n")
        path = shoot(scene, out, f"{name}-dark", "dark", SIZES[""])
        tell(f"{path}\n")
    app.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
