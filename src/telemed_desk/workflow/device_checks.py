"""What the media process does of a self-check: devices, and the test call. Core thread."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media import control
from telemed_desk.workflow.media_hub import MediaHub

Found = Callable[[Finding], None]


class MediaChecks:
    """Asks the media process for findings.

    Cancelling a run ends it in the media process too, so that a call finds devices and link free.

    Args:
        hub: The media process.
        usual_sharpness: Each camera's own usual, by its spec.
    """

    def __init__(
        self, hub: MediaHub, usual_sharpness: Callable[[], dict[str, float]] = dict
    ) -> None:
        self._hub = hub
        self._usual_sharpness = usual_sharpness

    @property
    def hub(self) -> MediaHub:
        """The media process."""
        return self._hub

    async def devices(self, checks: Sequence[str], found: Found, *, hurried: bool) -> None:
        """Run some checks; ``found`` is called with each finding as it is known.

        Args:
            checks: Which.
            found: Called.
            hurried: Do not look longer at what is not certain soon.
        """
        request = control.RunDeviceChecks(
            secrets.token_hex(4), list(checks), self._usual_sharpness(), hurried
        )
        await self._run(request, found)

    async def link_trial(
        self,
        servers: Sequence[control.IceServerSpec],
        found: Found,
        *,
        loop: bool,
        cap_bps: int,
        clock_ahead_s: float = 0.0,
    ) -> int:
        """Ask the relays and, if wished, hold a test call with ourselves; return bytes moved.

        Args:
            servers: As for a call.
            found: Called with each finding as it is known.
            loop: Whether to hold the test call.
            cap_bps: It sends no more than this.
            clock_ahead_s: How far this PC's clock is ahead of the server's.
        """
        run = secrets.token_hex(4)
        request = control.RunLinkTrial(
            run, list(servers), loop=loop, cap_bps=cap_bps, clock_ahead_s=clock_ahead_s
        )
        return await self._run(request, found)

    async def _run(
        self, request: control.RunDeviceChecks | control.RunLinkTrial, found: Found
    ) -> int:
        done = asyncio.Event()
        moved_bytes = 0

        def hear(message: control.FromMedia) -> None:
            nonlocal moved_bytes
            if isinstance(message, control.CheckResult) and message.run == request.run:
                if message.check in LIMITS:
                    found(finding_of(message))
            elif isinstance(message, control.ChecksDone) and message.run == request.run:
                moved_bytes = message.moved_bytes
                done.set()

        # A process that dies will not report; what it did not say cannot be told.
        ends = [self._hub.listen(hear), self._hub.watch(done.set, lambda: None)]
        try:
            self._hub.send(request)
            await done.wait()
        finally:
            for end in ends:
                end()
            if not done.is_set():
                self._hub.send(control.StopDeviceChecks(request.run))
        return moved_bytes


def finding_of(result: control.CheckResult) -> Finding:
    """Turn the media process's words into a finding; title and card stand in the table."""
    limit = LIMITS[result.check]
    return Finding(
        result.check,
        limit.group,
        limit.title,
        Outcome(result.outcome),
        result.value,
        result.unit,
        result.limit,
        result.cause,
        result.action,
        Rung(result.ceiling),
    )
