"""The report of a run, as Markdown."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.calls.figures import BUSY_LIMIT
from benchmarks.prediction.agreement import (
    LITTLE_LOSS_PERCENT,
    TOO_HIGH,
    Rate,
    agreement,
    capacity_errors,
    errors,
    flow_errors,
    goals,
    over_budget,
    rates,
    step,
)
from benchmarks.prediction.links import LINKS, Link
from benchmarks.prediction.results import CheckResult, FlowSeen, LinkResult, WaySeen
from benchmarks.prediction.truth import SETTLE_S, SHORT_S
from telemed_desk.clinical.ladder import Rung
from telemed_desk.workflow.check_plan import CheckMode

NOTES = f"""\
How to read it:

* *check* is the verdict's rung; *call* the rung that the call's ladder held for most of the time after
  its first {SETTLE_S:.0f} s, of its two ways the lower one (share of the time beside it). Every call
  begins on the same rung and knows nothing of the check. 1 telephone, 2 audio and photos, 3 low video,
  4 video, 5 HD video; *no link* counts as the telephone. *step* is check minus call.
* The check is the desk's own: same order, same budgets, real media process, real server with its
  responder and a real relay on the far side, TLS on both. Camera, microphone, speaker and computer are
  taken as good. The call is our engine at both ends, with the same relay at hand.
* Capacity error is against the emulator's rate (bytes of IP packets). "≥" means that the link was not
  filled, because more would change no verdict, or for want of time: no error is counted, unless it says
  more than there is. "~" is an estimate over HTTPS.
* Seconds are from the start of the check to its verdict, on a media process that is already running;
  megabytes are IP packets of both directions, counted at the emulator.
* TCP is one flow, three seconds each way, payload at the receiver: headers alone cost it 4 %. *dc* is a
  reliable data channel of stock aiortc, straight from one side to the other, measured in the same way;
  headers cost it 8 %. Where UDP is blocked there is none.
* A call that the processor of this machine kept from a rung is thrown away: here one machine does the
  work of two.
