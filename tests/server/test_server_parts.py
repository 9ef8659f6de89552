"""Small parts, each by itself: log keys, networks, limits, relay credentials, names."""

from pathlib import Path

import pytest

from telemed_server.errors import BadSetting, RequestRefused
from telemed_server.ice import turn_credential
from telemed_server.limiting import Limiter, network_of
from telemed_server.logs import allow_listed, places_of, pseudonym
from telemed_server.settings import Settings, host_of


def test_a_log_line_keeps_allowed_keys_only() -> None:
    line = {"event": "request", "status": 200, "patient": "Mfano", "path": "/j/x", "token": "t"}
    assert allow_listed(None, "info", line) == {"event": "request", "status": 200}


def test_an_errors_words_do_not_reach_the_log() -> None:
    with pytest.raises(ValueError, match="Mfano") as caught:
        int("Amani Mfano")
    places = places_of(caught.value)
    assert "Mfano" not in str(places)
    assert "test_server_parts.py" in places[0]


def test_a_pseudonym_is_stable_within_a_run_and_is_not_the_value() -> None:
    assert pseudonym("10.0.0.1") == pseudonym(b"10.0.0.1")
    assert pseudonym("10.0.0.1") != pseudonym("10.0.0.2")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("nonsense", "?"),
    ],
)
def test_an_ipv6_neighbour_counts_as_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_limit_says_when_it_ends_and_counts_each_key_alone() -> None:
    limiter = Limiter({"join": "2/minute"})
    for key in ("a", "b"):
        limiter.check("join", key)
        limiter.check("join", key)
    with pytest.raises(RequestRefused) as refused:
        limiter.check("join", "a")
    assert refused.value.status == 429
    assert refused.value.retry_after_s is not None
    assert 1 <= refused.value.retry_after_s <= 60


def test_relay_credentials_are_what_coturn_computes() -> None:
    # echo -n 1700000000:abc | openssl dgst -sha1 -hmac north -binary | base64
    assert turn_credential(b"north", "1700000000:abc") == "g5HTmCBrPDhYXFpM/1dHUtfE+c4="


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Clinic.Example:443", "clinic.example"),
        ("[::1]:80", "::1"),
        ("user@localhost", ""),
        ("a; b", ""),
        ("[", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(authority: str, host: str) -> None:
    assert host_of(authority) == host


def test_a_public_server_knows_its_own_name_only(tmp_path: Path) -> None:
    public = Settings(tmp_path, origins=("https://clinic.example",))
    assert public.hosts == {"clinic.example"}
    assert public.secure
    assert public.is_own_origin("https://clinic.example", "clinic.example")
    assert not public.is_own_origin("http://clinic.example", "clinic.example")
    with pytest.raises(BadSetting):
        Settings(tmp_path, host="192.0.2.1")
