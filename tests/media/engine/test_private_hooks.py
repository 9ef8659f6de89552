"""The contract with aiortc and aioice: every private thing that our engine leans on.

When one of these fails after an upgrade, read what changed before touching the expected values.
"""

import asyncio.sslproto
import inspect
from importlib.metadata import version
from types import ModuleType

import aiortc
import aiortc.rtcdtlstransport as dtls
import aiortc.rtcicetransport as ice_transport
import aiortc.rtcpeerconnection as peer_connection
import pytest
from aioice import Candidate, ice, mdns, stun, turn
from aiortc import rtp
from aiortc.rtcrtptransceiver import RTCRtpTransceiver

from telemed_desk.media.transport import install as install_module
from telemed_desk.media.transport.dtls import MediaTransport
from telemed_desk.media.transport.ice import PatientConnection, PatientGatherer
from telemed_desk.media.transport.install import (
    EXPECTED,
    REPLACED,
    ForeignLibraryVersion,
    install,
)
from telemed_desk.media.transport.receiver import PacketReceiver
from telemed_desk.media.transport.restart import RestartableTransport
from telemed_desk.media.transport.sender import PacketSender
from telemed_desk.media.transport.twcc import TWCC_URI


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_versions_are_those_we_read() -> None:
    assert {name: version(name) for name in EXPECTED} == EXPECTED


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_module, "MODULE_NAME", "aiortc._telemed_test_copy")
    monkeypatch.setattr(install_module, "EXPECTED", {"aiortc": "1.15.0"})
    with pytest.raises(ForeignLibraryVersion):
        install()


def test_installing_twice_is_once_and_leaves_stock_aiortc_alone() -> None:
    module = install()
    assert install() is module
    assert isinstance(module, ModuleType)
    assert module is not peer_connection
    for name, ours in REPLACED.items():
        assert getattr(module, name) is ours
        assert getattr(peer_connection, name) is not ours
    assert aiortc.RTCPeerConnection is peer_connection.RTCPeerConnection
    assert TWCC_URI not in [x.uri for x in peer_connection.HEADER_EXTENSIONS["video"]]
    assert TWCC_URI in [x.uri for x in module.HEADER_EXTENSIONS["audio"]]


def test_rtcpeerconnection_looks_its_parts_up_as_globals_when_it_needs_them() -> None:
    source = inspect.getsource(peer_connection.RTCPeerConnection)
    for call in (
        "RTCRtpSender(sender_track or kind, dtlsTransport)",
        "RTCRtpReceiver(kind, dtlsTransport)",
        "RTCDtlsTransport(iceTransport, self.__certificates)",
        "RTCIceTransport(iceGatherer)",
        "CODECS[",
        "HEADER_EXTENSIONS[",
    ):
        assert call in source
    assert source.count("RTCIceGatherer(") == 2


def test_our_sender_and_receiver_have_all_that_is_asked_of_them() -> None:
    sources = "".join(
        inspect.getsource(part) for part in (peer_connection, RTCRtpTransceiver, dtls.RtpRouter)
    )
    for ours, words in (
        (
            PacketSender,
            "send stop replaceTrack setTransport getStats track transport _handle_rtcp_packet",
        ),
        (
            PacketReceiver,
            (
                "receive stop setTransport getStats track transport _set_rtcp_ssrc"
                " _handle_rtcp_packet _handle_rtp_packet _handle_disconnect"
            ),
        ),
    ):
        for word in words.split():
            assert hasattr(ours, word), word
    for attribute in ("_ssrc", "_rtx_ssrc", "_stream_id", "_track_id"):
        assert f"sender.{attribute}" in sources
        assert f"self.{attribute}" in inspect.getsource(PacketSender)
    assert "receiver._track" in sources
    assert "_enabled" in sources


