"""What the self-check's screen says, and what its buttons do."""

from dataclasses import replace

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group
from telemed_desk.devices.fixes import SettingsPage
from telemed_desk.devices.history import PastCheck
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import CameraDenied
from telemed_desk.devices.verdict import verdict
from telemed_desk.ui.gallery_check import GOOD, changed
from telemed_desk.ui.screens.self_check.presenter import SelfCheckPresenter
from telemed_desk.ui.screens.self_check.state import CardState, State
from telemed_desk.workflow.check_plan import CheckMode
from telemed_desk.workflow.devices_seen import DevicesSeen, Seen
from telemed_desk.workflow.guided import GuidedState
from telemed_desk.workflow.self_check import ALL_GROUPS, SelfCheckState

NOW_MS = 1_800_000_000_000


class Port:
    """Writes down what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def start_check(self, mode: CheckMode, groups: frozenset[Group]) -> None:
        self.calls.append(("start", mode, groups))

    def stop_check(self) -> None:
        self.calls.append(("stop",))

    def back_to_today(self) -> None:
        self.calls.append(("back",))

    def choose_device(self, group: Group, spec: str) -> None:
        self.calls.append(("choose", group, spec))

    def open_settings(self, page: SettingsPage) -> None:
        self.calls.append(("settings", page))

    def use_phone(self) -> None:
        self.calls.append(("phone",))

    def copy_report(self) -> None:
        self.calls.append(("copy",))


class Desk:
    def __init__(self) -> None:
        self.port = Port()
        self.shown: list[State] = []
        self.now_ms = NOW_MS
        self.presenter = SelfCheckPresenter(self.port, self.shown.append, lambda: self.now_ms)

    def done(self, *findings: Finding) -> State:
        state = SelfCheckState(
            findings=findings, verdict=verdict(findings, NOW_MS), started_ms=NOW_MS - 13_000
        )
        self.presenter.checked(state)
        return self.presenter.state

    def card(self, group: Group) -> CardState:
        return next(card for card in self.presenter.state.cards if card.group is group)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_good_pc(desk: Desk) -> None:
    shown = desk.done(*GOOD)
    assert shown.title == "HD video ready"
    assert shown.tone == "ok"
    assert "Nothing to improve" in shown.sentence
    assert shown.data == "15 minutes of it use up to 450 MB"
    assert "took 13 s" in shown.when
    assert all(card.tone == "ok" for card in shown.cards)
    assert not shown.phone


def test_the_sentence_names_what_decides_and_what_the_next_rung_needs(desk: Desk) -> None:
    slow = replace(LIMITS["N8.up"].judge(340), ceiling=Rung.LOW_VIDEO)
    shown = desk.done(*changed(slow))
    assert shown.title == "Low video ready"
    assert shown.tone == "warn"
    assert LIMITS["N8.up"].cause in shown.sentence
    (advice,) = desk.card(Group.NETWORK).advice
    assert "Video needs 562 kb/s" in advice.cause


def test_cannot_tell_is_grey_and_the_sentence_says_that_it_was_not_seen(desk: Desk) -> None:
    shown = desk.done(*changed(LIMITS["N8.up"].unknown("No transfer ran.")))
    assert shown.title == "Audio only advised"
    assert "could not be told: Speed from this PC" in shown.sentence
    card = desk.card(Group.NETWORK)
    assert card.tone == "neutral"
    assert "ok" not in {card.tone, *(figure.tint for figure in card.figures)}
    assert [f.value for f in card.figures if f.check == "N8.up"] == ["cannot tell"]


def test_no_call_offers_the_telephone(desk: Desk) -> None:
    shown = desk.done(*changed(LIMITS["S1"].failed()))
    assert shown.phone
    assert shown.tone == "danger"
    assert shown.data == ""
    desk.presenter.use_phone()
    assert desk.port.calls == [("phone",), ("back",)]


def test_every_problem_has_its_own_button_the_worst_first(desk: Desk) -> None:
    desk.done(
        *changed(
            LIMITS["C8.dark"].judge(61),
            LIMITS["C4"].judge(480),
            LIMITS["C7"].judge(5),
            LIMITS["C2"].unknown("It was too slow to tell."),
            LIMITS["C9"].unknown("It is told in a week."),  # holds nothing back: a row only
        )
    )
    advice = desk.card(Group.CAMERA).advice
    assert [a.check for a in advice] == ["C7", "C4", "C8.dark", "C2"]
    assert [a.tone for a in advice] == ["danger", "warn", "warn", "info"]
    assert [a.button for a in advice] == [
        "Check again",
        "Choose another",
        "Check again",
        "Check again",
    ]


@pytest.mark.parametrize(
    ("finding", "call"),
    [
        (LIMITS["C8.dark"].judge(61), ("start", CheckMode.QUICK, frozenset({Group.CAMERA}))),
        (
            LIMITS["C3"].failed(CameraDenied.sentence, CameraDenied.next_step),
            ("settings", SettingsPage.CAMERA),
        ),
        (LIMITS["M2"].judge(4), ("settings", SettingsPage.SOUND)),
        (LIMITS["N5"].failed(), ("copy",)),
        (LIMITS["P1"].judge(50), ("start", CheckMode.QUICK, frozenset({Group.COMPUTER}))),
    ],
)
def test_what_a_button_does(desk: Desk, finding: Finding, call: tuple[object, ...]) -> None:
    desk.done(*changed(finding))
    desk.presenter.fix(finding.check)
    assert desk.port.calls == [call]


def test_choose_another_opens_that_cards_list_each_time(desk: Desk) -> None:
    desk.done(*changed(LIMITS["M3"].failed()))
    desk.presenter.fix("M3")
    first = desk.presenter.state.choosing
    desk.presenter.fix("M3")
    assert first is not None
    assert desk.presenter.state.choosing == (Group.MICROPHONE, first[1] + 1)
    assert desk.port.calls == []


def test_a_button_of_a_problem_that_is_gone_does_nothing(desk: Desk) -> None:
    desk.done(*GOOD)
    desk.presenter.fix("C8.dark")
    desk.presenter.fix("no such check")
    assert desk.port.calls == []


# ---- while it runs -------------------------------------------------------------------------------


def running(**changes: object) -> SelfCheckState:
    state = SelfCheckState(
        running=True, findings=GOOD[:4], expected=("C2", "C4", "C5", "C7", "C9"),
        started_ms=NOW_MS, until_ms=NOW_MS + 9000,
    )  # fmt: skip
    return replace(state, **changes)  # type: ignore[arg-type]  # names checked by replace


def test_time_and_checks_count_down(desk: Desk) -> None:
    desk.presenter.checked(running())
    assert desk.presenter.state.title == "Checking, 9 s left"
    desk.now_ms += 4200
    desk.presenter.tick()
    assert desk.presenter.state.title == "Checking, 5 s left"
    assert desk.presenter.state.progress == "3 of 5 checks done"
    desk.now_ms += 60_000
    desk.presenter.tick()
    assert desk.presenter.state.title == "Checking"


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (Rung.NO_LINK, Rung.HD_VIDEO, "Nothing is certain yet."),
        (Rung.VIDEO, Rung.HD_VIDEO, "So far: at least Video."),
        (Rung.NO_LINK, Rung.LOW_VIDEO, "So far: at most Low video."),
    ],
)
def test_what_is_certain_so_far(desk: Desk, least: Rung, most: Rung, words: str) -> None:
    desk.presenter.checked(running(at_least=least, at_most=most))
    assert desk.presenter.state.sentence.startswith(words)
    assert (desk.presenter.state.at_least, desk.presenter.state.at_most) == (least, most)


def test_no_card_is_green_before_its_part_is_over(desk: Desk) -> None:
    desk.presenter.checked(running())
    assert all(card.tone != "ok" for card in desk.presenter.state.cards)


def test_run_and_stop(desk: Desk) -> None:
    desk.presenter.run()
    desk.presenter.run(CheckMode.THOROUGH)
    desk.presenter.checked(running())
    desk.presenter.run()
    desk.presenter.stop()
    assert desk.port.calls == [
        ("start", CheckMode.STANDARD, ALL_GROUPS),
        ("start", CheckMode.THOROUGH, ALL_GROUPS),
        ("stop",),
    ]


def test_a_call_that_stopped_it_is_named_and_no_old_verdict_is_shown(desk: Desk) -> None:
    old = verdict(GOOD, NOW_MS)
    desk.presenter.checked(running(running=False, stopped=True, by_call=True, verdict=old))
    shown = desk.presenter.state
    assert "A call began" in shown.sentence
    assert shown.tone == "neutral"
    assert shown.at_most is Rung.NO_LINK


def test_refused_in_a_call_is_said(desk: Desk) -> None:
    desk.presenter.checked(SelfCheckState(refused="in-call"))
    assert desk.presenter.state.refused


def test_a_metered_link_is_named(desk: Desk) -> None:
    state = SelfCheckState(
        findings=GOOD, verdict=verdict(GOOD, NOW_MS), started_ms=NOW_MS - 5000,
        mode=CheckMode.QUICK, asked=CheckMode.STANDARD, data_bytes=412_000,
    )  # fmt: skip
    desk.presenter.checked(state)
    assert "moved 412 kB" in desk.presenter.state.when
    assert "counts data" in desk.presenter.state.when


# ---- past, devices, trials -----------------------------------------------------------------------


def test_the_history_is_summed_and_each_bar_says_why(desk: Desk) -> None:
    desk.presenter.past(
        [
            PastCheck(NOW_MS, "quick", Rung.HD_VIDEO),
            PastCheck(NOW_MS, "quick", Rung.VIDEO, ("N9",), values={"N9": 310}),
            PastCheck(NOW_MS, "quick", Rung.HD_VIDEO, values={"N9": 140}),
        ]
    )
    shown = desk.presenter.state
    assert shown.past_words == "2 HD video, 1 Video"
    assert [bar.rung for bar in shown.past] == [Rung.HD_VIDEO, Rung.VIDEO, Rung.HD_VIDEO]
    assert shown.past[1].words.endswith(LIMITS["N9"].title)
    desk.done(*GOOD)
    lines = {f.check: f.past for f in desk.card(Group.NETWORK).figures}
    assert lines["N9"] == (310, 140)


def test_devices_are_offered_by_name(desk: Desk) -> None:
    cameras = (Seen("id:1", "Clinic HD Webcam"), Seen("id:2", "Document camera"))
    desk.presenter.devices(DevicesSeen(cameras=cameras, used=((Group.CAMERA, "id:2"),)))
    card = desk.card(Group.CAMERA)
    assert [choice.name for choice in card.choices] == ["Clinic HD Webcam", "Document camera"]
    assert card.chosen == "Document camera"
    desk.presenter.choose(Group.CAMERA, "id:1")
    assert desk.port.calls == [("choose", Group.CAMERA, "id:1")]


def test_trials_are_put_into_words(desk: Desk) -> None:
    desk.presenter.guided(GuidedState(sound="recording", share=0.4))
    assert desk.presenter.state.guided.microphone_busy
    desk.presenter.guided(GuidedState(can_play=True))
    assert "memory only" in desk.presenter.state.guided.microphone
    desk.presenter.guided(GuidedState(looking=True, hint="closer"))
    assert desk.presenter.state.guided.camera == "Hold the chart closer."
    desk.presenter.guided(GuidedState(skin="no", skin_words=("Not for skin.", "Use daylight.")))
    guided = desk.presenter.state.guided
    assert (guided.camera, guided.camera_tone) == ("Not for skin. Use daylight.", "warn")
    desk.presenter.guided(GuidedState(ask_heard=True))
    assert desk.presenter.state.guided.ask_heard
