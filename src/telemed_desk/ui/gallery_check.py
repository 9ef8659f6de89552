"""The gallery's self-checks: a good PC, one with every kind of trouble, one that is still looking."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group
from telemed_desk.devices.history import PastCheck
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import CameraDenied, SpeakerMissing
from telemed_desk.devices.verdict import rung_bounds, verdict
from telemed_desk.ui import gallery_call
from telemed_desk.ui.gallery_days import NOW_MS, at
from telemed_desk.ui.screens.self_check.presenter import SelfCheckPresenter
from telemed_desk.ui.screens.self_check.report_dialog import ReportDialog
from telemed_desk.ui.screens.self_check.view import SelfCheckView
from telemed_desk.workflow.check_plan import CheckMode, checks_of
from telemed_desk.workflow.devices_seen import DevicesSeen, Seen
from telemed_desk.workflow.guided import GuidedState
from telemed_desk.workflow.it_report import report_of
from telemed_desk.workflow.self_check import ALL_GROUPS, SelfCheckState

Put = Callable[[str, QWidget], QWidget]
_DAY_MS = 86_400_000


def judged(**values: float) -> tuple[Finding, ...]:
    """Return findings as the limits judge these values; ``_`` stands for the point in a name."""
    return tuple(LIMITS[check.replace("_", ".")].judge(value) for check, value in values.items())


GOOD = (
    *judged(
        C2=0.8, C4=720, C4_fps=29.8, C5=1.1, C7=0.2, C8_dark=112, C8_bright=120, C9=64,
        M2=72, M3=-24, M4=-58, M6=0, M7=4, M8=40, M9=16,
        N1=0.2, N4=0.2, N5=24, N8_up=4600, N8_down=7900, N9=142, N7_rtt=84, N7_jitter=9, N7_loss=0.2,
        P1=11, P2_cpu=22, P2_memory=5.2, P2_disk=61,
    ),
    LIMITS["C1"].passed(), LIMITS["M1"].passed(), LIMITS["S1"].passed(),
)  # fmt: skip


def changed(*findings: Finding) -> tuple[Finding, ...]:
    """Return the good PC with some findings put in the place of its own."""
    names = {finding.check for finding in findings}
    return (*(f for f in GOOD if f.check not in names), *findings)


IMPROVABLE = changed(
    LIMITS["C8.dark"].judge(
        61,
        cause="Your face is 4 times darker than the background.",
        action="Close the blind or turn the desk lamp on.",
    ),
    *judged(M4=-48),
)
TROUBLED = changed(
    LIMITS["C1"].failed(CameraDenied.sentence, CameraDenied.next_step),
    LIMITS["M2"].judge(4),
    LIMITS["S1"].failed(SpeakerMissing.sentence, SpeakerMissing.next_step),
    replace(LIMITS["N8.up"].judge(340), ceiling=Rung.LOW_VIDEO),
    replace(LIMITS["N9"].judge(470), ceiling=Rung.LOW_VIDEO),
    LIMITS["N4"].judge(190),
    LIMITS["P1"].unknown("The encoder could not be timed."),
    *judged(P2_memory=0.2),
)
RUNGS = (5, 5, 4, 5, 5, 4, 2, 5, 5, 4, 5, 5, 5, 5)
PAST = tuple(
    PastCheck(
        NOW_MS - (len(RUNGS) - index) * _DAY_MS, "quick", Rung(rung),
        ("N8.up",) if rung < Rung.HD_VIDEO else (),
        values={"N8.up": 900.0 * rung + 31 * (index % 5), "N8.down": 7800.0 + 90 * (index % 3),
                "N9": 140.0 + 9 * (index % 4), "N5": 22.0 + index % 3, "N7.rtt": 80.0 + 3 * (index % 4),
                "N7.jitter": 8.0 + index % 3, "N7.loss": 0.1 * (index % 3), "N1": 0.2},
    )
    for index, rung in enumerate(RUNGS)
)  # fmt: skip


def done(findings: tuple[Finding, ...]) -> SelfCheckState:
    """Return a check that came to its end."""
    return SelfCheckState(
        findings=findings,
        verdict=verdict(findings, at("08:12")),
        started_ms=at("08:12") - 13_000,
        data_bytes=2_400_000,
    )


def running() -> SelfCheckState:
    """Return a check that still measures the link."""
    findings = tuple(f for f in IMPROVABLE if not f.check.startswith(("N8", "N9", "P1")))
    expected = checks_of(ALL_GROUPS)
    least, most = rung_bounds(findings, ["N8.up", "N8.down", "N9", "P1"])
    return SelfCheckState(
        running=True, findings=findings, expected=expected[: len(findings) + 4],
        started_ms=NOW_MS - 6000, until_ms=NOW_MS + 9000, at_least=least, at_most=most,
    )  # fmt: skip


_HEADSET = Seen("id:headset", "USB headset")
SEEN = DevicesSeen(
    (Seen("id:webcam", "Clinic HD Webcam"), Seen("id:document", "Document camera")),
    (_HEADSET,),
    (_HEADSET,),
    (
        (Group.CAMERA, "id:webcam"),
        (Group.MICROPHONE, _HEADSET.spec),
        (Group.SPEAKER, _HEADSET.spec),
    ),
)


GUIDED = GuidedState(
    sound="recording", share=0.6, can_play=True, ask_heard=True, looking=True, hint="closer"
)


AT_REST = GuidedState()


class Nowhere:
    """A port that leads nowhere."""

    def start_check(self, mode: CheckMode, groups: frozenset[Group]) -> None:
        """Do nothing."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        """Return what does nothing."""
        return lambda *_args: None


def _view(
    state: SelfCheckState, past: tuple[PastCheck, ...], guided: GuidedState = AT_REST
) -> SelfCheckView:
    view = SelfCheckView()
    presenter = SelfCheckPresenter(Nowhere(), view.show_state, lambda: NOW_MS)
    presenter.checked(state)
    presenter.past(past)
    if state.findings:
        presenter.devices(SEEN)
    presenter.guided(guided)
    view.show_preview(gallery_call.frames("local"))
    presenter.level(-19)
    return view


def check_scenes(put: Put) -> dict[str, Callable[[], QWidget]]:
    """Return the scenes by name; ``put`` puts a view into the window."""

    def scene(state: SelfCheckState, past: tuple[PastCheck, ...] = PAST) -> Callable[[], QWidget]:
        return lambda: put("self_check", _view(state, past))

    def report() -> QWidget:
        window = put("self_check", _view(done(TROUBLED), PAST))
        made = report_of(done(TROUBLED), seconds=13, at_ms=at("08:12"), history=PAST, known=())
        ReportDialog(window, made, lambda _said, _warn: None).open()
        return window

    return {
        "03-selfcheck": scene(done(IMPROVABLE)),
        "03-selfcheck-troubled": scene(done(TROUBLED)),
        "03-selfcheck-running": scene(running()),
        "03-selfcheck-guided": lambda: put("self_check", _view(done(GOOD), PAST, GUIDED)),
        "03-selfcheck-none": scene(SelfCheckState(), ()),
        "03-selfcheck-stopped": scene(
            replace(running(), running=False, stopped=True, by_call=True)
        ),
        "03-selfcheck-report": report,
    }
