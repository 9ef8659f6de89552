"""The tour that a newcomer sees, as its own process; and what it says without a browser."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TIMEOUT_S = 280


def walk(out: Path, *flags: str) -> tuple[int, dict[str, object], str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.tour", "--out", str(out), *flags],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, json.loads((out / "report.json").read_text()), done.stdout


@pytest.mark.timeout(TIMEOUT_S + 20)
def test_the_tour_walks_from_set_up_to_receipt_with_a_real_browser(tmp_path: Path) -> None:
    code, report, said = walk(tmp_path / "tour")
    assert code == 0, said
    assert report["ok"]
    assert not report["degraded"]
    steps = report["steps"]
    assert isinstance(steps, list)
    assert len(steps) == 15
    for step in steps:
        picture = tmp_path / "tour" / step["picture"]
        assert picture.stat().st_size > 10_000, step["name"]
    assert any(step["patient_picture"] for step in steps)


@pytest.mark.timeout(TIMEOUT_S + 20)
def test_without_a_browser_the_tour_says_that_it_is_degraded(tmp_path: Path) -> None:
    code, report, said = walk(tmp_path / "tour", "--without-chromium")
    assert code == 3, said
    assert report["degraded"]
    assert "degraded" in said