"""
_MODES = (CheckMode.STANDARD.value, CheckMode.QUICK.value)


def report(results: Sequence[LinkResult], facts: Sequence[str], about: str) -> str:
    """Write the report of all results of a run."""
    kept = [result for result in results if result.kept]
    lines = ["# Prediction against truth", "", *(f"* {fact}" for fact in facts)]
    if about:
        lines.append(f"* beside it: {about}")
    lines += [*_run_facts(results, kept), "", NOTES]
    lines += ["## Goals", "", "| goal | reached | |", "|---|---|---|"]
    words = {True: "met", False: "missed", None: "not measured"}
    lines += [f"| {goal.what} | {goal.reached} | {words[goal.met]} |" for goal in goals(kept)]
    lines += ["", "## Agreement", "", *_agreement(kept), ""]
    lines += ["## Capacity", "", *_capacity(kept), ""]
    lines += ["## Links", "", *_links(kept), ""]
    lines += ["## Where they differ", "", *_differences(kept), ""]
    lines += ["## What went wrong", "", *_troubles(results)]
    return "\n".join(lines) + "\n"


def _run_facts(results: Sequence[LinkResult], kept: Sequence[LinkResult]) -> list[str]:
    if not results:
        return ["* nothing measured yet"]
    sources = Counter(result.source for result in kept)
    lengths = sorted({result.seconds for result in kept})
    facts = [
        f"* {len(kept)} measurements of {len({r.link for r in kept})} links from {results[0].began} to "
        f"{results[-1].began}, of source "
        + ", ".join(f"{source} ({count})" for source, count in sources.items()),
        "* calls of " + ", ".join(f"{seconds:.0f} s" for seconds in lengths),
        (
            f"* {len(results) - len(kept)} thrown away (processors over {BUSY_LIMIT:.0%} busy or "
            "holding the call back, late link emulator, or not measured at all: see the end)"
        ),
    ]
    if lengths and lengths[0] < SHORT_S:
        facts.append("* **calls this short only try the harness out: they prove nothing**")
    return facts


def _agreement(kept: Sequence[LinkResult]) -> list[str]:
    lines = [
        f"| check | links | same rung | too high | by {TOO_HIGH} or more | too low |",
        "|---|---|---|---|---|---|",
    ]
    for mode in _MODES:
        seen = agreement(kept, mode)
        if seen.count:
            lines.append(
                f"| {mode} | {seen.count} | {seen.agreed} ({seen.share:.0%}) | {seen.high} | "
                f"{seen.too_high} | {seen.low} |"
            )
    return lines


def _capacity(kept: Sequence[LinkResult]) -> list[str]:
    lines = [
        "| by | links | directions | median error | worst | within 5 % |",
        "|---|---|---|---|---|---|",
    ]
    for most_loss, which in (
        (LITTLE_LOSS_PERCENT, f"loss up to {LITTLE_LOSS_PERCENT:.0f} %"),
        (100.0, "all"),
    ):
        kinds = [
            (f"{mode} check, train", capacity_errors(kept, mode, most_loss=most_loss))
            for mode in _MODES
        ]
        kinds += [
            (f"{mode} check, HTTPS", capacity_errors(kept, mode, exact=False, most_loss=most_loss))
            for mode in _MODES
        ]
        kinds.append(("one TCP flow, 3 s", flow_errors(kept, "tcp", most_loss)))
        kinds.append(("a data channel, 3 s", flow_errors(kept, "data", most_loss)))
        for name, values in kinds:
            seen = errors(values)
            if seen is not None:
                lines.append(
                    f"| {name} | {which} | {seen.count} | {seen.median:.1%} | {seen.worst:.1%} | "
                    f"{seen.within} |"
                )
    return lines


def _links(kept: Sequence[LinkResult]) -> list[str]:
    heads = ["link", "up/down kbit/s", "loss %", "RTT ms", "buffer ms", "check", "call", "step"]
    heads += ["held by", "up", "down", "TCP up", "TCP down", "dc up", "dc down"]
    heads += ["s", "MB", "quick", "s", "MB"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    places = {name: place for place, name in enumerate(LINKS)}
    lines += [
        "| " + " | ".join(_row(result)) + " |"
        for result in sorted(kept, key=lambda result: (places[result.link], result.round))
    ]
    return lines


def _row(result: LinkResult) -> list[str]:
    link = LINKS[result.link]
    standard, quick = (result.check(mode) for mode in _MODES)
    said = {rate.way: _rate(rate) for rate in rates(result, CheckMode.STANDARD.value)}
    call = "-"
    if result.call is not None:
        lower = min((result.call.up, result.call.down), key=lambda way: way.rung)
        call = f"{result.call.rung} ({lower.share:.0%})"
    above = step(result, CheckMode.STANDARD.value)
    cells = [
        link.name + (", no UDP" if link.no_udp else ""),
        f"{link.up_kbps}/{link.down_kbps}",
        f"{link.loss_percent:g}",
        f"{link.rtt_ms:g}" + (f" ± {link.jitter_ms:g}" if link.jitter_ms else ""),
        f"{link.queue_ms:g}",
        "-" if standard is None else str(standard.seen.rung),
        call,
        "-" if above is None else f"{above:+d}" if above else "0",
        "" if standard is None else ", ".join(standard.seen.decided_by),
        said.get("up", "-"),
        said.get("down", "-"),
        *_flow(result.tcp, link),
        *_flow(result.data, link),
    ]
    cells += _cost(standard)
    return [*cells, "-" if quick is None else str(quick.seen.rung), *_cost(quick)]


def _flow(seen: FlowSeen | None, link: Link) -> list[str]:
    up, down = (None, None) if seen is None else (seen.up_kbps, seen.down_kbps)
    return [_error(up, link.up_kbps), _error(down, link.down_kbps)]


def _cost(check: CheckResult | None) -> list[str]:
    if check is None:
        return ["-", "-"]
    return [f"{check.seen.seconds:.1f}", f"{check.wire_bytes / 1e6:.2f}"]


def _rate(rate: Rate) -> str:
    if rate.measured_kbps is None:
        return "cannot tell"
    text = _error(rate.measured_kbps, rate.true_kbps)
    if rate.at_least and rate.error is None:
        text = f"≥ {rate.measured_kbps:.0f}"
    return text if rate.exact else f"~ {text}"


def _error(kbps: float | None, true_kbps: float) -> str:
    return "-" if kbps is None else f"{kbps / true_kbps - 1:+.1%}"


def _differences(kept: Sequence[LinkResult]) -> list[str]:
    lines = []
    for result in kept:
        above = step(result, CheckMode.STANDARD.value)
        check = result.check(CheckMode.STANDARD.value)
        if not above or check is None or result.call is None:
            continue
        up, down = result.call.up, result.call.down
        lines.append(
            f"* {result.link}: check {Rung(check.seen.rung).name} by "
            f"{', '.join(check.seen.decided_by) or 'nothing'}; call {Rung(result.call.rung).name}: "
            f"up {_stood(up)}, down {_stood(down)}"
        )
    return lines or ["Nowhere."]


def _stood(way: WaySeen) -> str:
    why = way.reason or "nothing above it refused"
    return f"{way.rung} for {way.share:.0%} of the time ({why}; {way.changes} changes)"


def _troubles(results: Sequence[LinkResult]) -> list[str]:
    lines = []
    for result in results:
        name = f"{result.link}, round {result.round}"
        if not result.kept:
            lines.append(f"* {name}: thrown away: {result.why_not}")
            continue
        for check in result.checks:
            over = over_budget(result, check)
            if over:
                lines.append(f"* {name}: the {check.seen.mode} check took {', '.join(over)}")
            if check.seen.cut_off:
                lines.append(f"* {name}: the {check.seen.mode} check was cut off by its time")
        if result.call is not None:
            lines += [f"* {name}: {problem}" for problem in result.call.problems]
    return lines or ["Nothing."]
