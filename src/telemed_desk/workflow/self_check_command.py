"""``telemed-desk selfcheck``: the same check for a fleet, without a window.

The JSON report (``"report": 1``) holds no name, address or device serial::

    {"report": 1, "at": "<ISO 8601>", "version": "…", "verdict": "VIDEO", "rung": 4,
     "sentence": "Video ready", "decided_by": ["N8.up"], "seconds": 5.2,
     "findings": [{"check": "C2", "group": "camera", "title": "First picture", "outcome": "pass",
                   "value": 0.3, "unit": "s", "limit": 2.0, "cause": "", "action": "",
                   "ceiling": 5}, …]}

Exit codes: 0 video or better, 1 a call is possible but limited, 2 no call, 3 could not check.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from datetime import UTC, datetime

import httpx
import truststore

from telemed_desk import __version__
from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import Devices
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.self_check import Link, SelfCheck, SelfCheckState
from telemed_protocol.errors import KnownError

EXIT_VIDEO, EXIT_LIMITED, EXIT_NO_CALL, EXIT_NOT_CHECKED = 0, 1, 2, 3


def run(options: argparse.Namespace) -> int:
    """Run the check as the command line asks; return the exit code."""
    try:
        state, seconds = asyncio.run(_check(options))
    except KnownError as error:
        print(f"{error.sentence} {error.next_step}", file=sys.stderr)  # noqa: T201 - a command prints
        return EXIT_NOT_CHECKED
    report = report_of(state, seconds)
    if options.json:
        print(json.dumps(report, indent=1))  # noqa: T201 - a command prints
    else:
        print(in_words(state))  # noqa: T201 - a command prints
    if state.verdict is None or state.verdict.rung <= Rung.PHONE:
        return EXIT_NO_CALL
    return EXIT_VIDEO if state.verdict.rung >= Rung.VIDEO else EXIT_LIMITED


async def _check(options: argparse.Namespace) -> tuple[SelfCheckState, float]:
    started = time.monotonic()
    hub = MediaHub(Devices(options.camera, options.microphone, options.speaker))
    await hub.start()
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(verify=context, trust_env=True) as client:

        async def link() -> Link | None:
            return Link(client, options.server.rstrip("/")) if options.server else None

        check = SelfCheck(
            hub,
            link,
            now_ms=lambda: time.time_ns() // 1_000_000,
            in_call=lambda: False,
            on_state=lambda _state: None,
            on_verdict=lambda _verdict: None,
        )
        try:
            check.start(quick=options.quick)
            await check.wait()
        finally:
            await hub.stop()
    return check.state, time.monotonic() - started


def report_of(state: SelfCheckState, seconds: float) -> dict[str, object]:
    """Return the documented report as plain values."""
    verdict = state.verdict
    return {
        "report": 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "verdict": verdict.rung.name if verdict else None,
        "rung": int(verdict.rung) if verdict else None,
        "sentence": verdict.sentence if verdict else "",
        "decided_by": list(verdict.decided_by) if verdict else [],
        "seconds": round(seconds, 1),
        "findings": [
            {
                "check": finding.check,
                "group": finding.group.value,
                "title": finding.title,
                "outcome": finding.outcome.value,
                "value": finding.value,
                "unit": finding.unit,
                "limit": finding.limit,
                "cause": finding.cause,
                "action": finding.action,
                "ceiling": int(finding.ceiling),
            }
            for finding in sorted(state.findings, key=lambda f: f.check)
        ],
    }


def in_words(state: SelfCheckState) -> str:
    """Return the verdict and what to do, for a person."""
    lines = [state.verdict.sentence if state.verdict else "No verdict"]
    for finding in sorted(state.findings, key=lambda f: f.check):
        value = "" if finding.value is None else f" {finding.value:g} {finding.unit}".rstrip()
        lines.append(f"  {finding.outcome.value:<11} {finding.title}{value}")
        if finding.cause:
            lines.append(f"              {finding.cause} {finding.action}")
    return "\n".join(lines)
