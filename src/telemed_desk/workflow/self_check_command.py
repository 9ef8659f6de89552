"""``telemed-desk selfcheck``: the same check for a fleet, without a window.

The JSON report and the exit codes are described in docs/selfcheck.md.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time

import httpx
import truststore

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.metered import is_metered
from telemed_desk.media.control import Devices
from telemed_desk.workflow.check_plan import CheckMode
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.device_checks import MediaChecks
from telemed_desk.workflow.it_report import in_words, report_of
from telemed_desk.workflow.link_checks import Link, LinkChecks
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.self_check import CheckPorts, SelfCheck, SelfCheckState
from telemed_protocol.errors import KnownError

EXIT_VIDEO, EXIT_LIMITED, EXIT_NO_CALL, EXIT_NOT_CHECKED = 0, 1, 2, 3


def run(options: argparse.Namespace) -> int:
    """Run the check as the command line asks; return the exit code."""
    try:
        state, seconds = asyncio.run(_check(options))
    except KnownError as error:
        print(f"{error.sentence} {error.next_step}", file=sys.stderr)  # noqa: T201 - a command prints
        return EXIT_NOT_CHECKED
    report = report_of(state, seconds=seconds, at_ms=wall_ms())
    print(json.dumps(report, indent=1) if options.json else in_words(report))  # noqa: T201 - a command prints
    return exit_code(state)


def exit_code(state: SelfCheckState) -> int:
    """Return what a fleet's script goes by."""
    if state.verdict is None:
        return EXIT_NOT_CHECKED
    if state.verdict.rung <= Rung.PHONE:
        return EXIT_NO_CALL
    return EXIT_VIDEO if state.verdict.rung >= Rung.VIDEO else EXIT_LIMITED


def mode_of(options: argparse.Namespace) -> CheckMode:
    """Return how far to go: typed on a command line, ``--thorough`` is the consent it needs."""
    if options.thorough:
        return CheckMode.THOROUGH
    return CheckMode.QUICK if options.quick else CheckMode.STANDARD


async def _check(options: argparse.Namespace) -> tuple[SelfCheckState, float]:
    started = time.monotonic()
    hub = MediaHub(Devices(options.camera, options.microphone, options.speaker))
    await hub.start()
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(verify=context, trust_env=True) as client:

        async def link() -> Link | None:
            return Link(client, options.server.rstrip("/")) if options.server else None

        media = MediaChecks(hub)
        links = LinkChecks(link, media)
        check = SelfCheck(
            CheckPorts(
                devices=media.devices,
                network=links.run,
                sent_bytes=lambda: links.moved_bytes,
                now_ms=wall_ms,
                in_call=lambda: False,
                on_state=lambda _state: None,
                on_verdict=lambda _state: None,
                metered=is_metered,
            )
        )
        try:
            check.start(mode_of(options))
            await check.wait()
        finally:
            await hub.stop()
    return check.state, time.monotonic() - started
