"""Findings on their way to the desk."""

from telemed_desk.devices.findings import Finding
from telemed_desk.media.control import CheckResult


def as_result(run: str, finding: Finding) -> CheckResult:
    """Return a finding as the message that carries it; title and card stand in the desk's own table."""
    return CheckResult(
        run,
        finding.check,
        finding.outcome.value,
        finding.value,
        finding.unit,
        finding.limit,
        finding.cause,
        finding.action,
        int(finding.ceiling),
    )
