"""On what a measurement was made: without that a number means nothing."""

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path

from tests.support.chromium import ChromiumMissing, find_chromium


def _first_value(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _says(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def source() -> str:
    """Return the checkout's commit, with a ``+`` when something beside it differs."""
    changed = _says("git", "status", "--porcelain", "--untracked-files=no")
    return _says("git", "rev-parse", "--short", "HEAD") + ("" if changed == "unknown" else "+")


def describe() -> list[str]:
    """Return the machine and the versions, one fact a line. No name of a host or person is in it."""
    try:
        chromium = _says(find_chromium(), "--version").split(" built ")[0]
    except ChromiumMissing:
        chromium = "no Chromium"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("aiortc", "av"))
    processor = f"{_first_value('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores"
    memory_gb = int(_first_value("/proc/meminfo", "MemTotal").split()[0]) / 1e6
    return [
        f"{time.strftime('%Y-%m-%d')}, source {source()}",
        f"{processor}, {memory_gb:.0f} GB memory, Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}, {versions}, {chromium} (headless, no GPU)",
        f"load average at the start {os.getloadavg()[0]:.2f}",
    ]
