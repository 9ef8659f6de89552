"""Records what the ladder saw on simulated links: python -m tests.media.engine.record_traces

The traces are kept, so that a change of congestion control does not change what the ladder's test
walks on; record anew when the ladder looks at other figures.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.engine.ladder import Circumstances, Ladder
from tests.media.engine.netsim import Net
from tests.media.engine.simcall import play

FOLDER = Path(__file__).parent / "traces"
EVERY_MS = 500
MOBILE = Net(kbps=3000, delay_ms=40, jitter_ms=5, queue_bytes=64_000)
LINKS = {
    "rural": (Net(kbps=1000, delay_ms=100, jitter_ms=30, loss=0.02), 40),
    "bad": (Net(kbps=500, delay_ms=150, loss=0.1, queue_bytes=31_250), 40),
    "very-bad": (Net(kbps=250, delay_ms=200, loss=0.2, queue_bytes=20_000), 40),
    "drop-and-return": (replace(MOBILE, changes=[(20, 300), (50, 3000)]), 105),
    "outage": (replace(MOBILE, outages=[(20, 25)]), 40),
    "24-kbit": (Net(kbps=24, delay_ms=100, queue_bytes=12_000), 60),
}


def main() -> None:
    """Write one file for each link."""
    for name, (net, seconds) in LINKS.items():
        seen: list[tuple[float, Circumstances]] = []

        class Recording(Ladder):
            def stand(self, now: Circumstances, now_ns: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
                if not seen or now_ns / 1e6 - seen[-1][0] >= EVERY_MS:  # noqa: B023 - used at once
                    seen.append((now_ns / 1e6, now))  # noqa: B023
                return super().stand(now, now_ns)

        play(net, seconds, seed=7, ladder=Recording(Rung.VIDEO))
        rows = [
            [
                round(at / 1000, 2),
                round(c.target_bps),
                round(c.loss_ratio, 3),
                round(c.rtt_ms),
                round(c.queue_ms),
                int(c.informed),
                int(c.silent),
            ]
            for at, c in seen
        ]
        walked = walk(rows)
        text = json.dumps({"ends_on": walked[-1][1], "walked": walked, "trace": rows})
        (FOLDER / f"{name}.json").write_text(text.replace("], [", "],\n[") + "\n")
        sys.stdout.write(f"{name} {walked}\n")


def walk(rows: list[list[float]]) -> list[list[object]]:
    """Walk a ladder over a trace; return (second, rung, reason) at each change."""
    ladder = Ladder(Rung.VIDEO)
    walked: list[list[object]] = []
    for at, target, loss, rtt, queue, informed, silent in rows:
        now = Circumstances(
            target,
            loss_ratio=loss,
            rtt_ms=rtt,
            queue_ms=queue,
            informed=bool(informed),
            silent=bool(silent),
        )
        standing = ladder.stand(now, int(at * 1e9))
        if not walked or walked[-1][1:] != [int(standing.rung), standing.reason]:
            walked.append([at, int(standing.rung), standing.reason])
    return walked


if __name__ == "__main__":
    main()