def test_the_dtls_transport_calls_what_we_override() -> None:
    source = inspect.getsource(dtls.RTCDtlsTransport)
    assert "await self._handle_rtcp_data(data)" in source
    assert "await self._handle_rtp_data(data, arrival_time_ms=arrival_time_ms)" in source
    for name in ("_handle_rtcp_data", "_handle_rtp_data", "stop"):
        assert parameters(getattr(MediaTransport, name)) == parameters(
            getattr(dtls.RTCDtlsTransport, name)
        )
    assert parameters(dtls.RTCDtlsTransport._send_rtp) == ["self", "data"]
    assert parameters(dtls.RTCDtlsTransport._register_rtp_sender)[1:] == ["sender", "parameters"]
    assert parameters(dtls.RTCDtlsTransport._unregister_rtp_receiver)[1:] == ["receiver"]
    assert parameters(dtls.RtpRouter.route_rtp) == ["self", "packet"]
    assert parameters(dtls.RtpRouter.route_rtcp) == ["self", "packet"]
    for attribute in ("self._rtp_router", "self._rtp_header_extensions_map", "self._transport"):
        assert attribute in source


def test_aioice_calls_what_we_override() -> None:
    for name in (
        "data_received",
        "add_remote_candidate",
        "gather_candidates",
        "check_incoming",
        "check_complete",
        "protocol_lost",
        "sendto",
        "query_consent",
        "close",
    ):
        assert parameters(getattr(PatientConnection, name)) == parameters(
            getattr(ice.Connection, name)
        )
    source = inspect.getsource(ice.Connection)
    for text in (
        "asyncio.create_task(self.query_consent())",
        "self._queue.put_nowait((data, component))",
        "self._queue.put_nowait(None)",
        "def _pair_remote_candidate(self, remote_candidate",
        "def sort_check_list(self",
        "self.check_complete(pair)",
        "self.check_incoming(message, addr, protocol)",
        "self._early_checks.append((message, addr, protocol))",
        "self._nominated[pair.component] = pair",
        "check.task.cancel()",
        "await protocol.close()",
    ):
        assert text in source
    for attribute in (
        "_nominated",
        "_check_list",
        "_early_checks",
        "_protocols",
        "_local_candidates",
        "_local_candidates_start",
        "_local_candidates_end",
        "_remote_candidates",
        "_query_consent_task",
        "_closing",
        "_transport_policy",
    ):
        assert f"self.{attribute}" in source
    assert parameters(ice.StunProtocol.request)[1:] == [
        "request",
        "addr",
        "integrity_key",
        "retransmissions",
    ]
    protocol = inspect.getsource(ice.StunProtocol)
    assert "self.receiver.data_received(data, self.local_candidate.component)" in protocol
    assert "self.receiver.request_received(message, addr, self)" in protocol
    assert "self.receiver.protocol_lost(self)" in protocol
    assert parameters(ice.Connection.build_request) == ["self", "pair", "nominate"]
    assert parameters(ice.candidate_pair_priority) == ["local", "remote", "ice_controlling"]
    states = {"FROZEN", "WAITING", "IN_PROGRESS", "SUCCEEDED", "FAILED"}
    assert set(ice.CandidatePair.State.__members__) == states
    assert Candidate("f", 1, "udp", 1, "192.0.2.1", 1, "host")._network_host == "192.0.2.1"
    assert mdns.is_mdns_hostname("x.local")


def test_a_relay_client_is_made_as_ours_is() -> None:
    for name in ("connect", "channel_bind", "delete", "refresh", "request_with_retry", "send_data"):
        assert inspect.iscoroutinefunction(getattr(turn.TurnClientMixin, name))
    source = inspect.getsource(turn.TurnClientMixin)
    for attribute in (
        "channel_to_peer",
        "peer_to_channel",
        "peer_connect_waiters",
        "channel_refresh_at",
        "mapped_address",
    ):
        assert f"self.{attribute}" in source
    assert parameters(turn.TurnClientMixin.__init__)[1:] == [
        "server",
        "username",
        "password",
        "lifetime",
        "channel_refresh_time",
    ]
    assert "self.buffer += data" in inspect.getsource(turn.TurnStreamMixin)
    assert parameters(turn.TurnTransport._connect) == ["self", "protocol"]
    assert "await turn_transport._connect(protocol)" in inspect.getsource(turn.create_turn_endpoint)
    assert "REQUESTED-ADDRESS-FAMILY" not in {name for _, name, _, _ in stun.ATTRIBUTES}
    assert "ATTRIBUTES_BY_NAME[attr_name]" in inspect.getsource(stun.Message)
    # where TLS keeps what is not sent yet, in asyncio
    assert "self._ssl_protocol = ssl_protocol" in inspect.getsource(
        asyncio.sslproto._SSLProtocolTransport
    )
    assert "self._transport = transport" in inspect.getsource(asyncio.sslproto.SSLProtocol)


