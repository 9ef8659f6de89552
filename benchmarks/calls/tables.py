"""One table per link: every direction, every metric, lost rows too."""

import math
from collections.abc import Callable, Sequence

from benchmarks.calls.figures import CallFigures, DirectionFigures
from benchmarks.calls.intervals import Middle, middle

Value = Callable[[DirectionFigures], float | None]
_Column = tuple[str, Value, str]


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


PICTURE_COLUMNS: list[_Column] = [
    ("first picture s", lambda d: d.first_picture_s, ".2f"),
    ("picture delay p50 ms", lambda d: d.picture_p50_ms, ".0f"),
    ("p95 ms", lambda d: d.picture_p95_ms, ".0f"),
    ("age p50 ms", lambda d: d.age_p50_ms, ".0f"),
    ("age p95 ms", lambda d: d.age_p95_ms, ".0f"),
    ("new pictures/s", lambda d: d.fps, ".1f"),
    ("lines", lambda d: d.lines, ".0f"),
    ("frozen >200 ms %", lambda d: 100 * d.frozen_200, ".1f"),
    (">400 ms %", lambda d: 100 * d.frozen_400, ".1f"),
    (">1 s %", lambda d: 100 * d.frozen_1000, ".1f"),
    ("longest gap s", lambda d: d.longest_gap_s, ".1f"),
    ("SSIM", lambda d: d.ssim, ".3f"),
    ("picture back s", lambda d: d.picture_back_s, ".2f"),
]
SOUND_COLUMNS: list[_Column] = [
    ("first sound s", lambda d: d.first_sound_s, ".2f"),
    ("PESQ", lambda d: d.quality, ".2f"),
    ("worst stretch", lambda d: d.worst_quality, ".2f"),
    ("mouth to ear p50 ms", lambda d: d.ear_p50_ms, ".0f"),
    ("p95 ms", lambda d: d.ear_p95_ms, ".0f"),
    ("recognised %", lambda d: _percent(d.recognised_share), ".0f"),
    ("heard %", lambda d: _percent(d.heard_share), ".0f"),
    ("concealed %", lambda d: _percent(d.concealed_share), ".1f"),
    ("picture after sound ms", lambda d: d.lip_ms, ".0f"),
    ("sound back s", lambda d: d.sound_back_s, ".2f"),
    ("kbit/s", lambda d: d.wire_kbps, ".0f"),
    ("lost on the link %", lambda d: 100 * d.lost_share, ".1f"),
    ("cores sender", lambda d: d.sender_cores, ".2f"),
    ("cores receiver", lambda d: d.receiver_cores, ".2f"),
    ("MB receiver", lambda d: d.receiver_mb, ".0f"),
]


def arrows(pair: str) -> list[str]:
    """Directions of a pair: two, or one where both ends are alike."""
    there, back = f"{pair[0]}→{pair[1]}", f"{pair[1]}→{pair[0]}"
    return [there] if there == back else [there, back]


def per_call(
    calls: Sequence[CallFigures], arrow: str, value: Value, missing: float | None = None
) -> dict[int, float]:
    """Return the value of a direction in each round.

    Between two of a kind, both directions of a call are the same measurement made twice, and not
    independent: their mean is one value.

    Args:
        calls: Of one link and film.
        arrow: The direction, ``o→c``.
        value: What to take.
        missing: Stands for a value that is not there; None leaves it out.
    """
    values: dict[int, float] = {}
    for call in calls:
        both = [value(d) for d in call.directions if f"{d.sender}→{d.receiver}" == arrow]
        filled = [missing if one is None else one for one in both]
        known = [one for one in filled if one is not None]
        if known:
            values[call.round] = sum(known) / len(known)
    return values


def write(found: Middle | None, form: str) -> str:
    """Median and interval; a range that is no interval stands in round brackets."""
    if found is None:
        return "-"
    text, low, high = (
        format(value, form) if math.isfinite(value) else "never"
        for value in (found.value, found.low, found.high)
    )
    if found.count == 1:
        return text
    left, right = "[]" if found.sure else "()"
    return f"{text} {left}{low}, {high}{right}"


def cell_text(calls: Sequence[CallFigures], arrow: str, value: Value, form: str) -> str:
    """One cell; how many calls had no value at all stands beside it."""
    values = per_call(calls, arrow, value)
    text = write(middle(list(values.values())) if values else None, form)
    missing = len(calls) - len(values)
    return f"{text}, {missing}x none" if values and missing else text


def link_tables(calls: Sequence[CallFigures], pairs: Sequence[str]) -> list[str]:
    """Two tables of one link and film: pictures, then sound and cost."""
    lines = []
    for columns in (PICTURE_COLUMNS, SOUND_COLUMNS):
        shown = [
            column
            for column in columns
            if any(column[1](d) is not None for call in calls for d in call.directions)
        ]
        heads = ["sends→shows", "calls", *(name for name, _, _ in shown)]
        lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for pair in pairs:
            of_pair = [call for call in calls if call.pair == pair]
            for arrow in arrows(pair) if of_pair else []:
                cells = [cell_text(of_pair, arrow, value, form) for _, value, form in shown]
                lines.append("| " + " | ".join([arrow, str(len(of_pair)), *cells]) + " |")
        lines.append("")
    return lines
