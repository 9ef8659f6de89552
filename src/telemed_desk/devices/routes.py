"""Which of this PC's network interfaces leads to the server, and what kind it is."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import ifaddr

from telemed_desk.devices.system import ON_LINUX

VIRTUAL: Final = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "vethernet", "zt")
"""How bridges of virtual machines are called."""
TUNNEL: Final = ("tun", "tap", "wg", "ppp", "utun", "ipsec", "tailscale")
"""How tunnels are called: ``ppp`` is one too, whatever it runs over."""
_TUNNEL_WORDS: Final = ("vpn", "wireguard", "wintun", "tap-windows", "anyconnect", "globalprotect")
"""In the descriptions that Windows gives its adapters."""
_ETHERNET: Final = "1"
"""ARPHRD_ETHER in ``/sys/class/net/<name>/type``; Wi-Fi has it too."""
_SYS: Final = Path("/sys/class/net")

Kind = Literal["cable", "wifi", "tunnel", "virtual", "unknown"]


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface.

    Attributes:
        name: As the system calls it; on Windows its description.
        kind: What it is, as far as can be told.
    """

    name: str
    kind: Kind


def interface_towards(
    host: str, adapters: Iterable[ifaddr.Adapter] | None = None
) -> Interface | None:
    """Return the interface that packets to a host leave by; None when there is no way there.

    Looks the name up, so it may take as long as that; sends nothing to the host itself.
    """
    address = _own_address_towards(host)
    if address is None:
        return None
    for adapter in ifaddr.get_adapters() if adapters is None else adapters:
        for ip in adapter.ips:
            if (ip.ip if isinstance(ip.ip, str) else ip.ip[0]) == address:
                name = adapter.name if ON_LINUX else str(adapter.nice_name or adapter.name)
                return Interface(str(name), kind_of(str(name)))
    return None


def kind_of(name: str, sys: Path = _SYS) -> Kind:
    """Return what kind of interface a name belongs to."""
    low = name.lower()
    if low.startswith(TUNNEL) or any(word in low for word in _TUNNEL_WORDS):
        return "tunnel"
    if low.startswith(VIRTUAL):
        return "virtual"
    if (sys / name).is_dir():
        return _kind_by_files(sys / name)
    if "wi-fi" in low or "wireless" in low or "wlan" in low:
        return "wifi"
    return "cable" if "ethernet" in low else "unknown"


def _kind_by_files(folder: Path) -> Kind:
    if (folder / "wireless").is_dir() or (folder / "phy80211").exists():
        return "wifi"
    if (folder / "tun_flags").exists():
        return "tunnel"
    return "cable" if _read(folder / "type") == _ETHERNET else "unknown"


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _own_address_towards(host: str) -> str | None:
    try:
        found = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)
    except OSError:
        return None
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as asked:
                asked.connect(address)  # of UDP: asks the routing table, sends nothing
                return str(asked.getsockname()[0])
        except OSError:
            continue
    return None
