"""Which program has the camera, where the system tells.

Linux: who has the device open, from ``/proc/*/fd``; of other users' programs the kernel says nothing.
Windows: CapabilityAccessManager notes who uses the camera now
(https://learn.microsoft.com/windows/privacy/windows-privacy-faq; the layout of its keys is described by
forensic practice, not by Microsoft), not tried. macOS tells whether, not who.
"""

import importlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from telemed_desk.devices.system import ON_LINUX, ON_WINDOWS

_KNOWN = {
    "chrome": "Chrome",
    "chromium": "Chromium",
    "firefox": "Firefox",
    "firefox-esr": "Firefox",
    "msedge": "Edge",
    "zoom": "Zoom",
    "teams": "Teams",
    "ms-teams": "Teams",
    "skypeforlinux": "Skype",
    "obs": "OBS Studio",
    "cheese": "Cheese",
    "pipewire": "",
    "wireplumber": "",
}
"""What people call it; empty = a service that holds it for another program, whose name says nothing."""

CONSENT_STORE = (
    r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
)


def camera_holders(address: str, proc: Path = Path("/proc")) -> list[str]:
    """Return the programs that have a camera open, as people call them, without this one.

    Args:
        address: As listed.
        proc: Where Linux lists processes.
    """
    if ON_LINUX:
        names = set(_linux_holders(Path(address), proc))
    elif ON_WINDOWS:
        names = set(_windows_holders())
    else:
        names = set()
    return sorted(known for name in names if (known := _KNOWN.get(name.lower(), name)))


def _linux_holders(node: Path, proc: Path) -> Iterator[str]:
    try:
        wanted = node.stat()
    except OSError:
        return
    for process in proc.iterdir():
        if not process.name.isdigit() or process.name == str(os.getpid()):
            continue
        try:
            if any(_is(link, node.name, wanted) for link in (process / "fd").iterdir()):
                yield (process / "comm").read_text(errors="replace").strip()
        except OSError:
            continue  # another user's, or just gone


def _is(link: Path, name: str, wanted: os.stat_result) -> bool:
    try:
        # The name first: asking what lies behind every open file could wait for a dead network drive.
        if Path(link.readlink()).name != name:
            return False
        open_file = link.stat()
    except OSError:
        return False
    if stat.S_ISCHR(wanted.st_mode) and stat.S_ISCHR(open_file.st_mode):
        return open_file.st_rdev == wanted.st_rdev
    return (open_file.st_dev, open_file.st_ino) == (wanted.st_dev, wanted.st_ino)


def _windows_holders() -> Iterator[str]:
    """Programs whose use of a camera has begun and not ended: ``LastUsedTimeStop`` is nought."""
    registry: Any = importlib.import_module("winreg")
    for group in ("", r"\NonPackaged"):
        try:
            parent = registry.OpenKey(registry.HKEY_CURRENT_USER, CONSENT_STORE + group)
        except OSError:
            continue
        with parent:
            for place in range(registry.QueryInfoKey(parent)[0]):
                program = registry.EnumKey(parent, place)
                try:
                    with registry.OpenKey(parent, program) as key:
                        stopped = registry.QueryValueEx(key, "LastUsedTimeStop")[0]
                except OSError:
                    continue
                if stopped == 0:
                    # A desktop program's key is its path with # for each backslash.
                    yield program.rpartition("#")[2].rpartition(".")[0] or program
