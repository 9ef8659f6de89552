"""What is heard of a voice after a bad link, faster than real time: our coding and playout, and others.

python -m benchmarks.voice
"""

import argparse
import fractions
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from aiortc.codecs.opus import OpusDecoder as StockDecoder
from aiortc.codecs.opus import OpusEncoder as StockEncoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from benchmarks.machine import describe, source
from telemed_desk.media.codecs.opus import FRAME_SAMPLES
from telemed_desk.media.engine.allocation import voice_plan
from telemed_desk.media.engine.voice_coder import VoiceCoding
from telemed_desk.media.engine.voice_plan import (
    HEADER_BYTES,
    LossPattern,
    plan_voice,
)
from tests.support.calls.voice import compare_voice, require_quality_tool
from tests.support.media import SAMPLE_RATE_HZ, Samples, make_speech
from tests.support.sound import Sound
from tests.support.voice_link import ImaginedLink, VoicePacket, code, play

SECONDS = 20
_TAIL_S = 1.5
BURST = 3.0
"""Mean length of a run of lost packets where losses come in bursts."""
LOSSES = (0.0, 0.02, 0.05, 0.10, 0.20, 0.35)
RATES = (12_000, 16_000, 24_000, 32_000, 40_000)
_PREBUFFER = 4
_BLOCK = FRAME_SAMPLES // 2


@dataclass(frozen=True)
class Result:
    """One run: PESQ wide-band, mouth to ear p50 and p95 (ms), share made up (%), kbit/s on the wire."""

    quality: float
    delay_ms: float
    delay_p95_ms: float
    concealed: float | None
    kbps: float


def _judge(said: Samples, heard: Samples, concealed: float | None, kbps: float) -> Result:
    report = compare_voice(
        Sound.from_start(said, 0.0), Sound.from_start(heard, 0.0), 1000.0, SECONDS * 1000.0
    )
    return Result(
        report.quality or 1.0,
        report.delay_p50_ms or float("nan"),
        report.delay_p95_ms or float("nan"),
        concealed,
        kbps,
    )


def _kbps(packets: list[VoicePacket]) -> float:
    return sum(len(p.payload) + HEADER_BYTES for p in packets) * 8 / SECONDS / 1000


Run = Callable[[ImaginedLink, int], Result]


def ours(speech: Samples, plan: VoiceCoding) -> Run:
    """Our coder and our playout."""
    packets = code(speech, plan)

    def run(link: ImaginedLink, seed: int) -> Result:
        heard = play(link.arrivals(packets, random.Random(seed)), SECONDS + _TAIL_S)
        return _judge(speech, heard.sound, 100 * heard.concealed, _kbps(packets))

    return run


