"""What is told of one call: the figures of both directions, and whether the run may count."""

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.calls.cells import Cell
from tests.support.calls.picture_quality import FilmLuma, compare_samples
from tests.support.calls.pictures import compare_pictures, picture_back_ms
from tests.support.calls.recording import Recording
from tests.support.calls.run import CallRecord
from tests.support.calls.voice import compare_voice, first_heard_ms
from tests.support.link.emulated import Counters

SETTLING_S = 5.0
"""Rates, freezes, delays and quality are taken from here on; what comes first, from the click."""
BUSY_LIMIT = 0.85
LATE_LIMIT = 0.01
"""Share of packets that the emulator may deliver more than 5 ms late."""
LATEST_LIMIT_MS = 100.0


class DirectionFigures(msgspec.Struct, frozen=True):
    """One direction of one call. None = there was nothing to measure it on.

    Attributes:
        sender, receiver: Letters of the ends.
        quality: PESQ wide-band.
        ear_p50_ms, ear_p95_ms: Mouth to ear.
        lip_ms: How much later the picture is shown than the sound that belongs to it is heard.
        lost_share: Of the packets, on the link or in its queue.
        sender_cores, receiver_cores: Of all processes of that end.
    """

    sender: str
    receiver: str
    first_picture_s: float | None
    first_sound_s: float | None
    picture_p50_ms: float | None
    picture_p95_ms: float | None
    age_p50_ms: float | None
    age_p95_ms: float | None
    fps: float
    lines: int | None
    frozen_200: float
    frozen_400: float
    frozen_1000: float
    longest_gap_s: float
    unreadable_share: float
    ssim: float | None
    ssim_worst_tenth: float | None
    quality: float | None
    worst_quality: float | None
    ear_p50_ms: float | None
    ear_p95_ms: float | None
    recognised_share: float
    heard_share: float
    concealed_share: float | None
    lip_ms: float | None
    wire_kbps: float
    lost_share: float
    longest_queue_ms: float
    sound_back_s: float | None
    picture_back_s: float | None
    sender_cores: float
    receiver_cores: float
    sender_mb: float
    receiver_mb: float


class CallFigures(msgspec.Struct, frozen=True):
    """One call. ``kept`` is false for a run that the machine spoilt.

    Attributes:
        round: From 1.
        source: Of our engine: the checkout's commit, ``+`` for changes beside it.
        ended_by: Letters of the ends that gave the call up by themselves.
        stayed_up: Both ends were connected when the measuring ended.
        why_not: Why it does not count.
    """

    condition: str
    pair: str
    film: int
    round: int
    seed: int
    seconds: float
    began: str
    source: str
    kept: bool
    why_not: str
    ended_by: list[str]
    stayed_up: bool
    problems: list[str]
    busy_share: float
    background_cores: float
    late_share: float
    latest_ms: float
    directions: list[DirectionFigures]

    @classmethod
    def not_held(cls, cell: Cell, number: int, why: str, source: str) -> "CallFigures":
        """Tell of a call that could not even be begun."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return cls(
            condition=cell.condition,
            pair=cell.pair,
            film=cell.film,
            round=number,
            seed=0,
            seconds=0.0,
            began=now,
            source=source,
            kept=False,
            why_not=why,
            ended_by=[],
            stayed_up=False,
            problems=[why],
            busy_share=0.0,
            background_cores=0.0,
            late_share=0.0,
            latest_ms=0.0,
            directions=[],
        )


def spoilt_by(call: CallRecord) -> str:
    """Say why a run does not count, empty when it does."""
    return machine_spoilt(call.busy_share, call.link)


def machine_spoilt(busy_share: float, link: Mapping[str, Counters]) -> str:
    """Say why what was measured meanwhile does not count, empty when it does."""
    late_share, latest_ms = link_lateness(link)
    if busy_share > BUSY_LIMIT:
        return f"the processors were {busy_share:.0%} busy"
    if late_share > LATE_LIMIT or latest_ms > LATEST_LIMIT_MS:
        return f"the link emulator was late ({late_share:.1%} of packets, worst {latest_ms:.0f} ms)"
    return ""


def lateness(call: CallRecord) -> tuple[float, float]:
    """Share of packets that the emulator delivered late, and by how many ms at worst."""
    return link_lateness(call.link)


def link_lateness(link: Mapping[str, Counters]) -> tuple[float, float]:
    """Do as :func:`lateness` for a link's counters, both directions."""
    packets = sum(way.out_packets for way in link.values())
    late = sum(way.late_packets for way in link.values())
    return late / max(1, packets), max(way.latest_ms for way in link.values())


