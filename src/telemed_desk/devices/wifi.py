"""How good the local link is: the signal of the Wi-Fi, the speed of the cable.

Linux: ``/proc/net/wireless`` and ``/sys/class/net``, and NetworkManager's command where the first is
missing. Windows: the WLAN API (wlanapi.h). macOS: CoreWLAN. The last two are written from their
documents and were not tried. No name of a network is ever read.
"""

import contextlib
import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telemed_desk.devices.routes import Interface
from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS

_WIRELESS: Final = Path("/proc/net/wireless")
_SYS: Final = Path("/sys/class/net")
_NMCLI: Final = ("nmcli", "-t", "-f", "IN-USE,SIGNAL", "device", "wifi", "list", "--rescan", "no")
_NMCLI_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class LocalLink:
    """What the interface says of itself; None = it does not say.

    Attributes:
        signal_dbm: Of a Wi-Fi.
        speed_mbps: Of a cable.
        half_duplex: The cable sends and receives by turns: a wrong setting or an old hub.
    """

    signal_dbm: float | None = None
    speed_mbps: float | None = None
    half_duplex: bool = False


def look_at_link(interface: Interface, sys: Path = _SYS, wireless: Path = _WIRELESS) -> LocalLink:
    """Ask the system; blocks for up to two seconds."""
    if interface.kind == "wifi":
        return LocalLink(signal_dbm=_signal_dbm(interface.name, wireless))
    if interface.kind == "cable":
        folder = sys / interface.name
        speed = _number(folder / "speed")
        return LocalLink(
            speed_mbps=speed if speed is not None and speed > 0 else None,
            half_duplex=_text(folder / "duplex") == "half",
        )
    return LocalLink()


def _signal_dbm(name: str, wireless: Path) -> float | None:
    if ON_LINUX:
        found = read_wireless(_text(wireless), name)
        return found if found is not None else _ask_nmcli()
    if ON_WINDOWS:
        return _ask_windows()
    return _ask_mac() if ON_MAC else None


def read_wireless(table: str, name: str) -> float | None:
    """Read an interface's level in dBm from ``/proc/net/wireless`` (wireless extensions)."""
    for line in table.splitlines()[2:]:
        device, _, rest = line.partition(":")
        fields = rest.split()
        if device.strip() != name or len(fields) < 3:
            continue
        with contextlib.suppress(ValueError):
            level = float(fields[2].rstrip("."))
            # some drivers print dBm as an unsigned byte; a percentage cannot be read as dBm
            level = level - 256 if level > 127 else level
            return level if level < 0 else None
    return None


def read_nmcli(said: str) -> float | None:
    """Read the strength of the network in use, percent, as dBm (NetworkManager's own scale)."""
    for line in said.splitlines():
        in_use, _, signal = line.rpartition(":")
        if in_use == "*" and signal.isdigit():
            return strength_dbm(int(signal))
    return None


def strength_dbm(percent: float) -> float:
    """Turn a strength into dBm: 0 % is -100 dBm, 100 % is -50 dBm (wlanapi.h; NetworkManager too)."""
    return percent / 2 - 100


def _ask_nmcli() -> float | None:
    try:
        done = subprocess.run(_NMCLI, capture_output=True, text=True, timeout=_NMCLI_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_nmcli(done.stdout)


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace").strip()
    except OSError:
        return ""  # sysfs answers EINVAL for the speed of a cable that is not plugged in


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None


# ---- Windows ------------------------------------------------------------------------------------

_INFO_BYTES: Final = 532
"""WLAN_INTERFACE_INFO: GUID (16), description (256 UTF-16), state (4)."""
_RSSI: Final = 0x10000102
"""wlan_intf_opcode_rssi."""
_CONNECTED: Final = 1


def _ask_windows() -> float | None:
    """WlanQueryInterface(wlan_intf_opcode_rssi) of the first connected interface."""
    api: Any = ctypes.WinDLL("wlanapi")  # type: ignore[attr-defined, unused-ignore]
    version, handle, listed = ctypes.c_uint32(), ctypes.c_void_p(), ctypes.c_void_p()
    if api.WlanOpenHandle(2, None, ctypes.byref(version), ctypes.byref(handle)) != 0:
        return None
    try:
        if api.WlanEnumInterfaces(handle, None, ctypes.byref(listed)) != 0 or not listed.value:
            return None
        count = ctypes.c_uint32.from_address(listed.value).value
        for number in range(count):
            info = listed.value + 8 + number * _INFO_BYTES
            if ctypes.c_uint32.from_address(info + _INFO_BYTES - 4).value != _CONNECTED:
                continue
            size, data = ctypes.c_uint32(), ctypes.c_void_p()
            asked = api.WlanQueryInterface(
                *(handle, ctypes.c_void_p(info), _RSSI, None),
                *(ctypes.byref(size), ctypes.byref(data), None),
            )
            if asked == 0 and data.value:
                level = float(ctypes.c_int32.from_address(data.value).value)
                api.WlanFreeMemory(data)
                return level
        return None
    finally:
        if listed.value:
            api.WlanFreeMemory(listed)
        api.WlanCloseHandle(handle, None)


# ---- macOS --------------------------------------------------------------------------------------


def _ask_mac() -> float | None:
    """[[[CWWiFiClient sharedWiFiClient] interface] rssiValue], through the Objective-C runtime."""
    ctypes.CDLL("/System/Library/Frameworks/CoreWLAN.framework/CoreWLAN")
    objc: Any = ctypes.CDLL("/usr/lib/libobjc.A.dylib")
    objc.objc_getClass.restype = ctypes.c_void_p
    objc.sel_registerName.restype = ctypes.c_void_p
    to_object = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    to_number = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)

    def selector(name: bytes) -> int:
        return int(objc.sel_registerName(name))

    client = to_object(("objc_msgSend", objc))(
        objc.objc_getClass(b"CWWiFiClient"), selector(b"sharedWiFiClient")
    )
    interface = to_object(("objc_msgSend", objc))(client, selector(b"interface"))
    if not interface:
        return None
    level = to_number(("objc_msgSend", objc))(interface, selector(b"rssiValue"))
    return float(level) if level else None
