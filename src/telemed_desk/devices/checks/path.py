"""What lies between this PC and the internet: proxy, tunnel, metered link, Wi-Fi, cable (N3, N12)."""

import asyncio
import contextlib
import importlib
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.metered import is_metered
from telemed_desk.devices.routes import Interface, interface_towards
from telemed_desk.devices.system import ON_MAC, ON_WINDOWS
from telemed_desk.devices.wifi import LocalLink, look_at_link

_NOTHING = "Nothing to do."
_PAC: Final = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_SCUTIL_S: Final = 2.0
HALF_DUPLEX = "The network cable sends and receives by turns (half duplex)."


@dataclass(frozen=True, slots=True)
class PathSeen:
    """What the system says of the way to the server.

    Attributes:
        proxied: Requests to the server go through a proxy.
        interface: That packets leave by; None = there is no way.
        link: What that interface says of itself.
        metered: Data costs or is limited; None = cannot tell.
    """

    proxied: bool
    interface: Interface | None
    link: LocalLink
    metered: bool | None


async def path_findings(host: str) -> list[Finding]:
    """Look at the way to a host; at most some seconds, as long as names take to be looked up."""
    metered, (interface, link, proxied) = await asyncio.gather(
        is_metered(), asyncio.to_thread(_look, host)
    )
    return judge_path(PathSeen(proxied, interface, link, metered))


def _look(host: str) -> tuple[Interface | None, LocalLink, bool]:
    interface = interface_towards(host)
    link = LocalLink() if interface is None else look_at_link(interface)
    return interface, link, is_proxied(host, getproxies()) or has_proxy_script()


def is_proxied(host: str, proxies: Mapping[str, str]) -> bool:
    """Return whether the system's settings send requests to a host through a proxy.

    Args:
        host: Of the server.
        proxies: As ``urllib`` reads them: environment, Windows registry, macOS settings.
    """
    if not any(proxies.get(kind) for kind in ("https", "http", "all")):
        return False
    return not proxy_bypass(host)


def has_proxy_script() -> bool:
    """Return whether the system's settings name a script that chooses proxies (PAC).

    Windows and macOS, written from their documents and not tried; on Linux desktops there is no one
    place for it. Our requests do not run such scripts: it is said, so that IT knows where to look.
    """
    if ON_WINDOWS:
        registry: Any = importlib.import_module("winreg")
        with (
            contextlib.suppress(OSError),
            registry.OpenKey(registry.HKEY_CURRENT_USER, _PAC) as key,
        ):
            return bool(registry.QueryValueEx(key, "AutoConfigURL")[0])
        return False
    if not ON_MAC:
        return False
    try:
        done = subprocess.run(
            ("scutil", "--proxy"), capture_output=True, text=True, timeout=_SCUTIL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return names_script(done.stdout)


def names_script(said: str) -> bool:
    """Read whether ``scutil --proxy`` speaks of a script in use."""
    return re.search(r"ProxyAutoConfigEnable\s*:\s*1", said) is not None


def judge_path(seen: PathSeen) -> list[Finding]:
    """Put it into findings; none of them forbids a call by itself."""
    proxy = LIMITS["N3.proxy"].judge(float(seen.proxied))
    if seen.interface is None:
        tunnel = LIMITS["N3.vpn"].unknown("There is no way to the server.", "Check the network.")
    else:
        tunnel = LIMITS["N3.vpn"].judge(float(seen.interface.kind == "tunnel"))
    metered = (
        LIMITS["N3.metered"].unknown("The system does not say what this link costs.", _NOTHING)
        if seen.metered is None
        else LIMITS["N3.metered"].judge(float(seen.metered))
    )
    return [proxy, tunnel, metered, *_local(seen.interface, seen.link)]


def _local(interface: Interface | None, link: LocalLink) -> list[Finding]:
    kind = "" if interface is None else interface.kind
    if kind == "wifi":
        return [_signal(link)]
    return [_cable(link)] if kind == "cable" else []


def _signal(link: LocalLink) -> Finding:
    limit = LIMITS["N12.signal"]
    if link.signal_dbm is None:
        return limit.unknown("The system does not say how strong the Wi-Fi is.", _NOTHING)
    return limit.judge(round(link.signal_dbm))


def _cable(link: LocalLink) -> Finding:
    limit = LIMITS["N12.cable"]
    if link.half_duplex:
        return limit.failed(HALF_DUPLEX)
    if link.speed_mbps is None:
        return limit.unknown("The system does not say how fast the cable is.", _NOTHING)
    return limit.judge(link.speed_mbps)
