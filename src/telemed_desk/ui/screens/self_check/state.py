"""What the self-check's screen shows. Plain values."""

from dataclasses import dataclass

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group

Tone = str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One line of a card: icon, what was looked at, what was found."""

    check: str
    title: str
    value: str
    icon: str
    tint: str

    @property
    def spoken(self) -> str:
        """For screen readers."""
        return f"{self.title}: {self.value}"


@dataclass(frozen=True, slots=True)
class Advice:
    """One problem: why, what to do, and the one button that does it."""

    check: str
    cause: str
    action: str
    button: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the link, with what is good in words and its last values."""

    check: str
    title: str
    value: str
    need: str
    tint: str = ""
    past: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """A device that can be chosen, by what chooses it."""

    spec: str
    name: str


@dataclass(frozen=True, slots=True)
class CardState:
    """One card: a chip in words, what to do first, then all findings."""

    group: Group
    chip: str = ""
    tone: Tone = "neutral"
    chip_icon: str = ""
    rows: tuple[FindingRow, ...] = ()
    advice: tuple[Advice, ...] = ()
    figures: tuple[Figure, ...] = ()
    choices: tuple[Choice, ...] = ()
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class PastBar:
    """One bar of the history, and what its tooltip says."""

    rung: Rung
    words: str


@dataclass(frozen=True, slots=True)
class GuidedWords:
    """The tests that a person takes part in, in words."""

    looking: bool = False
    camera: str = ""
    camera_tone: str = "second"
    microphone: str = ""
    microphone_busy: bool = False
    can_play: bool = False
    share: float = 0.0
    speaker: str = ""
    speaker_busy: bool = False
    ask_heard: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What the screen shows."""

    title: str = ""
    sentence: str = ""
    tone: Tone = "neutral"
    icon: str = "activity"
    at_least: Rung = Rung.NO_LINK
    at_most: Rung = Rung.NO_LINK
    rung_word: str = ""
    when: str = ""
    data: str = ""
    phone: bool = False
    running: bool = False
    share: float = 0.0
    progress: str = ""
    refused: str = ""
    past: tuple[PastBar, ...] = ()
    past_words: str = ""
    cards: tuple[CardState, ...] = tuple(CardState(group) for group in Group)
    preview: str = ""
    microphone_dbfs: float = -96.0
    has_report: bool = False
    guided: GuidedWords = GuidedWords()
    choosing: tuple[Group, int] | None = None
    """Whose list of devices to open; the number makes each wish a new one."""
