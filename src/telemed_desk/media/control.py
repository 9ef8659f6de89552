"""What desk and media process say to each other over their socket pair.

Each message is a u32 big-endian length and a msgpack struct with a tag. The media process holds no
key and no token; it sees SDP, device names, relay credentials, and pictures.
"""

from typing import Literal

import msgspec

from telemed_protocol.errors import UNREADABLE, FormatError

from .control_cameras import Cameras as Cameras  # noqa: PLC0414 - part of this module for all others
from .control_cameras import CameraSeen as CameraSeen  # noqa: PLC0414 - part of this module for all others
from .control_cameras import ChartLook as ChartLook  # noqa: PLC0414 - part of this module for all others
from .control_cameras import ChartVerdict as ChartVerdict  # noqa: PLC0414 - part of this module for all others
from .control_cameras import LookForChart as LookForChart  # noqa: PLC0414 - part of this module for all others
from .control_checks import CheckResult as CheckResult  # noqa: PLC0414 - part of this module for all others
from .control_checks import ChecksDone as ChecksDone  # noqa: PLC0414 - part of this module for all others
from .control_checks import RunDeviceChecks as RunDeviceChecks  # noqa: PLC0414 - part of this module for all others
from .control_checks import RunLinkTrial as RunLinkTrial  # noqa: PLC0414 - part of this module for all others
from .control_checks import StopDeviceChecks as StopDeviceChecks  # noqa: PLC0414 - part of this module for all others
from .control_paths import IceServerSpec as IceServerSpec  # noqa: PLC0414 - part of this module for all others
from .control_paths import PathWanted as PathWanted  # noqa: PLC0414 - part of this module for all others
from .control_paths import RelayState as RelayState  # noqa: PLC0414 - part of this module for all others
from .control_paths import UseServers as UseServers  # noqa: PLC0414 - part of this module for all others
from .control_probe import LinkProbed as LinkProbed  # noqa: PLC0414 - part of this module for all others
from .control_probe import RunLinkProbe as RunLinkProbe  # noqa: PLC0414 - part of this module for all others
from .control_sound import SoundDevices as SoundDevices  # noqa: PLC0414 - part of this module for all others
from .control_sound import SoundDeviceSeen as SoundDeviceSeen  # noqa: PLC0414 - part of this module for all others
from .control_sound import SoundTrial as SoundTrial  # noqa: PLC0414 - part of this module for all others
from .control_sound import SoundTrialState as SoundTrialState  # noqa: PLC0414 - part of this module for all others
from .control_wishes import ChooseRung as ChooseRung  # noqa: PLC0414 - part of this module for all others
from .control_wishes import ClinicalSound as ClinicalSound  # noqa: PLC0414 - part of this module for all others
from .control_wishes import Mute as Mute  # noqa: PLC0414 - part of this module for all others
from .control_wishes import ShareScreen as ShareScreen  # noqa: PLC0414 - part of this module for all others

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""A full-resolution photo is the largest message."""
CONTROL_VERSION = 1
HEARTBEAT_S = 1.0
SILENCE_S = 4.0
"""A process not heard for this long is taken for dead and restarted."""

# ---- desk to media ------------------------------------------------------------------------------


class Devices(msgspec.Struct, frozen=True, tag_field="t", tag="devices"):
    """Which devices to use; also changes them in a running call.

    Each is a spec: ``default``, ``none``, ``id:<stable id>``, for microphone and speaker
    ``prefer:<stable id>`` (the one used last, if it is there), or for tests and demonstrations
    ``pattern[:<width>x<height>@<fps>]`` (camera: moving bars and the frame counter),
    ``file:<path>`` (camera y4m or any video; microphone and speaker wav), ``tone[:<hz>]``
    (microphone), ``null`` (speaker).
    """

    camera: str = "default"
    microphone: str = "default"
    speaker: str = "default"


class Ping(msgspec.Struct, frozen=True, tag_field="t", tag="ping"):
    """Heartbeat; answered by a :class:`Pong` with the same number."""

    n: int


class Preview(msgspec.Struct, frozen=True, tag_field="t", tag="preview"):
    """Show the own camera and levels without a call, or stop that."""

    on: bool


class StartCall(msgspec.Struct, frozen=True, tag_field="t", tag="start-call"):
    """Begin a call. As offerer, a :class:`LocalDescription` follows at once.

    Calls of different ``leg`` run side by side, and all who are on them hear and see each other; a
    call on a leg that is taken replaces the one there. The patient's leg is the empty one.
    """

    call: str
    offer: bool
    ice_servers: list[IceServerSpec] = []
    relay_only: bool = False
    start_rung: int = 4
    leg: str = ""


class RemoteDescription(msgspec.Struct, frozen=True, tag_field="t", tag="remote-description"):
    """The other side's SDP, authenticated by the desk before it comes here."""

    call: str
    kind: Literal["offer", "answer"]
    sdp: str
    revision: int = 0


