"""Tests that a person takes part in: five seconds of voice, the sweep, the colour chart. Core thread.

The media process runs them and keeps what it hears and sees; here is only how far they are.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from telemed_desk.devices.checks.sound import answered_findings
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media import control
from telemed_desk.workflow.device_checks import finding_of

SoundWhat = Literal["record", "play", "sweep", "stop"]


@dataclass(frozen=True, slots=True)
class GuidedState:
    """How far they are.

    Attributes:
        sound: What runs with the sound: ``recording``, ``playing``, ``sweeping``; empty = nothing.
        share: Of it that is over, 0 to 1.
        can_play: Five seconds are held in memory, in the media process.
        ask_heard: The microphone did not hear the sweep: did the doctor?
        looking: The camera looks for the colour chart.
        hint: What stands in its way.
        good, wanted: Good looks at the chart so far, and how many it takes.
        skin: Whether the camera is good enough for skin: ``yes``, ``no``, ``cannot-tell``; empty =
            not looked at.
        skin_words: That, in a sentence, and what would make it better.
        refused: It was not begun: a call runs.
    """

    sound: str = ""
    share: float = 0.0
    can_play: bool = False
    ask_heard: bool = False
    looking: bool = False
    hint: str = ""
    good: int = 0
    wanted: int = 0
    skin: str = ""
    skin_words: tuple[str, str] = ("", "")
    refused: bool = False


class Guided:
    """Starts them, and follows them.

    Args:
        send: To the media process.
        on_state: Told of every change.
        found: Told of each finding.
    """

    def __init__(
        self,
        send: Callable[[control.ToMedia], None],
        on_state: Callable[[GuidedState], None],
        found: Callable[[Finding], None],
    ) -> None:
        self._send = send
        self._on_state = on_state
        self._found = found
        self._sound_run = ""
        self._chart_run = ""
        self.state = GuidedState()

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        self._on_state(self.state)

    def sound(self, what: SoundWhat) -> None:
        """Record five seconds, play them back, play the sweep, or stop and forget."""
        self._sound_run = secrets.token_hex(4)
        self._set(ask_heard=False, refused=False)
        self._send(control.SoundTrial(self._sound_run, what))

    def heard(self, *, heard: bool) -> None:
        """Take the doctor's word for the sweep."""
        self._set(ask_heard=False)
        for finding in answered_findings(heard=heard):
            self._found(finding)

    def chart(self, *, on: bool) -> None:
        """Look for the colour chart, or stop looking."""
        if not on:
            if self.state.looking:
                self._send(control.StopDeviceChecks(self._chart_run))
                self._set(looking=False, hint="")
            return
        self._chart_run = secrets.token_hex(4)
        self._set(looking=True, hint="", good=0, skin="", skin_words=("", ""), refused=False)
        self._send(control.LookForChart(self._chart_run))

    def leave(self) -> None:
        """The page is left, or a call begins: nothing goes on, and nothing is kept."""
        self.chart(on=False)
        if self.state.sound or self.state.can_play:
            self.sound("stop")

    def hear(self, message: control.FromMedia) -> None:
        """Take what the media process says."""
        match message:
            case control.SoundTrialState(run) if run == self._sound_run:
                self._sound_moved(message)
            case control.ChartLook(run) if run == self._chart_run:
                self._set(hint=message.hint, good=message.good, wanted=message.wanted)
            case control.ChartVerdict(run) if run == self._chart_run:
                said = (message.sentence, message.action)
                self._set(looking=False, hint="", skin=message.answer, skin_words=said)
            case control.CheckResult(run) if run in {self._sound_run, self._chart_run}:
                self._take(message)
            case control.ChecksDone(run) if run == self._chart_run:
                self._set(looking=False, hint="")
            case _:
                pass

    def died(self) -> None:
        """The media process is gone, and with it what it held."""
        self._set(sound="", share=0.0, can_play=False, looking=False, hint="", ask_heard=False)

    def _sound_moved(self, state: control.SoundTrialState) -> None:
        over = state.phase in {"done", "refused"}
        self._set(
            sound="" if over else state.phase,
            share=0.0 if over else state.share,
            can_play=state.can_play,
            refused=state.phase == "refused",
        )

    def _take(self, result: control.CheckResult) -> None:
        if result.check not in LIMITS:
            return
        finding = finding_of(result)
        if finding.check == "S1" and finding.outcome in {Outcome.FAIL, Outcome.CANNOT_TELL}:
            self._set(ask_heard=True)
        self._found(finding)
