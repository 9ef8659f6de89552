"""The clinic's PC in its own network namespace: runs the desk's self-check when it is told to.

Reads one line of JSON (:class:`Where`), says ``ready`` when the media process runs, then checks once
for each line that names a mode, and answers with :class:`.results.CheckSeen`. Unless it is given
devices, camera, microphone, speaker and computer are taken as good: the link alone decides.
"""

import asyncio
import ssl
import sys
import time
from collections.abc import Callable, Sequence

import httpx
import msgspec
import structlog
import truststore

from benchmarks.prediction.results import CheckSeen, Found
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.media.control import Devices, FromMedia, IceServerSpec, LinkProbed
from telemed_desk.workflow.check_plan import CheckMode
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.device_checks import MediaChecks
from telemed_desk.workflow.link_checks import Link, LinkChecks
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.self_check import LATE, CheckPorts, SelfCheck, SelfCheckState


class Where(msgspec.Struct, frozen=True):
    """How the clinic is reached.

    Attributes:
        devices: Camera, microphone and speaker that are looked at, and this PC with them; empty = all
            taken as good.
    """

    base_url: str
    token: str
    ice_servers: list[IceServerSpec]
    devices: list[str] = []


async def _good_devices(
    checks: Sequence[str], found: Callable[[Finding], None], /, **_how: bool
) -> None:
    for check in checks:
        found(LIMITS[check].passed())


async def _not_metered() -> bool:
    return False


async def check_once(
    where: Where, hub: MediaHub, mode: CheckMode, usual: dict[str, float]
) -> CheckSeen:
    """Run the check that the desk runs, in the same words; ``usual`` is each camera's own sharpness."""
    probed: list[LinkFigures] = []

    def hear(message: FromMedia) -> None:
        if isinstance(message, LinkProbed):
            probed.append(message.figures)

    stop_hearing = hub.listen(hear)
    cut_off = False

    def look(state: SelfCheckState) -> None:
        nonlocal cut_off
        cut_off = cut_off or any(finding.cause == LATE for finding in state.findings)

    try:
        async with httpx.AsyncClient(
            verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
        ) as client:

            async def link() -> Link:
                return Link(
                    client, where.base_url, where.token, where.ice_servers, own_authority=True
                )

            media = MediaChecks(hub, lambda: usual)
            links = LinkChecks(link, media)
            check = SelfCheck(
                CheckPorts(
                    devices=media.devices if where.devices else _good_devices,
                    network=links.run,
                    sent_bytes=lambda: links.moved_bytes,
                    now_ms=wall_ms,
                    in_call=lambda: False,
                    on_state=look,
                    on_verdict=lambda _state: None,
                    metered=_not_metered,
                )
            )
            started = time.monotonic()
            check.start(mode)
            await check.wait()
            seconds = time.monotonic() - started
    finally:
        stop_hearing()
    return _seen(check.state, mode, seconds, probed, cut_off=cut_off, real=bool(where.devices))


def _seen(
    state: SelfCheckState,
    mode: CheckMode,
    seconds: float,
    probed: Sequence[LinkFigures],
    *,
    cut_off: bool,
    real: bool,
) -> CheckSeen:
    if state.verdict is None:
        raise RuntimeError("the check came to no verdict")
    return CheckSeen(
        mode=mode.value,
        rung=int(state.verdict.rung),
        decided_by=list(state.verdict.decided_by),
        unproven=list(state.verdict.unproven),
        seconds=seconds,
        own_bytes=state.data_bytes,
        cut_off=cut_off,
        findings=[
            Found(f.check, f.outcome.value, f.value, f.unit, int(f.ceiling), f.cause)
            for f in state.findings
            if real or f.check.startswith(("N", "loop"))
        ],
        figures=probed[-1] if probed else None,
    )


def _sharpness(hub: MediaHub, seen: CheckSeen) -> dict[str, float]:
    """Return how sharp the camera was: what later checks take for its usual."""
    values = [f.value for f in seen.findings if f.check == "C9" and f.value is not None]
    cameras = hub.cameras.cameras if hub.cameras is not None else []
    return {cameras[0].spec: values[0]} if values and cameras else {}


async def _serve() -> None:
    where = msgspec.json.decode(await asyncio.to_thread(sys.stdin.readline), type=Where)
    hub = MediaHub(Devices(*(where.devices or ("none", "none", "null"))))
    await hub.start()
    usual: dict[str, float] = {}
    try:
        print("ready", flush=True)
        while mode := (await asyncio.to_thread(sys.stdin.readline)).strip():
            seen = await check_once(where, hub, CheckMode(mode), usual)
            usual = usual or _sharpness(hub, seen)
            print(msgspec.json.encode(seen).decode(), flush=True)
    finally:
        await hub.stop()


if __name__ == "__main__":
    # Standard output is for the answers.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_serve())
