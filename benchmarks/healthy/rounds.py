"""What is kept of one round, and what the rounds say together. Pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from benchmarks.prediction.results import CheckResult, Found

NOT_HERE = frozenset({"N6.nat", "N6.ipv6", "N6.mdns", "N12.signal", "N12.cable", "N3.metered"}) | {
    "P2.battery", "P2.plan", "P2.heat", "N1.issuer",
}  # fmt: skip
"""What a bench in namespaces cannot have: a router, IPv6, Wi-Fi, a battery, an authority that is known.
*Cannot tell* is right for these, and no more than that; none of the others may say it."""
NOTES = f"""\
Camera: the V4L2 double through FFmpeg's own capture code. Sound: PulseAudio, a voice in a quiet room.
Link: 20 Mbit/s, 20 ms, emulated; real server, responder and coturn, over TLS. *Cannot tell* is allowed
of what such a bench cannot have ({", ".join(sorted(NOT_HERE))}) and of nothing else. The
emulated link is a tunnel device, so that N3.vpn warns of one, rightly; no other warning is allowed.
"""
RIGHTLY = frozenset({("N3.vpn", "warn")})
"""The emulated link is a tunnel to the kernel, and the check says so."""
_GREEN, _GREY = "pass", "cannot-tell"


class Round(msgspec.Struct, frozen=True):
    """One check on the healthy bench.

    Attributes:
        source: The checkout's commit, ``+`` for changes beside it.
        why_busy: Why it says nothing of the check: others had the machine. Empty = it counts.
    """

    number: int
    began: str
    source: str
    why_busy: str
    check: CheckResult

    @property
    def kept(self) -> bool:
        """Whether it counts."""
        return not self.why_busy


def cries(found: Sequence[Found]) -> list[Found]:
    """Return what is not green and has no right not to be."""
    return [
        one
        for one in found
        if one.outcome != _GREEN
        and not (one.outcome == _GREY and one.check in NOT_HERE)
        and (one.check, one.outcome) not in RIGHTLY
    ]


def is_green(one: Round) -> bool:
    """Return whether nothing cried, and the verdict was the highest."""
    return not cries(one.check.seen.findings) and one.check.seen.rung == 5


def report(rounds: Sequence[Round], facts: Sequence[str], wanted: int, about: str = "") -> str:
    """Write what the rounds say, as Markdown."""
    kept = [one for one in rounds if one.kept]
    busy = [one for one in rounds if not one.kept]
    green = sum(is_green(one) for one in kept)
    sources = ", ".join(
        f"{name} ({n})" for name, n in Counter(one.source for one in rounds).items()
    )
    lines = [
        "# All green on a healthy bench",
        "",
        *(f"* {fact}" for fact in facts),
        *([f"* beside it: {about}"] if about else []),
        f"* of source {sources or 'none'}",
        "",
        (
            f"**{green} of {len(kept)} standard checks all green with the verdict HD video** (wanted: "
            f"{wanted} of {wanted}); {len(busy)} more on a machine that others kept busy."
        ),
        "",
        NOTES,
        "| | rounds | green | seconds, most | MB on the wire, most |",
        "|---|---|---|---|---|",
        _row("counted", kept),
        _row("on a busy machine", busy),
        "",
        "## What cried",
        "",
        *_cried(rounds),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, rounds: Sequence[Round]) -> str:
    seconds = max((one.check.seen.seconds for one in rounds), default=0.0)
    megabytes = max((one.check.wire_bytes for one in rounds), default=0) / 1e6
    green = sum(is_green(one) for one in rounds)
    return f"| {name} | {len(rounds)} | {green} | {seconds:.1f} | {megabytes:.2f} |"


def _cried(rounds: Sequence[Round]) -> list[str]:
    counted: dict[str, int] = Counter()
    lines = []
    for one in rounds:
        for found in cries(one.check.seen.findings):
            if one.kept:
                value = "" if found.value is None else f" {found.value:g} {found.unit}"
                said = f"{found.check} {found.outcome}{value}: {found.cause}"
                lines.append(f"* round {one.number}: {said}")
            else:
                counted[f"{found.check} {found.outcome}: {found.cause}"] += 1
    lines += [f"* {n} times on a busy machine: {said}" for said, n in counted.items()]
    return lines or ["Nothing."]