def stock(speech: Samples) -> Run:
    """Stock aiortc's encoder, jitter buffer and decoder, and the naive player of stock_aiortc.py."""
    encoder = StockEncoder()
    packets: list[VoicePacket] = []
    for number in range(speech.size // FRAME_SAMPLES):
        block = speech[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
        frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = number * FRAME_SAMPLES
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
        payloads, at = encoder.encode(frame)
        sent_ms = (number + 1) * 20.0
        packets += [VoicePacket(sent_ms, len(packets) + 1000, at, p) for p in payloads]

    def run(link: ImaginedLink, seed: int) -> Result:
        arrivals = link.arrivals(packets, random.Random(seed))
        jitter, decoder = JitterBuffer(capacity=16, prefetch=4), StockDecoder()
        queue: list[np.ndarray] = []
        waiting = index = 0
        playing, out = False, []
        for tick in range(int((SECONDS + _TAIL_S) * 100)):
            while index < len(arrivals) and arrivals[index][0] <= tick * 10:
                packet = arrivals[index][1]
                index += 1
                rtp = RtpPacket(sequence_number=packet.sequence, timestamp=packet.timestamp)
                rtp._data = packet.payload  # type: ignore[attr-defined] # noqa: SLF001 - as aiortc's receiver does
                _, frame = jitter.add(rtp)
                if frame is not None:
                    for sound in decoder.decode(frame):
                        if isinstance(sound, av.AudioFrame):
                            queue.append(sound.to_ndarray().reshape(-1, 2)[:, 0])
                            waiting += queue[-1].size
            playing = playing or waiting >= _PREBUFFER * _BLOCK
            if not playing or waiting < _BLOCK:
                out.append(np.zeros(_BLOCK, np.int16))
                continue
            joined = np.concatenate(queue)
            out.append(joined[:_BLOCK])
            queue, waiting = [joined[_BLOCK:]], waiting - _BLOCK
        return _judge(speech, np.concatenate(out), None, _kbps(packets))

    return run


# ---- tables ----------------------------------------------------------------------------------------


def _cell(results: list[Result]) -> str:
    values = [r.quality for r in results]
    middle = statistics.median(values)
    return f"{middle:.2f} [{min(values):.2f}-{max(values):.2f}]"


def _coding(bitrate: int, loss: float, kind: str) -> VoiceCoding:
    percent = plan_voice(bitrate, loss).loss_percent
    distances = {"red 1": (1,), "red 1+2": (1, 2), "red 1+2+3": (1, 2, 3), "red 1+3": (1, 3)}
    if kind == "concealment":
        return VoiceCoding(bitrate, 20, 0, fec=False)
    if kind == "fec":
        return VoiceCoding(bitrate, 20, percent, fec=True)
    return VoiceCoding(bitrate, 20, percent, fec=False, distances=distances[kind])


KINDS = ("concealment", "fec", "red 1", "red 1+3", "red 1+2", "red 1+2+3")


def methods_table(
    speech: Samples, seeds: int, rates: Sequence[int], say: Callable[[str], None]
) -> None:
    """Loss by method."""
    beside = stock(speech)
    say("| loss | kbit/s of one copy | stock aiortc (96 kbit/s) | " + " | ".join(KINDS) + " |")
    say("|---|---|---|" + "---|" * len(KINDS))
    for burst in (1.0, BURST):
        for loss in LOSSES:
            if not loss and burst > 1:
                continue
            link = ImaginedLink(delay_ms=100, jitter_ms=10, loss=loss, burst=burst)
            others = _cell([beside(link, seed) for seed in range(seeds)])
            name = f"{loss:.0%}" + (" in bursts" if burst > 1 else "")
            for rate in rates:
                cells = []
                for kind in KINDS:
                    run = ours(speech, _coding(rate, loss, kind))
                    cells.append(_cell([run(link, seed) for seed in range(seeds)]))
                say(f"| {name} | {rate // 1000} | {others} | " + " | ".join(cells) + " |")


CONDITIONS: dict[str, tuple[ImaginedLink, float, str]] = {
    "clean": (ImaginedLink(delay_ms=0.5), 3e6, "4.0, 80 ms"),
    "rural": (ImaginedLink(delay_ms=100, jitter_ms=30, loss=0.02), 1e6, "3.4, 300 ms"),
    "rural, jitter ±60": (ImaginedLink(delay_ms=100, jitter_ms=60, loss=0.02), 1e6, "3.4, 300 ms"),
    "burst": (ImaginedLink(delay_ms=100, jitter_ms=30, loss=0.032, burst=3.3), 1e6, "3.0"),
    "bad": (ImaginedLink(delay_ms=150, loss=0.10), 5e5, "3.0"),
    "very bad": (ImaginedLink(delay_ms=200, loss=0.20), 2.5e5, "2.5"),
    "64 kbit/s, 20 % loss": (ImaginedLink(delay_ms=200, loss=0.20), 6.4e4, "2.5"),
    "24 kbit/s": (ImaginedLink(delay_ms=100), 2.4e4, "a call"),
    "35 % loss, 500 kbit/s": (ImaginedLink(delay_ms=100, loss=0.35), 5e5, "2.5"),
    "35 % loss in bursts, 500 kbit/s": (
        ImaginedLink(delay_ms=100, loss=0.35, burst=BURST),
        5e5,
        "2.5",
    ),
}


@dataclass(frozen=True)
class _Outcome:
    sent_ns: int
    arrived_ns: int | None


def _learned(link: ImaginedLink) -> LossPattern:
    """What the sender knows of the losses after half a minute with feedback."""
    pattern = LossPattern()
    lost = link.losses(1500, random.Random(99))
    pattern.note([_Outcome(n * 20_000_000, None if gone else 1) for n, gone in enumerate(lost)])
    return pattern


def planned(link: ImaginedLink, room_bps: float, *, takes_red: bool) -> VoiceCoding:
    """What our sender settles on: at 80 % of what the link carries."""
    usable = 0.8 * room_bps
    asked = voice_plan(usable, link.loss)
    return plan_voice(
        asked.bps,
        link.loss,
        frame_ms=asked.frame_ms,
        room_bps=usable,
        pattern=_learned(link),
        takes_red=takes_red,
    )


def conditions_table(speech: Samples, seeds: int, say: Callable[[str], None]) -> None:
    """The links of the call benchmark, as our sender plans for them."""
    beside = stock(speech)
    say(
        "| link | to | coding | PESQ | mouth to ear p50 / p95 ms | made up % | kbit/s on the wire "
        "| stock aiortc: PESQ, p50 ms, kbit/s | goal |"
    )
    say("|---|---|---|---|---|---|---|---|---|")
    for name, (link, room_bps, goal) in CONDITIONS.items():
        others = [beside(link, seed) for seed in range(seeds)]
        theirs = (
            f"{_cell(others)}, {statistics.median(r.delay_ms for r in others):.0f}, "
            f"{others[0].kbps:.0f}"
        )
        for takes_red in (True, False):
            plan = planned(link, room_bps, takes_red=takes_red)
            run = ours(speech, plan)
            results = [run(link, seed) for seed in range(seeds)]
            say(
                f"| {name} | {'RED' if takes_red else 'no RED'} | {plan.bitrate / 1000:.0f} kbit/s, "
                f"{plan.frame_ms} ms, copies {list(plan.distances) or 'none'}, "
                f"{'FEC' if plan.fec else 'no FEC'} | {_cell(results)} "
                f"| {statistics.median(r.delay_ms for r in results):.0f} / "
                f"{statistics.median(r.delay_p95_ms for r in results):.0f} "
                f"| {statistics.median(r.concealed or 0.0 for r in results):.1f} "
                f"| {results[0].kbps:.0f} | {theirs} | {goal} |"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voice")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", default=",".join(str(r // 1000) for r in RATES), help="kbit/s")
    parser.add_argument("--only", choices=("methods", "conditions"))
    parser.add_argument("--out", type=Path, help="also write the report here")
    options = parser.parse_args(arguments)
    require_quality_tool()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    speech = make_speech(SECONDS)
    say("# A voice over imagined links, faster than real time\n")
    say(
        f"Commit {source()}. {SECONDS} s of made-up speech, {options.seeds} seeds, median "
        "[lowest-highest] PESQ wide-band. No processor load, no sound card, no other traffic: "
        "coding and playout alone.\n"
    )
    for fact in describe():
        say(f"* {fact}")
    if options.only != "methods":
        say("\n## As our sender plans, beside stock aiortc\n")
        conditions_table(speech, options.seeds, say)
    if options.only != "conditions":
        rates = [int(rate) * 1000 for rate in options.rates.split(",")]
        say("\n## Method by method (100 ms ± 10; the wire carries each copy once more)\n")
        methods_table(speech, options.seeds, rates, say)
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
