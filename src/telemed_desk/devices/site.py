"""Where this PC is, as far as its history must know: a text that differs from place to place.

The hardware address of the router is such a text. It is hashed with a key before anything is kept
(:mod:`.history`), and never leaves this PC. Linux only; elsewhere the place is not known, and all
checks of a PC count as made at one place.
"""

from pathlib import Path

from telemed_desk.devices.system import ON_LINUX

_ROUTES = Path("/proc/net/route")
_NEIGHBOURS = Path("/proc/net/arp")
_GATEWAY_FLAG = 0x2


def place_text(routes: Path = _ROUTES, neighbours: Path = _NEIGHBOURS) -> str:
    """Return the router's hardware address; empty when it cannot be told. Takes a millisecond."""
    if not ON_LINUX:
        return ""
    try:
        gateway = _gateway(routes.read_text("ascii"))
        listed = neighbours.read_text("ascii").splitlines()[1:]
    except (OSError, ValueError):
        return ""
    for line in listed:
        address, _kind, _flags, hardware, *_ = line.split()
        if address == gateway:
            return hardware
    return ""


def _gateway(table: str) -> str:
    for line in table.splitlines()[1:]:
        _name, target, gateway, flags, *_ = line.split()
        if target == "00000000" and int(flags, 16) & _GATEWAY_FLAG:
            # The kernel prints the address as one number in the byte order of the machine.
            return ".".join(str(part) for part in reversed(bytes.fromhex(gateway)))
    return ""
