"""Puts our senders, receivers, transport and gatherer under aiortc's peer connection.

aiortc looks these classes up as globals of ``aiortc.rtcpeerconnection`` when it needs them. We load a
second copy of that one module under a name of our own and set the attributes there: same code, our
parts, and whoever imports aiortc as it is gets it as it is. A contract test asserts every name.
"""

import importlib.util
import sys
from importlib.metadata import version
from types import ModuleType
from typing import Any, Final

import aiortc
import aiortc.rtcpeerconnection
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
)

from telemed_protocol.errors import KnownError

from .dtls import MediaTransport
from .ice import PatientGatherer
from .receiver import PacketReceiver
from .restart import RestartableTransport
from .sender import PacketSender
from .twcc import TWCC_URI

MODULE_NAME: Final = "aiortc._telemed_rtcpeerconnection"
EXPECTED: Final = {"aiortc": "1.16.0", "aioice": "0.13.0"}
OPUS_PAYLOAD_TYPE: Final = 111
VOICE_RED_PAYLOAD_TYPE: Final = 63
VP8_PAYLOAD_TYPE: Final = 96
RTX_PAYLOAD_TYPE: Final = 97
RED_PAYLOAD_TYPE: Final = 118
RED_RTX_PAYLOAD_TYPE: Final = 119
FEC_PAYLOAD_TYPE: Final = 120
MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
SEND_TIME_URI: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

REPLACED: Final = {
    "RTCRtpSender": PacketSender,
    "RTCRtpReceiver": PacketReceiver,
    "RTCDtlsTransport": MediaTransport,
    "RTCIceGatherer": PatientGatherer,
    "RTCIceTransport": RestartableTransport,
}
"""Globals of aiortc's module that we set to our own classes."""


class ForeignLibraryVersion(KnownError):
    """aiortc or aioice is not the version that our parts were made for."""

    code = "TD-MED-011"
    sentence = "A part needed for calls is of another version than this program was made for."
    next_step = "Install TeleMed Desk again. If it stays, send the report for IT."


def _codecs() -> dict[str, list[RTCRtpCodecParameters]]:
    feedback = [
        RTCRtcpFeedback(type="transport-cc"),
        RTCRtcpFeedback(type="ccm", parameter="fir"),
        RTCRtcpFeedback(type="nack"),
        RTCRtcpFeedback(type="nack", parameter="pli"),
        RTCRtcpFeedback(type="goog-remb"),
    ]
    return {
        "audio": [
            RTCRtpCodecParameters(
                mimeType="audio/opus",
                clockRate=48_000,
                channels=2,
                payloadType=OPUS_PAYLOAD_TYPE,
                rtcpFeedback=[RTCRtcpFeedback(type="transport-cc")],
                parameters={
                    "minptime": 10,
                    "useinbandfec": 1,
                    "usedtx": 1,
                    "stereo": 0,
                    "maxaveragebitrate": 40_000,  # from here on Opus adds its copy at once
                },
            ),
            RTCRtpCodecParameters(
                mimeType="audio/red",
                clockRate=48_000,
                channels=2,
                payloadType=VOICE_RED_PAYLOAD_TYPE,
                # each frame inside may be Opus: RFC 2198, 5
                parameters={f"{OPUS_PAYLOAD_TYPE}/{OPUS_PAYLOAD_TYPE}": None},
            ),
        ],
        "video": [
            RTCRtpCodecParameters(
                mimeType="video/VP8",
                clockRate=90_000,
                payloadType=VP8_PAYLOAD_TYPE,
                rtcpFeedback=feedback,
            ),
            RTCRtpCodecParameters(
                mimeType="video/rtx",
                clockRate=90_000,
                payloadType=RTX_PAYLOAD_TYPE,
                parameters={"apt": VP8_PAYLOAD_TYPE},
            ),
            # a browser protects pictures on long and lossy links for whoever takes it: fec.py
            RTCRtpCodecParameters(
                mimeType="video/red", clockRate=90_000, payloadType=RED_PAYLOAD_TYPE
            ),
            RTCRtpCodecParameters(
                mimeType="video/rtx",
                clockRate=90_000,
                payloadType=RED_RTX_PAYLOAD_TYPE,
                parameters={"apt": RED_PAYLOAD_TYPE},
            ),
            RTCRtpCodecParameters(
                mimeType="video/ulpfec", clockRate=90_000, payloadType=FEC_PAYLOAD_TYPE
            ),
        ],
    }


def _extensions() -> dict[str, list[RTCRtpHeaderExtensionParameters]]:
    shared = [
        RTCRtpHeaderExtensionParameters(id=1, uri=MID_URI),
        RTCRtpHeaderExtensionParameters(id=3, uri=SEND_TIME_URI),
        RTCRtpHeaderExtensionParameters(id=4, uri=TWCC_URI),
    ]
    return {"audio": list(shared), "video": list(shared)}


def install() -> ModuleType:
    """Return the module whose ``RTCPeerConnection`` runs on our parts; made once a process.

    Raises:
        ForeignLibraryVersion: aiortc or aioice is not what our overrides were written against.
    """
    existing = sys.modules.get(MODULE_NAME)
    if existing is not None:
        return existing
    for package, expected in EXPECTED.items():
        if version(package) != expected:
            raise ForeignLibraryVersion(f"{package} {version(package)}")
    origin = aiortc.rtcpeerconnection.__file__
    spec = importlib.util.spec_from_file_location(MODULE_NAME, origin)
    if spec is None or spec.loader is None:
        raise ForeignLibraryVersion("rtcpeerconnection")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    replacements: dict[str, Any] = {
        **REPLACED,
        "CODECS": _codecs(),
        "HEADER_EXTENSIONS": _extensions(),
    }
    for name, value in replacements.items():
        if not hasattr(module, name):
            raise ForeignLibraryVersion(name)
        setattr(module, name, value)
    sys.modules[MODULE_NAME] = module
    return module
