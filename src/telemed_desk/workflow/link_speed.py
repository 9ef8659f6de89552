"""How fast the link is, within one check: the server's leave, the train, else HTTPS. Core thread.

The server lets one PC of a site measure at a time. What cannot be measured with datagrams is estimated
over HTTPS, and the check says so.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from telemed_desk.devices.checks.probe import only_estimated, other_pc_measures, probe_findings
from telemed_desk.devices.checks.speed import speed_findings
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.devices.probe.plan import PLANS
from telemed_desk.media import control
from telemed_desk.workflow.media_hub import MediaHub
from telemed_protocol.api import CONTENT_TYPE, ProbeAsk, ProbeEnd, ProbeGrant, Problem

PlanName = Literal["watch", "quick", "standard", "thorough"]
SPEED_CHECKS: Final = ("N8.down", "N8.up", "N9")

SPARE_S: Final = 8.0
"""Beyond what a plan takes: asking relays and responders that do not answer."""
OPENING_S: Final = 0.5
"""What opening a way takes at most before it comes off the plan's time."""
ASK_S: Final = 5.0
END_S: Final = 2.0
_BLOCKED: Final = (
    "The speed is an estimate over HTTPS: no UDP packet came back from the clinic's server."
)
_NO_RESPONDER: Final = "The speed is an estimate over HTTPS: the server has no measuring port."
_NO_RESPONDER_ACTION: Final = "Ask the server's keeper to open one (--probe-listen)."
_NO_LEAVE: Final = "The speed is an estimate over HTTPS: the server gave no leave to measure."
_DIED: Final = "The speed is an estimate over HTTPS: the measurement broke off."

_log = structlog.get_logger("link_speed")
_giving_back: Final[set[asyncio.Task[None]]] = set()
"""A task that nobody holds may be collected."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server's no; ``code`` as in its :class:`telemed_protocol.api.Problem`."""

    code: str


