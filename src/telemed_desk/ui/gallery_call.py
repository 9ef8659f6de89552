"""The gallery's calls: invented visits, notes and pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QImageWriter, QLinearGradient, QPainter
from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.call_record import CallSummary
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import Note, NoteText
from telemed_desk.media.control import CallStats, PhotoProgress
from telemed_desk.ui.gallery_days import MINUTE_MS, at, waiting
from telemed_desk.ui.screens.call.presenter import CallPort, CallPresenter
from telemed_desk.ui.screens.call.state import State
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.theme.theme import colour
from telemed_desk.workflow.note_taking import NoteState
from telemed_desk.workflow.status import DeskStatus
from telemed_desk.workflow.visit import PhotoTaken, VisitPhase, VisitState

NOW_MS = at("10:44")
STARTED_MS = at("10:31")


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture as shared memory would hand it over."""

    data: bytes
    width: int
    height: int
    stride: int


class Drawn:
    """Stands in for a camera: a head and shoulders, drawn once."""

    def __init__(self, tint: str) -> None:
        self._tint = tint
        self._given = False

    def newest(self) -> Picture | None:
        """Return the picture the first time."""
        if self._given:
            return None
        self._given = True
        image = draw(self._tint, 960, 540)
        return Picture(
            bytes(image.constBits()), image.width(), image.height(), image.bytesPerLine()
        )


def draw(tint: str, width: int, height: int) -> QImage:
    """Draw a plain stand-in for a person."""
    image = QImage(width, height, QImage.Format.Format_RGB888)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shade = QLinearGradient(QPointF(0, 0), QPointF(width, height))
    shade.setColorAt(0, colour("sunken"))
    shade.setColorAt(1, colour("onStage2"))
    painter.fillRect(image.rect(), shade)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(tint))
    painter.drawEllipse(QRectF(width * 0.28, height * 0.7, width * 0.44, height * 0.8))
    painter.setBrush(QColor(colour("pDerm")).darker(160))
    painter.drawEllipse(QRectF(width * 0.39, height * 0.2, width * 0.22, height * 0.55))
    painter.end()
    return image


def frames(name: str) -> Drawn:
    """Open a drawn stream by name."""
    return Drawn("pPall" if name == "remote" else "onStage")


def jpeg() -> bytes:
    """Return a small drawn photo."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"jpeg")).write(draw("pDerm", 160, 120))
    return bytes(buffer.data().data())


TEXT = NoteText(
    subjective="Pain in left chest wall and arm is better since the dose went up on Thursday. Two "
    "breakthrough doses in 24 h. Sleeping 6 h. Bowels last opened 2 days ago. Wairimu reports good "
    "appetite at midday.",
    objective="Comfortable at rest, speaks in full sentences. Left arm swelling unchanged, skin "
    "intact (photo 10:36).",
    assessment="Cancer pain, improving, not yet at goal (3 or less). Constipation on opioid.",
    plan="Morphine oral solution 10 mg/5 mL: 5 mg every 4 h, double at bedtime.\nBisacodyl 10 mg at "
    "night.\nNurse Mercy Wambui home visit Thu 26 Nov; video review in 7 days.",
)


SUMMARY = CallSummary(
    seconds=768,
    by_rung={Rung.VIDEO: 690, Rung.LOW_VIDEO: 78},
    interruptions=1,
    frozen_ms=4100,
    concealed_ms=900,
    reason="rate",
    rtt_ms=118,
    estimate_kbps=900,
    relayed=True,
)


def stats(rung: Rung, *, rtt: float, loss: float) -> CallStats:
    """Return invented figures of a call."""
    return CallStats(
        call="c",
        rung=int(rung),
        reason="rate",
        rtt_ms=rtt,
        send_bps=900_000,
        receive_bps=900_000,
        send_loss_ratio=loss,
        receive_loss_ratio=loss,
        estimate_bps=900_000 if rung >= Rung.LOW_VIDEO else 48_000,
        concealed_ratio=0.05,
        path="relay",
    )


def visit(
    phase: VisitPhase = "connected",
    rung: Rung = Rung.VIDEO,
    *,
    rtt: float = 118,
    loss: float = 0.004,
) -> VisitState:
    """Return Nyambura's visit."""
    seat = waiting()[3]
    who = replace(seat.patient, allergies=("penicillin (rash)",))
    consultation = replace(seat.consultation, consent_ms=STARTED_MS, consent_photos=True)
    picture = jpeg()
    return VisitState(
        waiting=replace(seat, patient=who, consultation=consultation),
        phase=phase,
        started_ms=STARTED_MS,
        call="c",
        connected_ms=STARTED_MS + 12_000,
        lost_ms=NOW_MS - 3000 if phase in {"reconnecting", "patient-away"} else None,
        rung=rung,
        reason="rate",
        stats=stats(rung, rtt=rtt, loss=loss),
        summary=SUMMARY if phase == "ended" else None,
        remote_memory="remote",
        local_memory="local",
        photos=(
            PhotoTaken(b"1" * 16, picture, at("10:36"), "camera"),
            PhotoTaken(b"2" * 16, picture, at("10:39"), "video"),
        ),
    )


def voice_chosen() -> VisitState:
    """Return it with voice alone, because the doctor wants it so."""
    voice = Rung.AUDIO_PHOTOS
    return replace(visit(rung=voice), chosen=voice, reason="choice")


def note() -> NoteState:
    """Return her note."""
    return NoteState(b"n" * 16, b"c" * 16, TEXT, saved_ms=NOW_MS - 2000)


def signed() -> NoteState:
    """Return it signed."""
    done = Note(
        b"n" * 16, b"c" * 16, TEXT, signed_ms=NOW_MS, signature_code="7QK2-M4XV", revision=3
    )
    return replace(note(), signed=done)


def scene(
    port: CallPort,
    put: Callable[[str, QWidget, CallPresenter], QWidget],
    state: VisitState,
    written: NoteState | None,
    then: Callable[[CallPresenter], None] | None = None,
) -> QWidget:
    """Build a window with a call."""
    view = CallView(frames)

    def show(shown: State) -> None:
        view.show_state(shown)

    presenter = CallPresenter(port, lambda: None, lambda: NOW_MS, show)
    presenter.status(DeskStatus(link="online", rtt_ms=84, waiting_to_sync=3, waiting_bytes=40_000))
    presenter.next_patient(NOW_MS + 16 * MINUTE_MS)
    presenter.note(written)
    presenter.visit(state)
    if then is not None:
        then(presenter)
    view.stage.remote.poll()
    view.stage.local.poll()
    return put("call", view, presenter)


ASKED = PhotoProgress("c", "p", 41_000, 68_000)
