"""What desk and media process say of the self-check; part of :mod:`.control`."""

from typing import Literal

import msgspec

from .control_paths import IceServerSpec


class RunDeviceChecks(msgspec.Struct, frozen=True, tag_field="t", tag="run-device-checks"):
    """Run the self-check's probes that need devices or codecs; refused during a call.

    Attributes:
        run: Names the answers.
        names: Checks; none = all.
        usual_sharpness: Median ``C9`` of 30 days of each camera, by its spec (:class:`.Cameras`);
            one that is not here has too few days to have a usual.
        hurried: What is not certain soon is not waited for.
    """

    run: str
    names: list[str]
    usual_sharpness: dict[str, float] = {}
    hurried: bool = False


class RunLinkTrial(msgspec.Struct, frozen=True, tag_field="t", tag="run-link-trial"):
    """Ask the relays, look at the router, and hold a test call with ourselves; refused during a call.

    Opens neither camera nor microphone. Answered as :class:`RunDeviceChecks` is, with the checks
    ``N5``, ``N6`` and ``loop``. Not while devices or the rate are being measured: it sends and encodes.

    Attributes:
        run: Names the answers.
        ice_servers: As for a call, with credentials asked for just now. With a relay among them the
            test call goes through it, there and back; without one it never leaves this PC.
        loop: Whether to hold the test call at all.
        seconds: How long the test call sends once it is connected.
        connect_s: How long it may take to connect.
        cap_bps: It sends no more than this; what the link is known to carry, or what may be spent.
        start_rung: Where it begins (:class:`..clinical.ladder.Rung`), and the most that it sends.
        clock_ahead_s: How far this PC's clock is ahead of the server's, as the clock check found.
    """

    run: str
    ice_servers: list[IceServerSpec] = []
    loop: bool = True
    seconds: float = 4.0
    connect_s: float = 8.0
    cap_bps: int = 600_000
    start_rung: int = 4
    clock_ahead_s: float = 0.0


class StopDeviceChecks(msgspec.Struct, frozen=True, tag_field="t", tag="stop-device-checks"):
    """Stop a run of either kind; nothing more of it is reported but :class:`ChecksDone`."""

    run: str


class CheckResult(msgspec.Struct, frozen=True, tag_field="t", tag="check-result"):
    """One finding of the self-check; fields as in :class:`telemed_desk.devices.findings.Finding`."""

    run: str
    check: str
    outcome: Literal["pass", "warn", "fail", "cannot-tell"]
    value: float | None
    unit: str
    limit: float | None
    cause: str
    action: str
    ceiling: int = 5


class ChecksDone(msgspec.Struct, frozen=True, tag_field="t", tag="checks-done"):
    """All asked-for checks have reported, or the run was stopped.

    Attributes:
        run: Which.
        moved_bytes: About how much a link trial sent and received over the network.
    """

    run: str
    moved_bytes: int = 0
