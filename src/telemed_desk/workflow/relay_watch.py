"""Whether calls would find their relay, asked while nobody calls (W1). Core thread.

The line to the clinic's server says nothing of the relay: another address, another port, UDP where the
line is TCP. So every five minutes the relays are asked as a call would ask them, a few kilobytes in the
media process; never in a call, and not beside a self-check.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.media.control import IceServerSpec
from telemed_desk.workflow.check_plan import LOOP_MOST_BPS
from telemed_desk.workflow.device_checks import MediaChecks

EVERY_S = 300.0
ANSWER_S = 20.0
RelayWord = Literal["", "no-udp", "away"]


def relay_word(findings: Sequence[Finding]) -> RelayWord:
    """Return what the relays' answers mean for a call; empty = nothing is wrong, or not known."""
    known = {finding.check: finding.outcome for finding in findings}
    if known.get("N5") is Outcome.FAIL:
        return "away"
    if known.get("N5") is not None and known.get("N5.udp") is Outcome.FAIL:
        return "no-udp"
    return ""


class RelayWatch:
    """Asks until cancelled.

    Args:
        media: Asks the relays.
        servers: As for a call, with fresh credentials.
        idle: Whether neither a call nor a check runs.
        tell: Told what the answers mean, each time.
        every_s: From one question to the next.
    """

    def __init__(
        self,
        media: MediaChecks,
        servers: Callable[[], Sequence[IceServerSpec]],
        idle: Callable[[], bool],
        tell: Callable[[RelayWord], None],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._media = media
        self._servers = servers
        self._idle = idle
        self._tell = tell
        self._every_s = every_s
        self._asking: asyncio.Task[int] | None = None

    async def run(self) -> None:
        """Watch."""
        while True:
            await asyncio.sleep(self._every_s)
            servers = list(self._servers())
            if servers and self._idle():
                await self._ask(servers)

    def call_wins(self) -> None:
        """A call begins: whatever is being asked does not matter now."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, servers: list[IceServerSpec]) -> None:
        findings: list[Finding] = []
        self._asking = asyncio.create_task(
            self._media.link_trial(servers, findings.append, loop=False, cap_bps=LOOP_MOST_BPS)
        )
        done, _ = await asyncio.wait({self._asking}, timeout=ANSWER_S)
        self._asking.cancel()
        if done and not self._asking.cancelled():
            self._tell(relay_word(findings))
