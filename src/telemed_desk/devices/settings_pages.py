"""Opens the page of the system's settings where a problem is put right.

Linux: the settings programs of GNOME and KDE, tried here only as far as choosing the command. Windows
and macOS by their published addresses (https://learn.microsoft.com/windows/uwp/launch-resume/
launch-settings-app, Apple's ``x-apple.systempreferences``), written from the documents, not tried.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from telemed_desk.devices.fixes import SettingsPage
from telemed_desk.devices.system import ON_LINUX, ON_WINDOWS

_P = SettingsPage
_WINDOWS: Final = {
    _P.CAMERA: "ms-settings:privacy-webcam",
    _P.MICROPHONE: "ms-settings:privacy-microphone",
    _P.SOUND: "ms-settings:sound",
    _P.NETWORK: "ms-settings:network-status",
    _P.CLOCK: "ms-settings:dateandtime",
}
_MAC: Final = {
    _P.CAMERA: "x-apple.systempreferences:com.apple.preference.security?Privacy_Camera",
    _P.MICROPHONE: "x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone",
    _P.SOUND: "x-apple.systempreferences:com.apple.preference.sound",
    _P.NETWORK: "x-apple.systempreferences:com.apple.preference.network",
    _P.CLOCK: "x-apple.systempreferences:com.apple.preference.datetime",
}
_LINUX: Final[Mapping[SettingsPage, Sequence[Sequence[str]]]] = {
    _P.CAMERA: (("gnome-control-center", "camera"), ("gnome-control-center", "privacy")),
    _P.MICROPHONE: (("gnome-control-center", "microphone"), ("gnome-control-center", "privacy")),
    _P.SOUND: (
        ("gnome-control-center", "sound"),
        ("systemsettings", "kcm_pulseaudio"),
        ("systemsettings5", "kcm_pulseaudio"),
        ("pavucontrol",),
        ("mate-volume-control",),
        ("xfce4-mixer",),
    ),
    _P.NETWORK: (
        ("gnome-control-center", "network"),
        ("systemsettings", "kcm_networkmanagement"),
        ("nm-connection-editor",),
    ),
    _P.CLOCK: (
        ("gnome-control-center", "datetime"),
        ("systemsettings", "kcm_clock"),
        ("time-admin",),
    ),
}


def page_command(
    page: SettingsPage, found: Callable[[str], str | None] = shutil.which
) -> list[str] | None:
    """Return what opens a page; None when this system has nothing for it.

    Args:
        page: Which.
        found: Returns the path of a program, or None.
    """
    if ON_WINDOWS:
        return ["explorer.exe", _WINDOWS[page]]
    if not ON_LINUX:
        return ["/usr/bin/open", _MAC[page]]
    for program, *arguments in _LINUX[page]:
        path = found(program)
        if path is not None:
            return [path, *arguments]
    return None


def open_page(page: SettingsPage) -> bool:
    """Open a page, and return whether there was something to open. Does not wait for it."""
    command = page_command(page)
    if command is None:
        return False
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=os.sep,
        )
    except OSError:
        return False
    return True
