"""Whether the link in use costs by the byte, as far as the system knows.

Linux: NetworkManager's own estimate, asked over D-Bus with systemd's ``busctl``. Windows: the network
cost manager (COM, netlistmgr.h). macOS: ``NWPath`` (Network.framework, path_monitor.h). The last two are
written from their documents and were not tried.
"""

import asyncio
import contextlib
import ctypes
import json
import queue
import uuid
from typing import Any, Final

from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS

ASK_S: Final = 2.0
_MANAGER: Final = "org.freedesktop.NetworkManager"
_BUSCTL: Final = (
    *("busctl", "--system", "--json=short", "--timeout=1", "get-property"),
    *(_MANAGER, "/org/freedesktop/NetworkManager", _MANAGER, "Metered"),
)


async def is_metered() -> bool | None:
    """Return whether data costs or is limited here; None = cannot tell. At most two seconds."""
    if ON_LINUX:
        return await _ask_network_manager()
    if ON_WINDOWS:
        return await asyncio.to_thread(_ask_windows)
    if ON_MAC:
        return await asyncio.to_thread(_ask_mac)
    return None


async def _ask_network_manager() -> bool | None:
    try:
        asked = await asyncio.create_subprocess_exec(
            *_BUSCTL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(ASK_S):
            said, _ = await asked.communicate()
    except TimeoutError:
        return None
    finally:
        if asked.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                asked.kill()
            await asked.wait()
    return read_network_manager(said)


def read_network_manager(said: bytes) -> bool | None:
    """Read what ``busctl`` printed of NetworkManager's ``Metered`` (NMMetered).

    0 unknown, 1 yes, 2 no, 3 guessed yes (a phone's hotspot names itself), 4 guessed no.
    """
    try:
        value = json.loads(said)["data"]
    except (ValueError, KeyError, TypeError):
        return None
    return {1: True, 2: False, 3: True, 4: False}.get(value)


# ---- Windows ------------------------------------------------------------------------------------

_LIST_MANAGER: Final = uuid.UUID("dcb00c01-570f-4a9b-8d69-199fdba5723b")
_COST_MANAGER: Final = uuid.UUID("dcb00008-570f-4a9b-8d69-199fdba5723b")
_ALL_CONTEXTS: Final = 23
_FIXED, _VARIABLE, _OVER_LIMIT, _ROAMING = 0x2, 0x4, 0x10000, 0x40000
_UNKNOWN: Final = 0
_RELEASE, _GET_COST = 2, 3
"""Places in the interface's table: IUnknown has the first three."""


def read_windows_cost(cost: int) -> bool | None:
    """Read NLM_CONNECTION_COST."""
    if cost == _UNKNOWN:
        return None
    return bool(cost & (_FIXED | _VARIABLE | _OVER_LIMIT | _ROAMING))


def _ask_windows() -> bool | None:
    """INetworkCostManager::GetCost of the machine's own default route."""
    ole: Any = ctypes.WinDLL("ole32")  # type: ignore[attr-defined, unused-ignore]
    begun = ole.CoInitializeEx(None, 0) >= 0
    try:
        manager = ctypes.c_void_p()
        kinds = [(ctypes.c_ubyte * 16)(*one.bytes_le) for one in (_LIST_MANAGER, _COST_MANAGER)]
        made = ole.CoCreateInstance(kinds[0], None, _ALL_CONTEXTS, kinds[1], ctypes.byref(manager))
        if made != 0 or not manager.value:
            return None
        table = ctypes.cast(manager, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
        of_windows: Any = ctypes.WINFUNCTYPE  # type: ignore[attr-defined, unused-ignore]
        get_cost = of_windows(
            ctypes.c_long, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.c_void_p
        )(table[_GET_COST])
        release = of_windows(ctypes.c_ulong, ctypes.c_void_p)(table[_RELEASE])
        cost = ctypes.c_uint32()
        asked = get_cost(manager, ctypes.byref(cost), None)
        release(manager)
        return read_windows_cost(cost.value) if asked == 0 else None
    finally:
        if begun:
            ole.CoUninitialize()


# ---- macOS --------------------------------------------------------------------------------------


class _Block(ctypes.Structure):
    """An Objective-C block without captured values (Block ABI of Clang's documents)."""

    _fields_ = (
        ("isa", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("invoke", ctypes.c_void_p),
        ("descriptor", ctypes.c_void_p),
    )


_GLOBAL_BLOCK: Final = 1 << 28


def _ask_mac() -> bool | None:
    """nw_path_is_expensive and nw_path_is_constrained of the first path told."""
    network: Any = ctypes.CDLL("/System/Library/Frameworks/Network.framework/Network")
    system: Any = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
    for name in ("nw_path_is_expensive", "nw_path_is_constrained"):
        getattr(network, name).argtypes = [ctypes.c_void_p]
        getattr(network, name).restype = ctypes.c_bool
    network.nw_path_monitor_create.restype = ctypes.c_void_p
    system.dispatch_queue_create.restype = ctypes.c_void_p
    told: queue.Queue[bool] = queue.Queue()

    def on_path(_block: int, path: int) -> None:
        told.put(network.nw_path_is_expensive(path) or network.nw_path_is_constrained(path))

    invoke = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(on_path)
    sizes = (ctypes.c_ulong * 2)(0, ctypes.sizeof(_Block))
    block = _Block(
        ctypes.addressof(ctypes.c_void_p.in_dll(system, "_NSConcreteGlobalBlock")),
        _GLOBAL_BLOCK,
        0,
        ctypes.cast(invoke, ctypes.c_void_p),
        ctypes.addressof(sizes),
    )
    monitor = ctypes.c_void_p(network.nw_path_monitor_create())
    lane = ctypes.c_void_p(system.dispatch_queue_create(b"telemed.path", None))
    network.nw_path_monitor_set_queue(monitor, lane)
    network.nw_path_monitor_set_update_handler(monitor, ctypes.byref(block))
    network.nw_path_monitor_start(monitor)
    try:
        return told.get(timeout=ASK_S)
    except queue.Empty:
        return None
    finally:
        network.nw_path_monitor_cancel(monitor)
        _kept.extend((invoke, sizes, block))


_kept: list[Any] = []
"""A cancelled monitor may still call once: what it calls must not be gone."""