class LinkSpeed:
    """Measures on one link.

    Args:
        client: Verifies certificates as the rest of the desk does.
        base_url: Of the server.
        token: Bearer token; empty = nobody is signed in.
        hub: The media process, where the sockets are.
        ice_servers: As for a call.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        token: str,
        hub: MediaHub,
        ice_servers: list[control.IceServerSpec],
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._hub = hub
        self._ice_servers = ice_servers
        self.moved_bytes = 0
        self._answer: ProbeGrant | Refusal | None = None
        self._ends_at: float | None = None
        self._far = False

    async def ask(self, plan: PlanName) -> None:
        """Ask the server for leave, which :meth:`findings` does itself where nobody did before."""
        if self._token:
            self._answer = await self._ask(thorough=plan == "thorough")

    async def findings(
        self,
        plan: PlanName,
        *,
        rest_rtt: Awaitable[float],
        ends_at: float | None = None,
        far: bool = False,
    ) -> AsyncIterator[Finding]:
        """Measure; yield what was found.

        Args:
            plan: How much it may take.
            rest_rtt: Round trip of a request while the link is idle, seconds.
            ends_at: When a link that is not slow has to be through, by the loop's clock; None =
                whenever the plan is.
            far: Take a slow link's time from the beginning.
        """
        self._ends_at, self._far = ends_at, far
        reason: Finding | None = None
        if self._answer is None:
            await self.ask(plan)
        if self._answer is not None:
            exact = await self._exact(plan, self._answer)
            if isinstance(exact, list):
                for finding in exact:
                    yield finding
                return
            reason = exact
        if reason is not None:
            yield reason
        async for finding in speed_findings(
            self._client,
            self._base_url,
            self._token,
            rest_rtt_s=await rest_rtt,
            quick=plan == "quick",
        ):
            yield finding

    async def voice(self) -> LinkFigures | None:
        """Send one second of a voice the way a call would go, and hear it back.

        Returns:
            None when the server gives no leave, or nothing came back: then nothing is known.
        """
        answer = await self._ask(thorough=False)
        if isinstance(answer, Refusal):
            return None
        figures = await self._with_leave("watch", answer)
        if figures is None or figures.outcome != "measured":
            return None
        self.moved_bytes += figures.moved_bytes
        return figures

    async def _exact(self, plan: PlanName, answer: ProbeGrant | Refusal) -> list[Finding] | Finding:
        """Return what the train found, or the finding that says why there was none."""
        if isinstance(answer, Refusal):
            if answer.code == "other_pc_checks":
                return other_pc_measures()
            return only_estimated(_NO_LEAVE, "Check again in a few minutes.")
        figures = await self._with_leave(plan, answer)
        if figures is None:
            return only_estimated(_DIED, "Check again in a minute.")
        self.moved_bytes += figures.moved_bytes
        if figures.outcome == "measured":
            _log.info("link_measured", kind=figures.path, bytes=figures.moved_bytes)
            return probe_findings(figures)
        if not answer.port:
            return only_estimated(_NO_RESPONDER, _NO_RESPONDER_ACTION)
        return only_estimated(_BLOCKED)

    async def _with_leave(self, plan: PlanName, grant: ProbeGrant) -> LinkFigures | None:
        """Measure, and give the leave back; nobody waits for that, least of all on a far link."""
        try:
            return await self._measure(plan, grant)
        finally:
            giving = asyncio.create_task(self._end(grant.session))
            _giving_back.add(giving)
            giving.add_done_callback(_giving_back.discard)

    async def _measure(self, plan: PlanName, grant: ProbeGrant) -> LinkFigures | None:
        """Have the media process measure; None when it did not come to an end."""
        run = secrets.token_hex(4)
        ended = asyncio.Event()
        heard: list[LinkFigures] = []

        def hear(message: control.FromMedia) -> None:
            if isinstance(message, control.LinkProbed) and message.run == run:
                heard.append(message.figures)
                ended.set()  # the relay's address is given back after that, and nobody waits for it
            elif isinstance(message, control.ChecksDone) and message.run == run:
                ended.set()

        stops = [self._hub.listen(hear), self._hub.watch(ended.set, lambda: None)]
        host = grant.host or urlsplit(self._base_url).hostname or ""
        late_s = 0.0
        if self._ends_at is not None:
            left_s = self._ends_at - asyncio.get_running_loop().time()
            whole_s = PLANS[plan].slow_limit_s if self._far else PLANS[plan].limit_s
            late_s = max(0.0, whole_s + OPENING_S - left_s)
        request = control.RunLinkProbe(
            run,
            plan,
            grant.session,
            grant.key,
            host,
            grant.port,
            self._ice_servers,
            late_s,
            self._far,
        )
        try:
            self._hub.send(request)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PLANS[plan].slow_limit_s + SPARE_S):
                    await ended.wait()
        finally:
            for stop in stops:
                stop()
            if not ended.is_set():
                self._hub.send(control.StopDeviceChecks(run))
        return heard[0] if heard else None

    async def _ask(self, *, thorough: bool) -> ProbeGrant | Refusal:
        try:
            answer = await self._post("/v1/probe/lease", ProbeAsk(thorough), ASK_S)
        except httpx.HTTPError:
            return Refusal("unreachable")
        try:
            if answer.is_success:
                return msgspec.msgpack.decode(answer.content, type=ProbeGrant)
            return Refusal(msgspec.msgpack.decode(answer.content, type=Problem).code)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Refusal("format")

    async def _end(self, session: bytes) -> None:
        """Give the leave back; should that fail, it ends by itself."""
        # RuntimeError: the client was closed meanwhile.
        with contextlib.suppress(httpx.HTTPError, RuntimeError):
            await self._post("/v1/probe/end", ProbeEnd(session), END_S)

    async def _post(self, path: str, message: msgspec.Struct, limit_s: float) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": CONTENT_TYPE}
        body = msgspec.msgpack.encode(message)
        return await self._client.post(
            self._base_url + path, content=body, headers=headers, timeout=limit_s
        )
