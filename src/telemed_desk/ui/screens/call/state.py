"""What the call screen shows. Plain values."""

from dataclasses import dataclass, field
from typing import Literal

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import NoteText
from telemed_desk.clinical.people import Programme
from telemed_desk.ui.path import PathState

ChipTone = Literal["neutral", "ok", "warn", "danger"]
BannerTone = Literal["info", "warn", "danger"]


@dataclass(frozen=True, slots=True)
class Header:
    """Who it is, and what must not be forgotten about them."""

    name: str = ""
    given_name: str = ""
    facts: str = ""
    programme: Programme | None = None
    programme_name: str = ""
    allergies: str = ""
    allergies_tone: ChipTone = "danger"
    identity: str = ""
    identity_tone: ChipTone = "neutral"
    consent: str = ""
    consent_tone: ChipTone = "neutral"
    timer: str = ""
    next_patient: str = ""
    next_soon: bool = False
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """The picture and what lies on it. ``*_memory`` name shared memory; empty = none.

    A screen that is shared takes the stage; the person's picture is then small.
    """

    remote_memory: str = ""
    local_memory: str = ""
    screen_memory: str = ""
    label: str = ""
    stale: str = ""
    words: str = ""
    progress: str = ""
    voice_only: bool = False
    voice_words: str = ""
    show_local: bool = True


@dataclass(frozen=True, slots=True)
class Controls:
    """The buttons under the picture."""

    muted: bool = False
    speaking_while_muted: bool = False
    camera_off: bool = False
    camera_by_link: bool = False
    camera_by_choice: bool = False
    clinical_sound: bool = False
    clinical_tip: str = ""
    sharing: bool = False
    photo_label: str = ""
    photo_enabled: bool = False
    photo_reason: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """The link card."""

    rung: Rung = Rung.NO_LINK
    word: str = ""
    sentence: str = ""
    chosen: Rung = Rung.HD_VIDEO
    path: PathState = field(default_factory=PathState)


@dataclass(frozen=True, slots=True)
class PhotoTile:
    """A photo of this call."""

    entity: bytes
    preview_jpeg: bytes
    label: str
    thumb_jpeg: bytes = b""


@dataclass(frozen=True, slots=True)
class NoteView:
    """The editor. ``key`` changes when another note, or another version of it, must be loaded."""

    key: tuple[object, ...] = (b"", False)
    text: NoteText = field(default_factory=NoteText)
    there: bool = False
    save_words: str = ""
    save_tone: str = ""
    status: str = ""
    read_only: bool = False
    problem: str = ""
    problem_words: str = ""
    versions: str = ""
    versions_words: str = ""
    versions_open: str = ""
    may_sign: bool = True
    history: bool = False


@dataclass(frozen=True, slots=True)
class SignDialog:
    """The question before signing."""

    empty_sections: str = ""
    working: bool = False
    problem: str = ""
    problem_words: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything the screen shows."""

    header: Header = Header()
    stage: Stage = Stage()
    controls: Controls = Controls()
    link: Link = Link()
    photos: tuple[PhotoTile, ...] = ()
    note: NoteView = NoteView()
    banner_tone: BannerTone = "info"
    banner: str = ""
    banner_words: str = ""
    live: bool = False
    asks_end: bool = False
    asks_share: bool = False
    sign: SignDialog | None = None
    notes_hidden: bool = False
    notice: str = ""