class RemoteCandidate(msgspec.Struct, frozen=True, tag_field="t", tag="remote-candidate"):
    """One trickled candidate; empty = no more."""

    call: str
    candidate: str
    mid: str | None = None
    mline: int | None = None


class TakePhoto(msgspec.Struct, frozen=True, tag_field="t", tag="take-photo"):
    """Ask the patient's page for a full-resolution still; the current frame is the fall-back."""

    call: str
    photo: str


class EndCall(msgspec.Struct, frozen=True, tag_field="t", tag="end-call"):
    """End a call and free its streams."""

    call: str


class Shutdown(msgspec.Struct, frozen=True, tag_field="t", tag="shutdown"):
    """Stop in good order."""


ToMedia = (
    Devices
    | Ping
    | Preview
    | StartCall
    | RemoteDescription
    | RemoteCandidate
    | UseServers
    | Mute
    | ClinicalSound
    | ChooseRung
    | ShareScreen
    | TakePhoto
    | EndCall
    | RunDeviceChecks
    | RunLinkTrial
    | RunLinkProbe
    | StopDeviceChecks
    | SoundTrial
    | LookForChart
    | Shutdown
)

# ---- media to desk ------------------------------------------------------------------------------


class Ready(msgspec.Struct, frozen=True, tag_field="t", tag="ready"):
    """The process is up."""

    version: int
    pid: int


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    """Heartbeat answer."""

    n: int


class LocalDescription(msgspec.Struct, frozen=True, tag_field="t", tag="local-description"):
    """Our SDP, to be sealed and sent. A higher revision of the same call is an ICE restart."""

    call: str
    kind: Literal["offer", "answer"]
    sdp: str
    revision: int


class LocalCandidate(msgspec.Struct, frozen=True, tag_field="t", tag="local-candidate"):
    """A candidate found after the description was sent; empty = no more."""

    call: str
    candidate: str
    mid: str | None
    mline: int | None


CallPhase = Literal["connecting", "connected", "reconnecting", "ended", "failed"]


class CallState(msgspec.Struct, frozen=True, tag_field="t", tag="call-state"):
    """Where the call stands; ``reason`` is a stable code, empty when all is well."""

    call: str
    phase: CallPhase
    reason: str = ""


class VideoStream(msgspec.Struct, frozen=True, tag_field="t", tag="video-stream"):
    """A picture to draw lives in shared memory under this name (:mod:`.frames`).

    ``screen`` is one that the other side of a call shares; an empty name = no longer.
    """

    stream: Literal["remote", "local", "screen"]
    memory: str
    call: str = ""


class CallStats(msgspec.Struct, frozen=True, tag_field="t", tag="call-stats"):
    """Once a second. None = cannot tell. ``rung`` is a :class:`..clinical.ladder.Rung` value.

    Attributes:
        reason: What limits what is sent, empty = nothing (:mod:`telemed_desk.media.engine`).
        send_jitter_ms, receive_jitter_ms: Interarrival jitter of voice (RFC 3550), as the other
            side reports it and as we see it.
        send_voice_bps, send_video_bps: What the ladder gives each of them.
        playout_target_ms: Delay that the voice buffer aims at; ``playout_delay_ms`` is what it has.
        concealed_ratio: Share of the sound of the last second that was made up.
        rebuilt_ratio: Share that came from a copy in a later packet.
        picture_delay_ms: What the picture buffer adds, for repairs and lip sync.
        encode_ms, decode_ms: Processor time of a picture, smoothed.
        quantiser: Coarseness of what we send, 0 to 63 in VP8.
        lip_offset_ms: How much later than its picture a sound is played; negative = earlier.
        picture_stands: The last picture is held because the next ones cannot be decoded.
        path: ``direct``, ``relay-udp``, ``relay-tcp``, ``relay-tls``, or ``relay`` (the other side's).
    """

    call: str
    rung: int
    reason: str
    rtt_ms: float | None
    send_bps: float
    receive_bps: float
    send_loss_ratio: float | None
    receive_loss_ratio: float | None
    estimate_bps: float | None
    sent_width: int = 0
    sent_height: int = 0
    sent_fps: float = 0.0
    shown_width: int = 0
    shown_height: int = 0
    shown_fps: float = 0.0
    freezes: int = 0
    frozen_s: float = 0.0
    playout_delay_ms: float | None = None
    concealed_ratio: float | None = None
    path: str = ""
    send_jitter_ms: float | None = None
    receive_jitter_ms: float | None = None
    send_voice_bps: float = 0.0
    send_video_bps: float = 0.0
    playout_target_ms: float | None = None
    rebuilt_ratio: float | None = None
    picture_delay_ms: float | None = None
    encode_ms: float | None = None
    decode_ms: float | None = None
    quantiser: float | None = None
    lip_offset_ms: float | None = None
    picture_stands: bool = False