def direction_figures(
    call: CallRecord, way: str, pair: str, film: Path, back_from: int | None
) -> DirectionFigures:
    """Work out one direction, ``ab`` or ``ba``. Raises QualityToolMissing."""
    names = {"a": pair[0], "b": pair[1]}
    ends: dict[str, Recording] = {"a": call.a, "b": call.b}
    sender, receiver = ends[way[0]], ends[way[1]]
    wire: Counters = call.link[way]
    begin_ms = call.click_ms + SETTLING_S * 1000
    pictures = compare_pictures(sender.taken, receiver.shown, call.click_ms, begin_ms, call.end_ms)
    voice = compare_voice(sender.said, receiver.heard, begin_ms, call.end_ms)
    sampled = compare_samples(receiver.samples, FilmLuma(film), begin_ms, call.end_ms)
    first_ms = first_heard_ms(sender.said, receiver.heard, call.click_ms, call.end_ms)
    sound_back_s = picture_back_s = None
    if back_from is not None and len(call.changes_ms) > back_from:
        moment_ms = call.changes_ms[back_from]
        sound_ms = first_heard_ms(sender.said, receiver.heard, moment_ms, call.end_ms)
        picture_ms = picture_back_ms(sender.taken, receiver.shown, moment_ms)
        sound_back_s = None if sound_ms is None else (sound_ms - moment_ms) / 1000
        picture_back_s = None if picture_ms is None else (picture_ms - moment_ms) / 1000
    lip_ms = None
    if pictures.delay_p50_ms is not None and voice.delay_p50_ms is not None:
        lip_ms = pictures.delay_p50_ms - voice.delay_p50_ms
    return DirectionFigures(
        sender=names[way[0]],
        receiver=names[way[1]],
        first_picture_s=pictures.first_s,
        first_sound_s=None if first_ms is None else (first_ms - call.click_ms) / 1000,
        picture_p50_ms=pictures.delay_p50_ms,
        picture_p95_ms=pictures.delay_p95_ms,
        age_p50_ms=pictures.age_p50_ms,
        age_p95_ms=pictures.age_p95_ms,
        fps=pictures.fps,
        lines=pictures.lines,
        frozen_200=pictures.frozen_shares[200.0],
        frozen_400=pictures.frozen_shares[400.0],
        frozen_1000=pictures.frozen_shares[1000.0],
        longest_gap_s=pictures.longest_gap_s,
        unreadable_share=pictures.unreadable_share,
        ssim=sampled.mean,
        ssim_worst_tenth=sampled.worst_tenth,
        quality=voice.quality,
        worst_quality=voice.worst_quality,
        ear_p50_ms=voice.delay_p50_ms,
        ear_p95_ms=voice.delay_p95_ms,
        recognised_share=voice.found_share,
        heard_share=voice.heard_share,
        concealed_share=receiver.concealed_share,
        lip_ms=lip_ms,
        wire_kbps=wire.out_bytes * 8 / (call.end_ms - call.click_ms),
        lost_share=(wire.lost + wire.overflowed) / max(1, wire.in_packets),
        longest_queue_ms=wire.longest_queue_ms,
        sound_back_s=sound_back_s,
        picture_back_s=picture_back_s,
        sender_cores=call.cpu_cores[way[0]],
        receiver_cores=call.cpu_cores[way[1]],
        sender_mb=call.memory_mb[way[0]],
        receiver_mb=call.memory_mb[way[1]],
    )
