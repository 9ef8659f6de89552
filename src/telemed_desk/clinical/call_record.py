"""The black box of a call: its figures once a second, without a sound, a picture or an address.

It answers, days later, why a call was bad and at whose end. Pure values; packed small, because it
travels to the server sealed with everything else, on the same weak link.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from .ladder import Rung

PART_S: Final = 120
"""A part is recorded after so many samples: this much a crash may cost."""
MOST_SAMPLES: Final = 3600
MOST_EVENTS: Final = 2000
_MOST_WORD: Final = 40
_LIMIT: Final = 2**40
_EVENT_FIELDS: Final = 3


@dataclass(frozen=True, slots=True)
class CallSample:
    """One second. None = could not be told. ``at_s`` counts from the part's beginning.

    Loss, concealed and rebuilt shares are in thousandths; ``frozen_ms`` is within this second.
    """

    at_s: int
    rung: int
    send_kbps: int | None = None
    receive_kbps: int | None = None
    estimate_kbps: int | None = None
    voice_kbps: int | None = None
    rtt_ms: int | None = None
    send_loss: int | None = None
    receive_loss: int | None = None
    send_jitter_ms: int | None = None
    receive_jitter_ms: int | None = None
    playout_ms: int | None = None
    concealed: int | None = None
    rebuilt: int | None = None
    sent_height: int | None = None
    sent_fps: int | None = None
    shown_height: int | None = None
    shown_fps: int | None = None
    frozen_ms: int | None = None
    picture_delay_ms: int | None = None
    lip_offset_ms: int | None = None
    encode_ms: int | None = None
    decode_ms: int | None = None
    quantiser: int | None = None


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something that changed: ``what`` is ``phase``, ``reason`` or ``path``."""

    at_s: int
    what: str
    value: str


COLUMNS: Final = tuple(field.name for field in fields(CallSample))


def pack_samples(samples: Iterable[CallSample]) -> dict[str, list[int | None]]:
    """Return columns of differences: what hardly changes becomes a row of zeros."""
    rows = list(samples)
    packed: dict[str, list[int | None]] = {}
    for name in COLUMNS:
        before = 0
        column: list[int | None] = []
        for row in rows:
            value: int | None = getattr(row, name)
            column.append(None if value is None else value - before)
            before = before if value is None else value
        if any(value is not None for value in column):
            packed[name] = column
    return packed


def unpack_samples(columns: Mapping[str, list[int | None]]) -> tuple[CallSample, ...]:
    """Undo :func:`pack_samples`. Columns of a later version, and impossible ones, are left out."""
    length = min(len(columns.get("at_s", ())), len(columns.get("rung", ())), MOST_SAMPLES)
    whole: dict[str, list[int | None]] = {}
    for name in COLUMNS:
        values = _sums(columns.get(name, [])[:length])
        whole[name] = values + [None] * (length - len(values))
    return tuple(
        CallSample(**{name: whole[name][i] for name in COLUMNS})  # type: ignore[arg-type]  # the two that must be there are checked
        for i in range(length)
        if whole["at_s"][i] is not None and whole["rung"][i] is not None
    )


def _sums(differences: list[int | None]) -> list[int | None]:
    before = 0
    values: list[int | None] = []
    for difference in differences:
        if difference is None:
            values.append(None)
            continue
        before += difference
        if abs(before) > _LIMIT:
            break
        values.append(before)
    return values


def unpack_events(rows: Iterable[tuple[int, str, str]]) -> tuple[CallEvent, ...]:
    """Return the events, in order of time, those with impossible words left out."""
    found = [
        CallEvent(at_s, what, value)
        for at_s, what, value in rows
        if len(what) <= _MOST_WORD and len(value) <= _MOST_WORD and abs(at_s) <= _LIMIT
    ]
    return tuple(sorted(found[:MOST_EVENTS], key=lambda event: event.at_s))


@dataclass(frozen=True, slots=True)
class CallTrace:
    """One recorded part of one call."""

    consultation: bytes
    call: str
    part: int
    began_ms: int
    samples: tuple[CallSample, ...]
    events: tuple[CallEvent, ...]


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What a clinician or the one who keeps the clinic's PCs wants to know of a call.

    Attributes:
        seconds: Of connected call that were recorded.
        by_rung: Seconds on each rung.
        interruptions: Times that the other side was not heard.
        frozen_ms, concealed_ms: Picture that stood, sound that was made up.
        reason: What limited the call longest, empty if nothing did.
        rtt_ms, estimate_kbps: Medians; None when never known.
        relayed: Some of it went through a relay.
    """

    seconds: int
    by_rung: Mapping[Rung, int]
    interruptions: int
    frozen_ms: int
    concealed_ms: int
    reason: str
    rtt_ms: int | None
    estimate_kbps: int | None
    relayed: bool


def summarise(traces: Iterable[CallTrace]) -> CallSummary:
    """Add up the parts of a consultation's calls."""
    ordered = sorted(traces, key=lambda trace: (trace.began_ms, trace.part))
    samples = [sample for trace in ordered for sample in trace.samples]
    events = [event for trace in ordered for event in trace.events]
    rungs = Counter(_rung(sample.rung) for sample in samples)
    limits = _seconds_by_reason(ordered)
    return CallSummary(
        seconds=len(samples),
        by_rung=dict(rungs),
        interruptions=sum(e.what == "phase" and e.value == "reconnecting" for e in events),
        frozen_ms=sum(sample.frozen_ms or 0 for sample in samples),
        concealed_ms=sum(sample.concealed or 0 for sample in samples),
        reason=limits.most_common(1)[0][0] if limits else "",
        rtt_ms=_median(sample.rtt_ms for sample in samples),
        estimate_kbps=_median(sample.estimate_kbps for sample in samples),
        relayed=any(e.what == "path" and e.value.startswith("relay") for e in events),
    )


def _rung(value: int) -> Rung:
    return Rung(min(max(value, Rung.NO_LINK), Rung.HD_VIDEO))


def _seconds_by_reason(traces: list[CallTrace]) -> Counter[str]:
    seconds: Counter[str] = Counter()
    reason = ""
    for trace in traces:
        changes = [event for event in trace.events if event.what == "reason"]
        for sample in trace.samples:
            while changes and changes[0].at_s <= sample.at_s:
                reason = changes.pop(0).value
            if reason:
                seconds[reason] += 1
    return seconds


def _median(values: Iterable[int | None]) -> int | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None
