"""What the command line says and answers, as its own process."""

import json
import os
import subprocess
import sys

import pytest

WITHOUT_DISPLAY = {
    name: value
    for name, value in os.environ.items()
    if name not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
}


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "telemed_desk", *words],
        capture_output=True,
        text=True,
        env=WITHOUT_DISPLAY,
        timeout=120,
        check=False,
    )


def test_without_a_display_it_says_so_and_names_what_works() -> None:
    done = run()
    assert done.returncode == 2
    assert "selfcheck" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_self_check_prints_one_json_report_and_answers_by_verdict() -> None:
    devices = ("--camera", "pattern:1280x720@30", "--microphone", "tone", "--speaker", "null")
    done = run("selfcheck", "--json", "--quick", *devices)
    report = json.loads(done.stdout)
    assert report["report"] == 1
    # Without a server the speed of the link cannot be told, so no picture is promised.
    assert report["verdict"] in {"AUDIO_PHOTOS", "PHONE"}
    assert done.returncode == {"AUDIO_PHOTOS": 1, "PHONE": 2}[report["verdict"]]
    found = {finding["check"]: finding for finding in report["findings"]}
    assert found["C2"]["outcome"] == "pass"
    assert found["N8.up"]["outcome"] == "cannot-tell"


def test_a_pc_without_camera_and_microphone_is_not_ready_for_calls() -> None:
    none = ("--camera", "none", "--microphone", "none", "--speaker", "none")
    done = run("selfcheck", "--json", "--quick", *none)
    report = json.loads(done.stdout)
    assert done.returncode == 2
    problems = [f for f in report["findings"] if f["outcome"] == "fail"]
    assert problems
    assert all(f["cause"] and f["action"] for f in problems)


@pytest.mark.parametrize("words", [("nonsense",), ("selfcheck", "--no-such-flag")])
def test_what_is_not_understood_is_said(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
