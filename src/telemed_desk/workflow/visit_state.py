"""What is shown of a running visit. Plain values."""

from dataclasses import dataclass, field
from typing import Literal

from telemed_desk.clinical.call_record import CallSummary
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Waiting
from telemed_desk.media import control
from telemed_protocol.errors import KnownError

VisitPhase = Literal["calling", "connected", "reconnecting", "patient-away", "restarting", "ended"]


@dataclass(frozen=True, slots=True)
class PhotoTaken:
    """A photo of this visit; the full picture is in the vault."""

    entity: bytes
    preview_jpeg: bytes
    at_ms: int
    source: str
    thumb_jpeg: bytes = b""


@dataclass(frozen=True, slots=True)
class VisitState:
    """Everything the call screen shows. Times are Unix milliseconds UTC."""

    waiting: Waiting
    phase: VisitPhase
    started_ms: int
    call: str
    connected_ms: int | None = None
    lost_ms: int | None = None
    rung: Rung = Rung.VIDEO
    reason: str = ""
    stats: control.CallStats | None = None
    remote_memory: str = ""
    local_memory: str = ""
    microphone_muted: bool = False
    camera_off: bool = False
    patient_camera: bool = True
    patient_microphone: bool = True
    microphone_dbfs: float = -96.0
    speaker_dbfs: float = -96.0
    speaking_while_muted: bool = False
    clinical_sound: bool = False
    sound: control.SoundState = field(default_factory=control.SoundState)
    chosen: Rung = Rung.HD_VIDEO  # the most that the doctor wants; HD video = as good as it gets
    screen: control.ScreenState = field(default_factory=lambda: control.ScreenState(on=False))
    others_screen: str = ""  # memory of the pictures of a screen that a colleague shares
    photos: tuple[PhotoTaken, ...] = ()
    photo_progress: control.PhotoProgress | None = None
    devices: dict[str, control.DeviceState] = field(default_factory=dict)
    restarts: int = 0
    relays: dict[str, str] = field(default_factory=dict)  # by server: what is wrong, or nothing
    problem: str = ""
    photo_problem: KnownError | None = None  # why a photo that arrived was not kept
    summary: CallSummary | None = None
