"""What is kept of one link: the checks, the call, the yardstick. None = there was nothing to measure."""

import time
from pathlib import Path

import msgspec

from benchmarks.result_folder import ResultFolder
from telemed_desk.devices.probe.figures import LinkFigures


class Found(msgspec.Struct, frozen=True):
    """One finding of a check; fields as in :class:`telemed_desk.devices.findings.Finding`."""

    check: str
    outcome: str
    value: float | None
    unit: str
    ceiling: int
    cause: str


class CheckSeen(msgspec.Struct, frozen=True):
    """One check, as the PC that ran it tells.

    Attributes:
        mode: How far it went.
        rung: Of the verdict.
        seconds: From the click to the verdict.
        own_bytes: What it says that it moved.
        cut_off: It was not through when its time was over.
        figures: Of the train; None when there was none.
    """

    mode: str
    rung: int
    decided_by: list[str]
    unproven: list[str]
    seconds: float
    own_bytes: int | None
    cut_off: bool
    findings: list[Found]
    figures: LinkFigures | None


class CheckResult(msgspec.Struct, frozen=True):
    """A check, and what passed meanwhile at the emulator.

    Attributes:
        wire_bytes: Of IP packets that both sides sent, whether they arrived or not.
    """

    seen: CheckSeen
    wire_bytes: int
    busy_share: float


class WaySeen(msgspec.Struct, frozen=True):
    """One direction of the call; ``rungs`` one a second, as its ladder had them.

    Attributes:
        rung: Held for most of the time that counts.
        share: Of that time.
        reason: What kept it from the next rung.
        changes: Of the rung, in that time.
        wire_kbps: At the emulator, over the whole call.
    """

    rung: int
    share: float
    reason: str
    changes: int
    wire_kbps: float
    rungs: list[int]
    estimate_kbps: float | None
    path: str


class CallSeen(msgspec.Struct, frozen=True):
    """The call that the prediction is held against; its rung is the lower of its two ways."""

    rung: int
    up: WaySeen
    down: WaySeen
    connected_s: float | None
    given_up: bool
    busy_share: float
    problems: list[str]


class FlowSeen(msgspec.Struct, frozen=True):
    """A yardstick's speed test over one flow, three seconds each way: payload at the receiver."""

    up_kbps: float | None
    down_kbps: float | None


class LinkResult(msgspec.Struct, frozen=True):
    """One link in one round. ``kept`` is false where the machine spoilt it.

    Attributes:
        seconds: Of the call.
        source: The checkout's commit, ``+`` for changes beside it.
        why_not: Why it does not count.
        tcp: The yardstick over one TCP flow.
        data: The yardstick over a data channel.
    """

    link: str
    round: int
    seed: int
    seconds: float
    began: str
    source: str
    kept: bool
    why_not: str
    late_share: float = 0.0
    latest_ms: float = 0.0
    checks: list[CheckResult] = []
    call: CallSeen | None = None
    tcp: FlowSeen | None = None
    data: FlowSeen | None = None

    def check(self, mode: str) -> CheckResult | None:
        """Return the check of a mode."""
        return next((check for check in self.checks if check.seen.mode == mode), None)


def now_text() -> str:
    """Return this moment in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _name(result: LinkResult) -> str:
    return f"{result.link}-{result.round:02}"


def result_folder(folder: Path) -> ResultFolder[LinkResult]:
    """Return the files of a run: ``<link>-<round>.json``."""
    return ResultFolder(folder, LinkResult, _name)
