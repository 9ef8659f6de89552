"""Echo, drift and double talk: our sound path beside its canceller alone and no processing at all.

Everything is made-up sound on made-up time (``tests/support/room.py``): the same seed gives the same
figures on every machine, but for the processor time. ``python -m benchmarks.echo --seeds 3``.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import describe
from telemed_desk.media.processing.port import EchoCanceller, Filter
from telemed_desk.media.processing.reference import FarReference
from telemed_desk.media.processing.voice_chain import VoiceChain
from telemed_desk.media.processing.webrtc import WebRtcProcessing
from tests.support.media import Samples
from tests.support.room import Heard, Room, Simulation

GOAL_DB = 30.0
SECONDS = 60.0
JUMP_S = 15.0
BLOCK_NS = 10_000_000
DEVICES_MS = 40
FAR_S = ((0.0, 38.0), (44.5, SECONDS))
NEAR_S = ((30.0, 44.0),)


class WithoutGain:
    """The product's library without automatic gain, which would be taken for echo."""

    def __init__(self, library: WebRtcProcessing) -> None:
        self.echo_canceller: Callable[[], EchoCanceller] = library.echo_canceller
        self.noise_suppressor: Callable[[], Filter] = library.noise_suppressor

    def gain(self) -> Filter:
        """Leave loudness as it is."""
        return lambda block: block


def unprocessed(_library: WebRtcProcessing, simulation: Simulation) -> Heard:
    """The yardstick: what the microphone heard is sent."""
    return simulation.run(lambda _block, _now: None, lambda block, _now: [block])


def module_alone(library: WebRtcProcessing, simulation: Simulation) -> Heard:
    """The same canceller and suppressor, fed as the two threads happen to come: the usual way."""
    canceller, suppress = library.echo_canceller(), library.noise_suppressor()

    def play(block: Samples, _now: int) -> None:
        canceller.played(block)

    return simulation.run(
        play, lambda block, _now: [suppress(canceller.heard(block, DEVICES_MS - 10))]
    )


def _path(library: WebRtcProcessing, simulation: Simulation, *, gain: bool) -> Heard:
    reference = FarReference()
    chain = VoiceChain(library if gain else WithoutGain(library), reference)
    chain.device_latency_ms = DEVICES_MS
    return simulation.run(
        reference.played,
        lambda block, now: [one for one, _ in chain.process(block, now - BLOCK_NS, now)],
    )


def our_path(library: WebRtcProcessing, simulation: Simulation) -> Heard:
    """The product's path, gain left out."""
    return _path(library, simulation, gain=False)


def with_gain(library: WebRtcProcessing, simulation: Simulation) -> Heard:
    """The product's path as it is."""
    return _path(library, simulation, gain=True)


WAYS = {
    "none": unprocessed,
    "module alone": module_alone,
    "ours": our_path,
    "ours with gain": with_gain,
}


@dataclass(frozen=True)
class Figures:
    """One run. ERLE in dB, gains in dB, rest in dBFS, time in seconds and microseconds."""

    steady: float
    jumped: float
    recovered_s: float
    late: float
    rest_dbfs: float
    double_talk: float
    near: float
    block_us: float


def measure(simulation: Simulation, way: str, library: WebRtcProcessing) -> Figures:
    """Run one cell."""
    begun = time.process_time()
    heard = WAYS[way](library, simulation)
    spent = time.process_time() - begun
    halves = [JUMP_S + n / 2 for n in range(28)]
    back = next((at for at in halves if heard.erle_db(at, at + 1) >= GOAL_DB - 5), JUMP_S + 14)
    return Figures(
        steady=heard.erle_db(5, JUMP_S),
        jumped=heard.erle_db(JUMP_S + 4, 29.5),
        recovered_s=back - JUMP_S,
        late=heard.erle_db(48, 59),
        rest_dbfs=heard.out_dbfs(5, JUMP_S),
        double_talk=heard.near_gain_db(30.5, 37.5),
        near=heard.near_gain_db(39, 43.5),
        block_us=spent / (SECONDS * 100) * 1e6,
    )


def _span(values: Sequence[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


HEAD = (
    "| delay ms | drift ppm | processing | ERLE 5-15 s | ERLE 4-14 s after +80 ms | back after s "
    "| ERLE 48-59 s | echo left dBFS | near-end gain, double talk | near-end gain, alone | us a block |"
)


def table(rooms: list[tuple[float, int]], seeds: int, ways: Sequence[str]) -> list[str]:
    """Return the rows, and below them what misses the goal."""
    library = WebRtcProcessing()
    rows, lost = [HEAD, "|" + "---|" * 11], []
    for delay_ms, drift in rooms:
        simulations = [
            Simulation(
                Room(SECONDS, delay_ms, drift, far_s=FAR_S, near_s=NEAR_S, jump_s=JUMP_S, seed=seed)
            )
            for seed in range(1, seeds + 1)
        ]
        for way in ways:
            runs = [measure(simulation, way, library) for simulation in simulations]
            figures = [
                _span([getattr(run, name) for run in runs]) for name in Figures.__annotations__
            ]
            rows.append("| " + " | ".join([f"{delay_ms:g}", f"{drift:+d}", way, *figures]) + " |")
            print(rows[-1], flush=True)
            if way == "ours":
                lost += [
                    f"- {delay_ms:g} ms, {drift:+d} ppm, seed {seed}, {what}: {got:.1f} dB"
                    for seed, run in enumerate(runs, 1)
                    for what, got in (
                        ("5-15 s", run.steady),
                        ("after the jump", run.jumped),
                        ("48-59 s", run.late),
                    )
                    if got < GOAL_DB
                ]
    return [*rows, "", f"Below {GOAL_DB:.0f} dB:", *(lost or ["- none"])]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print, or write a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="runs of each cell")
    parser.add_argument("--ways", default=",".join(WAYS), help="which processing to compare")
    parser.add_argument("--drifts", default="0,100,-200", help="ppm, in steps of 50")
    parser.add_argument("--delays", default="60,220", help="ms")
    parser.add_argument("--out", type=Path, help="write the report here")
    chosen = parser.parse_args(arguments)
    rooms = [
        (float(delay), int(drift))
        for delay in chosen.delays.split(",")
        for drift in chosen.drifts.split(",")
    ]
    lines = [*(f"{fact}  " for fact in describe()), ""]
    lines += table(rooms, chosen.seeds, chosen.ways.split(","))
    if chosen.out is not None:
        chosen.out.write_text("# Echo, drift and double talk\n\n" + "\n".join(lines) + "\n")
    else:
        print("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
