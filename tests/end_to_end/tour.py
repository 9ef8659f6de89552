"""The first visit from one command to a signed note on the server, without a display.

``python -m tests.end_to_end.tour --out build/tour``: the real windows offscreen, the real server as
its own process, a real headless Chromium as the patient. Every step leaves a screenshot; the whole a
``report.json``. Exit codes: 0 all steps went well, 1 one failed, 3 degraded: there is no Chromium,
and the project's own headless peer was the patient.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from telemed_desk import practice
from tests.end_to_end.tour_desk import TourDesk
from tests.end_to_end.tour_patient import TourPatient, make_patient
from tests.end_to_end.tour_walk import Walk

EXIT_FAILED, EXIT_DEGRADED = 1, 3


@dataclass
class Step:
    """One step of the tour."""

    name: str
    ok: bool
    seconds: float
    note: str = ""
    picture: str = ""
    patient_picture: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Walk the tour; return the exit code."""
    parser = argparse.ArgumentParser(prog="make tour", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/tour"))
    parser.add_argument("--without-chromium", action="store_true", help="play the degraded case")
    options = parser.parse_args(arguments)
    out: Path = options.out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="telemed-tour-") as name:
        folder = Path(name)
        server = practice.start_server(
            folder / "server", practice.free_port(0), folder / "server.log"
        )
        patient = make_patient(without_chromium=options.without_chromium)
        desk = TourDesk(folder / "desk", server.origin)
        try:
            walk = Walk(desk, patient, server)
            for title, action in walk.steps():
                steps.append(_take(title, action, Places(desk, patient, out, len(steps) + 1)))
                if not steps[-1].ok:
                    break
        finally:
            desk.stop()
            patient.stop()
            server.stop()
            shutil.copy(folder / "server.log", out / "server.log")
    ok = all(step.ok for step in steps)
    degraded = patient.is_degraded
    report = {
        "report": 1,
        "ok": ok,
        "degraded": degraded,
        "patient": patient.name,
        "seconds": round(sum(step.seconds for step in steps), 1),
        "steps": [asdict(step) for step in steps],
    }
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if not ok:
        print(f"tour: FAILED at “{steps[-1].name}”; see {out}/report.json")
        return EXIT_FAILED
    if degraded:
        print("tour: degraded: there is no Chromium here, our own headless peer was the patient")
        return EXIT_DEGRADED
    print(f"tour: {len(steps)} steps in {report['seconds']} s; pictures and report in {out}/")
    return 0


@dataclass
class Places:
    """Where a step happens and where its pictures go."""

    desk: TourDesk
    patient: TourPatient
    out: Path
    number: int


def _take(title: str, action: Callable[[], str], places: Places) -> Step:
    started = time.monotonic()
    slug = "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")
    picture = f"{places.number:02d}-{slug}.png"
    try:
        note = action()
        ok = True
    except Exception as error:  # noqa: BLE001 - whatever fails, the report must say where
        note, ok = f"{type(error).__name__}: {error}", False
    seconds = round(time.monotonic() - started, 1)
    places.desk.screenshot(places.out / picture)
    theirs = f"{places.number:02d}-{slug}-patient.png"
    shown = places.patient.screenshot(places.out / theirs)
    mark = "ok" if ok else "FAILED"
    print(f"tour: {places.number:2d} {title:<38} {mark:<6} {seconds:6.1f} s  {note}", flush=True)
    return Step(title, ok, seconds, note, picture, theirs if shown else "")


if __name__ == "__main__":
    sys.exit(main())
