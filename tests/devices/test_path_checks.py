"""Proxy, tunnel, metered link, Wi-Fi and cable: what systems say, read and judged."""

import shutil
from pathlib import Path

import ifaddr
import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.path import (
    PathSeen,
    is_proxied,
    judge_path,
    names_script,
    path_findings,
)
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.metered import is_metered, read_network_manager, read_windows_cost
from telemed_desk.devices.routes import Interface, interface_towards, kind_of
from telemed_desk.devices.wifi import (
    LocalLink,
    look_at_link,
    read_nmcli,
    read_wireless,
)

WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
wlp2s0: 0000   54.  -56.  -256        0      0      0      0    131        0
  wlan1: 0000   30.  180.  -256        0      0      0      0      0        0
  wlan2: 0000   30.   44.     0        0      0      0      0      0        0
"""


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


# ---- metered -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "metered"),
    [
        (b'{"type":"u","data":1}\n', True),
        (b'{"type":"u","data":3}\n', True),
        (b'{"type":"u","data":2}\n', False),
        (b'{"type":"u","data":4}\n', False),
        (b'{"type":"u","data":0}\n', None),
        (b"", None),
        (b"u 4\n", None),
        (b"[1]", None),
    ],
)
def test_what_network_manager_says(said: bytes, *, metered: bool | None) -> None:
    assert read_network_manager(said) is metered


@pytest.mark.parametrize(
    ("cost", "metered"),
    [
        (0, None),
        (1, False),
        (2, True),
        (4, True),
        (0x40001, True),
        (0x10001, True),
        (0x20001, False),
    ],
)
def test_what_windows_says(cost: int, *, metered: bool | None) -> None:
    assert read_windows_cost(cost) is metered


@pytest.mark.parametrize(
    ("script", "metered"),
    [
        ('echo \'{"type":"u","data":3}\'', True),
        ("exit 1", None),
        ("exec sleep 60", None),
    ],
)
async def test_the_system_is_asked_and_never_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, *, metered: bool | None
) -> None:
    program = tmp_path / "busctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("telemed_desk.devices.metered.ASK_S", 0.5)
    assert await is_metered() is metered


async def test_a_system_without_the_program_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await is_metered() is None


# ---- routes --------------------------------------------------------------------------------------


def interface(root: Path, name: str, **files: str) -> None:
    (root / name).mkdir()
    for file, text in files.items():
        (root / name / file).write_text(text + "\n")


def test_kinds_of_interfaces(tmp_path: Path) -> None:
    interface(tmp_path, "eno1", type="1")
    interface(tmp_path, "corp0", type="65534", tun_flags="0x1001")
    interface(tmp_path, "wwan0", type="519")
    interface(tmp_path, "wlp2s0", type="1")
    (tmp_path / "wlp2s0" / "wireless").mkdir()
    assert [kind_of(n, tmp_path) for n in ("eno1", "corp0", "wwan0", "wlp2s0", "tun0", "wg0")] == [
        *("cable", "tunnel", "unknown", "wifi", "tunnel", "tunnel")
    ]
    assert kind_of("docker0", tmp_path) == "virtual"
    windows = ("Intel(R) Wi-Fi 6 AX201", "Realtek Ethernet Controller", "WireGuard Tunnel", "X")
    assert [kind_of(n, tmp_path) for n in windows] == ["wifi", "cable", "tunnel", "unknown"]


def test_the_interface_towards_a_host_is_found() -> None:
    towards = interface_towards("127.0.0.1")
    assert towards is not None
    assert towards.name == "lo"
    assert interface_towards("127.0.0.1", adapters=[]) is None
    assert interface_towards("clinic.invalid") is None
    other = ifaddr.Adapter("x", "x", [ifaddr.IP("203.0.113.9", 24, "x")])
    assert interface_towards("127.0.0.1", adapters=[other]) is None


def test_proxies_and_who_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "clinic.test")
    proxies = {"https": "http://proxy.test:3128", "no": "clinic.test"}
    assert is_proxied("other.test", proxies)
    assert not is_proxied("clinic.test", proxies)
    assert not is_proxied("other.test", {"no": "clinic.test"})


def test_a_script_that_chooses_proxies_is_noticed_where_macos_tells() -> None:
    on = "<dictionary> {\n  ProxyAutoConfigEnable : 1\n  ProxyAutoConfigURLString : http://p/x.pac\n}"
    assert names_script(on)
    assert not names_script(on.replace(": 1", ": 0"))
    assert not names_script("")


# ---- Wi-Fi and cable -----------------------------------------------------------------------------


def test_levels_of_wifi(tmp_path: Path) -> None:
    assert read_wireless(WIRELESS, "wlp2s0") == -56
    assert read_wireless(WIRELESS, "wlan1") == -76  # an unsigned byte
    assert read_wireless(WIRELESS, "wlan2") is None  # a percentage: not to be taken for dBm
    assert read_wireless(WIRELESS, "wlan9") is None
    assert read_wireless("", "wlp2s0") is None
    assert read_nmcli(" :40\n*:72\n :90\n") == -64
    assert read_nmcli(" :40\n") is None
    table = tmp_path / "wireless"
    table.write_text(WIRELESS)
    assert look_at_link(Interface("wlp2s0", "wifi"), tmp_path, table) == LocalLink(-56)


def test_speed_of_a_cable(tmp_path: Path) -> None:
    interface(tmp_path, "eno1", speed="1000", duplex="full")
    interface(tmp_path, "eno2", speed="-1", duplex="unknown")
    interface(tmp_path, "eno3", speed="100", duplex="half")
    assert look_at_link(Interface("eno1", "cable"), tmp_path) == LocalLink(speed_mbps=1000)
    assert look_at_link(Interface("eno2", "cable"), tmp_path) == LocalLink()
    assert look_at_link(Interface("eno3", "cable"), tmp_path).half_duplex
    assert look_at_link(Interface("gone", "cable"), tmp_path) == LocalLink()


# ---- judging -------------------------------------------------------------------------------------

CABLE = Interface("eno1", "cable")
WIFI = Interface("wlp2s0", "wifi")


def seen(
    kind: Interface | None = CABLE,
    link: LocalLink = LocalLink(speed_mbps=1000),  # noqa: B008 - frozen
    *,
    proxied: bool = False,
    metered: bool | None = False,
) -> dict[str, Finding]:
    return by_check(judge_path(PathSeen(proxied, kind, link, metered)))


def test_a_plain_cable_is_all_green() -> None:
    assert {f.outcome for f in seen().values()} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("check", "found", "outcome"),
    [
        ("N3.proxy", seen(proxied=True), Outcome.WARN),
        ("N3.vpn", seen(Interface("tun0", "tunnel"), LocalLink()), Outcome.WARN),
        ("N3.vpn", seen(None, LocalLink()), Outcome.CANNOT_TELL),
        ("N3.metered", seen(metered=True), Outcome.WARN),
        ("N3.metered", seen(metered=None), Outcome.CANNOT_TELL),
        ("N12.signal", seen(WIFI, LocalLink(-60)), Outcome.PASS),
        ("N12.signal", seen(WIFI, LocalLink(-70)), Outcome.WARN),
        ("N12.signal", seen(WIFI, LocalLink(-82)), Outcome.FAIL),
        ("N12.signal", seen(WIFI, LocalLink()), Outcome.CANNOT_TELL),
        ("N12.cable", seen(CABLE, LocalLink(speed_mbps=10)), Outcome.WARN),
        ("N12.cable", seen(CABLE, LocalLink(speed_mbps=100, half_duplex=True)), Outcome.FAIL),
        ("N12.cable", seen(CABLE, LocalLink()), Outcome.CANNOT_TELL),
    ],
)
def test_each_thing_in_the_way_is_named_and_none_cries_wolf(
    check: str, found: dict[str, Finding], outcome: Outcome
) -> None:
    assert found[check].outcome is outcome
    assert (found[check].cause == "") is (outcome is Outcome.PASS)
    assert {f.ceiling for f in found.values()} == {Rung.HD_VIDEO}
    others = {f.outcome for name, f in found.items() if name != check}
    assert others <= {Outcome.PASS}


async def test_this_pcs_own_way_is_looked_at() -> None:
    found = by_check(await path_findings("127.0.0.1"))
    assert {"N3.proxy", "N3.vpn", "N3.metered"} <= set(found)
    if shutil.which("busctl") is None:
        assert found["N3.metered"].outcome is Outcome.CANNOT_TELL
