"""The codecs that we offer and take, with our numbers for them, and what protects pictures."""

from dataclasses import replace
from typing import Final

from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters, RTCRtpReceiveParameters

OPUS_PAYLOAD_TYPE: Final = 111
VOICE_RED_PAYLOAD_TYPE: Final = 63
VP8_PAYLOAD_TYPE: Final = 96
RTX_PAYLOAD_TYPE: Final = 97
RED_PAYLOAD_TYPE: Final = 118
RED_RTX_PAYLOAD_TYPE: Final = 119
FEC_PAYLOAD_TYPE: Final = 120
_PROTECTION: Final = {RED_PAYLOAD_TYPE, RED_RTX_PAYLOAD_TYPE, FEC_PAYLOAD_TYPE}


def codecs() -> dict[str, list[RTCRtpCodecParameters]]:
    """Return what we know, by kind of media."""
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


def with_protection(agreed: RTCRtpReceiveParameters) -> RTCRtpReceiveParameters:
    """Return what may come: what was agreed on, and what protects pictures if we offered to take it.

    A browser that does not want parity itself leaves it out of its answer, and sends it all the same
    to whoever offered to take it (Chromium): an answer says what it takes, not what it sends.
    """
    used = {codec.payloadType for codec in agreed.codecs}
    if VP8_PAYLOAD_TYPE not in used:
        return agreed
    ours = [
        c for c in codecs()["video"] if c.payloadType in _PROTECTION and c.payloadType not in used
    ]
    return replace(agreed, codecs=[*agreed.codecs, *ours])
