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
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

from telemed_protocol.errors import KnownError

from .codec_table import codecs
from .dtls import MediaTransport
from .ice import PatientGatherer
from .receiver import PacketReceiver
from .restart import RestartableTransport
from .sender import PacketSender
from .twcc import TWCC_URI

MODULE_NAME: Final = "aiortc._telemed_rtcpeerconnection"
EXPECTED: Final = {"aiortc": "1.16.0", "aioice": "0.13.0"}
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
        "CODECS": codecs(),
        "HEADER_EXTENSIONS": _extensions(),
    }
    for name, value in replacements.items():
        if not hasattr(module, name):
            raise ForeignLibraryVersion(name)
        setattr(module, name, value)
    sys.modules[MODULE_NAME] = module
    return module
