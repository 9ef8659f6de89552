"""What a relay's client keeps, throws away and says, without a network to speak of."""

import asyncio
import socket
import ssl

import pytest
from aioice import stun
from aiortc.rtcconfiguration import RTCIceServer
from hypothesis import given, settings
from hypothesis import strategies as st

from telemed_desk.media.transport.gathering import interface_preference
from telemed_desk.media.transport.pacer import Pacer, Priority
from telemed_desk.media.transport.relay import (
    HARD_BYTES,
    TcpRelayClient,
    UdpRelayClient,
    relay_problem,
)
from telemed_desk.media.transport.servers import MOST_TURN, TurnServer, read_servers


def server(*urls: str, username: str = "1:x", credential: str = "y") -> RTCIceServer:
    return RTCIceServer(list(urls), username, credential)


def test_addresses_of_servers_are_read_ipv6_and_all_ways() -> None:
    stuns, turns = read_servers(
        [
            server("stun:[2001:db8::1]", "stun:stun.test:5000"),
            server("turn:a.test", "turn:a.test:80?transport=tcp", "turns:a.test:443?transport=tcp"),
            server(
                "turn:a.test", "turns:b.test?transport=udp", "turn:", "nonsense", "turn:a:99999"
            ),
        ]
    )
    assert [(s.host, s.port) for s in stuns] == [("2001:db8::1", 3478), ("stun.test", 5000)]
    assert [t.name for t in turns] == ["udp a.test:3478", "tcp a.test:80", "tls a.test:443"]
    assert read_servers([RTCIceServer("turn:a.test")])[1] == []  # without credentials: of no use
    crowd = [server(*(f"turn:r{n}.test" for n in range(50)))]
    assert len(read_servers(crowd)[1]) == MOST_TURN
    assert TurnServer("::1", 3478, "udp", "", "").name == "udp [::1]:3478"


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_no_address_however_odd_raises(urls: list[str]) -> None:
    read_servers([server(*urls)])


def refusal(code: int) -> stun.TransactionFailed:
    message = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.ERROR)
    message.attributes["ERROR-CODE"] = (code, "no")
    return stun.TransactionFailed(message)


@pytest.mark.parametrize(
    ("error", "username", "code"),
    [
        (refusal(401), "2000:x", "relay-refused"),
        (refusal(401), "999:x", "relay-expired"),
        (refusal(401), "person", "relay-refused"),
        (refusal(486), "2000:x", "relay-quota"),
        (refusal(508), "2000:x", "relay-quota"),
        (refusal(500), "2000:x", "relay-error"),
        (ssl.SSLCertVerificationError("x"), "2000:x", "relay-certificate"),
        (socket.gaierror("x"), "2000:x", "relay-name"),
        (stun.TransactionTimeout(), "2000:x", "relay-unreachable"),
        (TimeoutError(), "2000:x", "relay-unreachable"),
        (ConnectionRefusedError(), "2000:x", "relay-unreachable"),
    ],
)
def test_what_is_wrong_with_a_relay_has_a_name(
    error: BaseException, username: str, code: str
) -> None:
    assert relay_problem(error, username, 1000.0) == code


def test_a_real_network_before_a_tunnel_before_bridges() -> None:
    order = [("eth0", "::1"), ("eth0", "10.0.0.1"), ("wg0", "10.1.0.1"), ("docker0", "172.17.0.1")]
    found = [interface_preference(name, address) for name, address in order]
    assert found == sorted(set(found), reverse=True)


async def test_a_relay_that_stops_reading_holds_little_and_old_packets_are_thrown_away() -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def stop_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        accepted.put_nowait(writer)
        del reader

    listening = await asyncio.start_server(stop_reading, "127.0.0.1", 0)
    address = listening.sockets[0].getsockname()
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: TcpRelayClient(
            address, username="1:x", password="y", lifetime=600, channel_refresh_time=240
        ),
        *address,
    )
    writer = await accepted.get()
    peer = ("192.0.2.9", 4000)
    client.peer_to_channel[peer], client.channel_to_peer[0x4000] = 0x4000, peer
    client.channel_refresh_at[0x4000] = float("inf")
    try:
        for _ in range(20_000):  # 24 MB: more than any system buffers by itself
            assert client.send_bound(bytes(1200), peer)
        await asyncio.sleep(0)
        assert client.dropped > 10_000
        assert client.backlog() <= HARD_BYTES + 1204
        before = client.backlog()
        client.send_stun(
            stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST),
            address,
        )
        assert client.backlog() > before  # what keeps the allocation alive is never thrown away
    finally:
        client.abort()
        writer.transport.abort()
        listening.close()
        await listening.wait_closed()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_of_a_relay_raise(data: bytes) -> None:
    parts = {"username": "1:x", "password": "y", "lifetime": 600, "channel_refresh_time": 240}
    udp = UdpRelayClient(("192.0.2.1", 1), **parts)  # type: ignore[arg-type]
    udp.datagram_received(data, ("192.0.2.1", 1))
    udp.datagram_received(b"\x40\x00" + data, ("192.0.2.1", 1))


def test_while_the_relay_takes_no_more_only_voice_leaves() -> None:
    pacer: Pacer[str] = Pacer(1_000_000)
    pacer.held = True
    pacer.push("picture", 1000, Priority.VIDEO, 0, frame=1)
    pacer.push("voice", 100, Priority.AUDIO, 0)
    assert pacer.take(1_000_000) == ["voice"]
    assert pacer.take(100_000_000) == []
    pacer.held = False
    pacer.take(200_000_000)
    assert pacer.empty
