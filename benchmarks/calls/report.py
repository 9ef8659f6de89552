"""The whole report of a run, as Markdown: notes, goals, one pair of tables per link, what went wrong."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.calls.conditions import CONDITIONS
from benchmarks.calls.ends import ENDS, PAIRS
from benchmarks.calls.figures import BUSY_LIMIT, CallFigures
from benchmarks.calls.tables import link_tables
from benchmarks.calls.verdicts import goal_table, verdicts

NOTES = """\
How to read it:

* Median over calls [95 % interval by order statistics]; in round brackets the range, where there
  are fewer than the six calls that such an interval needs. A call between two of a kind has two
  directions that are not independent: their mean counts once. Ratios and differences are taken
  within a round.
* Beside Chromium: "better" or "worse" when the whole interval of the ratio (for shares: of the
  difference in points) is; "level" when it reaches both sides.
* Delay counts only pictures that were shown and pieces of speech that were recognised, and flatters
  who freezes: read it beside *frozen*, *age* (how old the picture on the screen is, weighed by
  time, standing pictures included) and *recognised*. SSIM too is of pictures that came.
* What never came (first picture, sound back) counts as the worst there is in the goals, and is
  written "never"; in the other tables it is left out of the median and counted beside it.
* Our pictures are noted when a thread that looks as often as the window does has copied them out of
  shared memory: conversion to RGB, the wait for the window's next look and the copy are in delay
  and processor time, painting is not. Chromium's are noted at the expected time of display and
  include its software compositing. Stock aiortc's are noted when decoded, without any drawing,
  which makes it look better by about a picture.
* Sound is noted where it is handed to the speaker; Chromium's passes through WebAudio on its way
  there (10 to 20 ms on either side). Stock aiortc has no player: its sound goes through a naive one
  of ours. Echo, noise and gain processing are off at every end.
* The speech is made up (syllables, hisses, pauses), so PESQ compares rows of this table and not
  tables of other speech; below about 1.5 read it as "broken". Steady figures are taken from 5 s
  after the click on.
* Signalling takes the link's one-way delay and waits while the link is down; its loss and rate do
  not slow it.
* Everything runs on one machine, camera film, recording and the reading of counters included in the
  cores.
"""


def report(calls: Sequence[CallFigures], facts: Sequence[str], about: str) -> str:
    """Write the report of all calls of a run."""
    kept = [call for call in calls if call.kept]
    lines = ["# Calls side by side", "", *(f"* {fact}" for fact in facts)]
    if about:
        lines.append(f"* beside it: {about}")
    ends = ", ".join(f"{letter} = {name}" for letter, name in ENDS.items())
    lines += [f"* {ends}", *_run_facts(calls, kept), "", NOTES]
    films = sorted({call.film for call in kept}, reverse=True)
    for film in films:
        lines += [f"## Goals, film of {film} lines", "", *goal_table(verdicts(kept, film)), ""]
    lines += ["## Calls that an end gave up by itself", "", *_endings(kept), ""]
    for film in films:
        for name, condition in CONDITIONS.items():
            here = [call for call in kept if (call.condition, call.film) == (name, film)]
            if here:
                seconds = max(call.seconds for call in here)
                head = f"## {name}, film of {film} lines: {condition.about}; {seconds:.0f} s a call"
                lines += [head, "", *link_tables(here, PAIRS)]
    lines += ["## What went wrong", "", *_troubles(calls)]
    return "\n".join(lines) + "\n"


def _run_facts(calls: Sequence[CallFigures], kept: Sequence[CallFigures]) -> list[str]:
    if not calls:
        return ["* no call yet"]
    sources = Counter(call.source for call in kept)
    thrown = Counter(call.why_not for call in calls if not call.kept)
    busiest = max((call.busy_share for call in kept), default=0.0)
    latest = max((call.late_share for call in kept), default=0.0)
    return [
        f"* {len(kept)} calls from {calls[0].began} to {calls[-1].began}, of source "
        + ", ".join(f"{source} ({count})" for source, count in sources.items()),
        (
            f"* {sum(thrown.values())} calls thrown away (processors over {BUSY_LIMIT:.0%} busy, late "
            f"link emulator, or not held at all: see the end); of those kept, the busiest had "
            f"{busiest:.0%}, and at worst {latest:.2%} of the packets were more than 5 ms late"
        ),
    ]


def _endings(kept: Sequence[CallFigures]) -> list[str]:
    lines = ["| link | pair | calls | given up by | up at the end |", "|---|---|---|---|---|"]
    groups: dict[tuple[str, str], list[CallFigures]] = {}
    for call in kept:
        groups.setdefault((call.condition, call.pair), []).append(call)
    for (condition, pair), group in sorted(groups.items()):
        given_up = Counter(letter for call in group for letter in call.ended_by)
        who = (
            ", ".join(f"{ENDS[letter]} {count}x" for letter, count in given_up.items()) or "nobody"
        )
        up = sum(call.stayed_up for call in group)
        lines.append(f"| {condition} | {pair} | {len(group)} | {who} | {up} |")
    ours = sum("o" in call.pair for call in kept)
    ended = sum("o" in call.ended_by for call in kept)
    return [*lines, "", f"Our engine gave up {ended} of {ours} calls."]


def _troubles(calls: Sequence[CallFigures]) -> list[str]:
    lines = []
    for call in calls:
        name = f"{call.condition} {call.pair} {call.film}, round {call.round}"
        if not call.kept:
            lines.append(f"* {name}: thrown away: {call.why_not}")
        lines += [f"* {name}: {problem}" for problem in call.problems if problem != call.why_not]
    return lines or ["Nothing."]