class Level(msgspec.Struct, frozen=True, tag_field="t", tag="level"):
    """Sound levels in dBFS, 10 times a second while devices are open."""

    microphone_dbfs: float
    speaker_dbfs: float
    speaking_while_muted: bool = False


class SoundState(msgspec.Struct, frozen=True, tag_field="t", tag="sound-state"):
    """How the doctor's sound is treated; sent when it changes.

    Attributes:
        clinical: Suppression and gain are bypassed.
        headphones: The speaker in use is worn on the head, so that there is no echo.
        cancels_echo: Echo is being cancelled.
        problem: Code of what is wrong with sound processing; empty when nothing is.
    """

    clinical: bool = False
    headphones: bool = False
    cancels_echo: bool = False
    problem: str = ""


class Photo(msgspec.Struct, frozen=True, tag_field="t", tag="photo"):
    """A photo, decoded and re-encoded here, without EXIF."""

    call: str
    photo: str
    jpeg: bytes
    preview_jpeg: bytes
    width: int
    height: int
    source: Literal["camera", "video"]
    thumb_jpeg: bytes = b""


class PhotoProgress(msgspec.Struct, frozen=True, tag_field="t", tag="photo-progress"):
    """How far a photo is, or why it will not come (``declined``, ``no-channel``, ``broken``)."""

    call: str
    photo: str
    received: int
    size: int
    problem: str = ""


class DeviceState(msgspec.Struct, frozen=True, tag_field="t", tag="device-state"):
    """What a device does; ``code`` empty = works. Codes: :mod:`telemed_desk.devices.problems`."""

    kind: Literal["camera", "microphone", "speaker"]
    name: str
    code: str = ""
    detail: str = ""


class ScreenState(msgspec.Struct, frozen=True, tag_field="t", tag="screen-state"):
    """Whether the screen is shared; ``code`` says what is wrong with grabbing it, empty = works."""

    on: bool
    code: str = ""
    detail: str = ""


class Fault(msgspec.Struct, frozen=True, tag_field="t", tag="fault"):
    """A request could not be carried out; the process goes on."""

    code: str
    detail: str = ""


FromMedia = (
    Ready
    | Pong
    | LocalDescription
    | LocalCandidate
    | PathWanted
    | RelayState
    | CallState
    | VideoStream
    | CallStats
    | Level
    | SoundState
    | SoundDevices
    | SoundTrialState
    | Cameras
    | ChartLook
    | ChartVerdict
    | Photo
    | PhotoProgress
    | DeviceState
    | ScreenState
    | CheckResult
    | LinkProbed
    | ChecksDone
    | Fault
)

_encoder = msgspec.msgpack.Encoder()
_to_media: msgspec.msgpack.Decoder[ToMedia] = msgspec.msgpack.Decoder(ToMedia)
_from_media: msgspec.msgpack.Decoder[FromMedia] = msgspec.msgpack.Decoder(FromMedia)


def encode_control(message: ToMedia | FromMedia) -> bytes:
    """Encode with its length in front."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def decode_to_media(body: bytes) -> ToMedia:
    """Decode a message from the desk (without its length). Raises FormatError."""
    try:
        return _to_media.decode(body)
    except UNREADABLE as error:
        raise FormatError("control message") from error


def decode_from_media(body: bytes) -> FromMedia:
    """Decode a message from the media process (without its length). Raises FormatError."""
    try:
        return _from_media.decode(body)
    except UNREADABLE as error:
        raise FormatError("control message") from error