def test_what_guards_the_peers_bytes_is_called() -> None:
    source = inspect.getsource(dtls.RTCDtlsTransport)
    assert "await self._recv_next()" in source
    assert "await self._data_receiver._handle_data(data)" in source
    assert "self._data_receiver == receiver" in source
    assert "self._ssl.bio_read(1500)" in source
    assert "await self.transport._send(data)" in source
    assert hasattr(dtls.State, "CONNECTING")
    for name in (
        "_recv_next",
        "_write_ssl",
        "_register_data_receiver",
        "_unregister_data_receiver",
    ):
        assert parameters(getattr(MediaTransport, name)) == parameters(
            getattr(dtls.RTCDtlsTransport, name)
        )


def test_the_gatherer_is_built_as_ours_is() -> None:
    assert parameters(PatientGatherer) == parameters(ice_transport.RTCIceGatherer)
    assert "self._connection = gatherer._connection" in inspect.getsource(
        ice_transport.RTCIceTransport
    )


def test_packets_know_the_transport_wide_sequence_number() -> None:
    extensions = rtp.HeaderExtensionsMap()
    module = install()
    extensions.configure(
        peer_connection.RTCRtpParameters(headerExtensions=module.HEADER_EXTENSIONS["video"])
    )
    packet = rtp.RtpPacket(payload_type=96, payload=b"x")
    packet.extensions.transport_sequence_number = 4711
    packet.extensions.mid = "1"
    again = rtp.RtpPacket.parse(packet.serialize(extensions), extensions)
    assert again.extensions.transport_sequence_number == 4711
    assert again.extensions.mid == "1"


async def test_stock_asks_for_consent_too_impatiently_and_we_do_not() -> None:
    assert (ice.CONSENT_FAILURES, ice.CONSENT_INTERVAL) == (6, 5)
    assert "retransmissions=0" in inspect.getsource(ice.Connection.query_consent)
    assert "retransmissions=0" not in inspect.getsource(PatientConnection)


def test_a_restart_finds_what_it_takes_over() -> None:
    source = inspect.getsource(ice_transport.RTCIceTransport)
    for text in (
        "self._recv = self._connection.recv",
        "self._send = self._connection.send",
        "asyncio.ensure_future(self._monitor())",
        "await self._connection.close()",
        "def __setState(self, state: str)",
    ):
        assert text in source
    for name in ("start", "stop", "addRemoteCandidate", "_monitor"):
        assert parameters(getattr(RestartableTransport, name)) == parameters(
            getattr(ice_transport.RTCIceTransport, name)
        )
    gatherer = inspect.getsource(ice_transport.RTCIceGatherer)
    assert (
        "return [candidate_from_aioice(x) for x in self._connection.local_candidates]" in gatherer
    )
    assert "usernameFragment=self._connection.local_username" in gatherer
    transport = inspect.getsource(dtls.RTCDtlsTransport)
    assert "await self.transport._recv()" in transport
    assert "await self.transport._send(data)" in transport
    connection = inspect.getsource(peer_connection.RTCPeerConnection)
    assert "await iceTransport.start(self.__remoteIce[transceiver])" in connection
    assert 'if dtlsTransport.state == "new"' in connection
    descriptions = inspect.getsource(peer_connection.add_transport_description)
    assert "iceGatherer.getLocalCandidates()" in descriptions
    assert "iceGatherer.getLocalParameters()" in descriptions
