"""Whether a call would find its relay, and how it would sound, while nobody calls (W1). Core thread.

The line to the clinic's server says nothing of the relay: another address, another port, UDP where the
line is TCP. So every five minutes, and a while of this PC's own, the relays are asked as a call would
ask them, and one second of packets like those of a voice goes through and back: 30 kB together, 4 MB in
a working day of ten hours. Never in a call, and not beside a self-check.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from telemed_desk.devices.checks.probe import watch_findings
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.media.control import IceServerSpec
from telemed_desk.workflow.check_plan import LOOP_MOST_BPS
from telemed_desk.workflow.device_checks import MediaChecks

EVERY_S = 300.0
SPREAD_S = 20.0
"""PCs of a site that were switched on together do not ask together."""
ANSWER_S = 40.0
AGAIN_S = 5.0
"""One bad second in five minutes may be chance; two so close are not."""
RelayWord = Literal["", "no-udp", "away", "gaps"]
VoiceBurst = Callable[[], Awaitable[LinkFigures | None]]
_HEARD = ("N7.loss", "N11")


def relay_word(findings: Sequence[Finding]) -> RelayWord:
    """Return what the relays' answers mean for a call; empty = nothing is wrong, or not known."""
    known = {finding.check: finding.outcome for finding in findings}
    if known.get("N5") is Outcome.FAIL:
        return "away"
    if known.get("N5") is not None and known.get("N5.udp") is Outcome.FAIL:
        return "no-udp"
    return ""


def has_gaps(figures: LinkFigures | None) -> bool:
    """Return whether a voice would have gaps; what could not be measured says nothing."""
    findings = [] if figures is None else watch_findings(figures)
    return any(f.check in _HEARD and f.outcome is Outcome.FAIL for f in findings)


async def _no_burst() -> None:
    return None


class RelayWatch:
    """Asks until cancelled.

    Args:
        media: Asks the relays.
        servers: As for a call, with fresh credentials.
        idle: Whether neither a call nor a check runs.
        tell: Told what the answers mean, each time.
        burst: Sends the second of voice; None = it could not.
        every_s: From one question to the next.
        again_s: From a bad second to the one that has to confirm it.
    """

    def __init__(
        self,
        media: MediaChecks,
        servers: Callable[[], Sequence[IceServerSpec]],
        idle: Callable[[], bool],
        tell: Callable[[RelayWord], None],
        *,
        burst: VoiceBurst = _no_burst,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._media = media
        self._servers = servers
        self._idle = idle
        self._tell = tell
        self._burst = burst
        self._every_s = every_s
        self._again_s = again_s
        self._chance = random.Random()  # noqa: S311 - spreads PCs, keeps no secret
        self._asking: asyncio.Task[RelayWord] | None = None

    async def run(self) -> None:
        """Watch."""
        while True:
            own_s = min(SPREAD_S, self._every_s) * self._chance.random()
            await asyncio.sleep(self._every_s + own_s)
            servers = list(self._servers())
            if self._idle():
                await self._ask(servers)

    def call_wins(self) -> None:
        """A call begins: whatever is being asked does not matter now."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self, servers: list[IceServerSpec]) -> None:
        self._asking = asyncio.create_task(self._word(servers))
        done, _ = await asyncio.wait({self._asking}, timeout=ANSWER_S)
        self._asking.cancel()
        if done and not self._asking.cancelled():
            self._tell(self._asking.result())

    async def _word(self, servers: list[IceServerSpec]) -> RelayWord:
        findings: list[Finding] = []
        if servers:
            await self._media.link_trial(
                servers, findings.append, loop=False, cap_bps=LOOP_MOST_BPS
            )
        word = relay_word(findings)
        if word == "away" or not has_gaps(await self._burst()):
            return word
        await asyncio.sleep(self._again_s)
        return "gaps" if self._idle() and has_gaps(await self._burst()) else word
