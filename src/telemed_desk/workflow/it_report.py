"""The report for IT: what a check found, with nothing in it that tells who, where or which device.

Built from a fixed list of fields; every text passes :func:`telemed_desk.devices.redaction.redacted`.
The same report is printed by ``telemed-desk selfcheck --json``, saved as JSON and drawn as PDF
(docs/selfcheck.md).
"""

import getpass
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from telemed_desk import __version__
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.history import PastCheck
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.redaction import redacted
from telemed_desk.workflow.self_check import SelfCheckState

REPORT_VERSION = 1
HISTORY_IN_REPORT = 14
MEGA = 1_000_000


def report_of(
    state: SelfCheckState,
    *,
    seconds: float,
    at_ms: int,
    history: Sequence[PastCheck] = (),
    known: Iterable[str] | None = None,
) -> dict[str, object]:
    """Return the documented report as plain values.

    Args:
        state: The check that is reported.
        seconds: How long it took.
        at_ms: When it ended, Unix milliseconds.
        history: Earlier checks on this PC, oldest first.
        known: Words that must not be in it; None = this PC's and this user's names.
    """
    secret = tuple(names_here() if known is None else known)
    verdict = state.verdict
    return {
        "report": REPORT_VERSION,
        "at": _time(at_ms),
        "version": __version__,
        "system": {
            "name": platform.system(),
            "release": redacted(platform.release().partition("-")[0], secret),
            "machine": platform.machine(),
        },
        "mode": state.mode.value,
        "asked": state.asked.value,
        "verdict": verdict.rung.name if verdict else None,
        "rung": int(verdict.rung) if verdict else None,
        "sentence": verdict.sentence if verdict else "",
        "decided_by": list(verdict.decided_by) if verdict else [],
        "unproven": list(verdict.unproven) if verdict else [],
        "quarter_hour_mb": round(verdict.quarter_hour_bytes / MEGA) if verdict else None,
        "seconds": round(seconds, 1),
        "data_bytes": state.data_bytes,
        "findings": [_finding(f, secret) for f in sorted(state.findings, key=_place)],
        "history": [_past(past) for past in history[-HISTORY_IN_REPORT:]],
    }


def in_words(report: Mapping[str, object]) -> str:
    """Return the report for a person: the verdict, each check, and what to do."""
    lines = [str(report["sentence"] or "No verdict"), ""]
    findings = report["findings"]
    for found in findings if isinstance(findings, list) else []:
        value = "" if found["value"] is None else f" {found['value']:g} {found['unit']}".rstrip()
        lines.append(f"{found['outcome']:<11}  {found['check']:<11}  {found['title']}{value}")
        if found["cause"]:
            lines.append(f"{'':26}{found['cause']} {found['action']}")
    decided = report["decided_by"]
    by = f", decided by {', '.join(decided)}" if isinstance(decided, list) and decided else ""
    took = f"{report['seconds']} s, {report['mode']}{by}"
    lines += ["", f"{report['at']}, TeleMed Desk {report['version']}, {took}"]
    return "\n".join(lines)


def names_here() -> tuple[str, ...]:
    """Return this PC's and this user's names: known secrets of every report made here."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no such entry, as in some containers
        user = ""
    # Three letters and less would take pieces out of ordinary words.
    return tuple(name for name in (platform.node(), user) if len(name) > len("PC1"))


def _finding(finding: Finding, secret: Sequence[str]) -> dict[str, object]:
    return {
        "check": finding.check,
        "group": finding.group.value,
        "title": finding.title,
        "outcome": finding.outcome.value,
        "value": finding.value,
        "unit": finding.unit,
        "limit": finding.limit,
        "cause": redacted(finding.cause, secret),
        "action": redacted(finding.action, secret),
        "ceiling": int(finding.ceiling),
    }


def _past(past: PastCheck) -> dict[str, object]:
    return {
        "at": _time(past.at_ms),
        "mode": past.mode,
        "rung": int(past.rung),
        "decided_by": list(past.decided_by),
        "values": dict(past.values),
    }


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="seconds")


_PLACES = {check: place for place, check in enumerate(LIMITS)}


def _place(finding: Finding) -> tuple[int, str]:
    return _PLACES.get(finding.check, len(_PLACES)), finding.check
