"""Refuse what must never be committed: keys, index addresses, paths of one machine, real numbers.

Looks at every file git tracks. Also keeps source files below 400 lines.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
RULES = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "an access token": re.compile(r"\b(?:ghp|gho|glpat|xox[bp]|AKIA)[-_A-Za-z0-9]{16,}\b"),
    "a password in an address": re.compile(r"\b[a-z]+://[^/\s:@\"'<>{}]+:[^/\s:@\"'<>{}]+@"),
    "an address of a package index": re.compile(
        r"(?:py" + r"pi\.org|pythonhosted|registry\.npm" + r"js|--(?:extra-)?index-url)"
    ),
    "a path of one machine": re.compile(
        rf"(?:{re.escape(str(ROOT))}/|/root" + r"/|/(?:home|Users)/[a-z]+/)"
    ),
    "a telephone number that is not fictional": re.compile(r"\+254\s?(?!700\s?000)\d{3}"),
}
ALLOWED = {
    "scripts/lock.sh": {"an address of a package index"},
    "scripts/check_repository.py": set(RULES),
}
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".sh", ".js", ".css", ".html", ".json", ".c", ".yml"}
SOURCE = {".py", ".js", ".c"}


def main() -> int:
    """Check every tracked file; return the exit code."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    problems = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if not path.is_file() or (path.suffix not in TEXT and path.name != "Makefile"):
            continue
        lines = path.read_text("utf-8").splitlines()
        if path.suffix in SOURCE and len(lines) > MAX_LINES:
            problems.append(f"{name}: {len(lines)} lines, more than {MAX_LINES}")
        for number, line in enumerate(lines, 1):
            problems += [
                f"{name}:{number}: {what}"
                for what, pattern in RULES.items()
                if what not in ALLOWED.get(name, set()) and pattern.search(line)
            ]
    sys.stdout.write("\n".join(problems) + ("\n" if problems else ""))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
