"""Refuse a dependency whose licence we have not accepted. Reads the installed packages' metadata."""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ACCEPTED = re.compile(
    r"\b(apache|mit|bsd|isc|psf|python software foundation|mpl|mozilla|lgpl|unlicense|zlib"
    r"|public domain|cc0|hpnd|0bsd)\b",
    re.IGNORECASE,
)
# Packages whose metadata says nothing usable, looked up by hand in their own licence files.
BY_HAND = {
    "shiboken6": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "pyside6-essentials": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
    "pyrage": "MIT (the age library inside: MIT OR Apache-2.0)",
    "sqlcipher3": "zlib (SQLite: public domain, SQLCipher: BSD-3-Clause, OpenSSL: Apache-2.0)",
}
LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.IGNORECASE)


def licence_of(package: Distribution) -> str:
    """Return what the metadata says: expression, classifiers, or the short licence field."""
    metadata = package.metadata
    parts = [metadata.get("License-Expression") or ""]
    parts += [c for c in metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    parts.append((metadata.get("License") or "").strip()[:300])
    return " / ".join(part for part in parts if part)


def main() -> int:
    """Check every locked package; return the exit code."""
    lock = Path(__file__).parent.parent / "requirements" / "all.txt"
    names = {m[1].lower() for line in lock.read_text().splitlines() if (m := LOCKED.match(line))}
    refused = []
    seen = 0
    for package in distributions():
        name = (package.metadata["Name"] or "").lower().replace("_", "-")
        if name not in names:
            continue
        seen += 1
        licence = BY_HAND.get(name) or licence_of(package)
        if not ACCEPTED.search(licence.replace("-", " ")):
            refused.append(f"{name}: {licence or 'says nothing'}")
    if not seen:
        refused.append("no locked package is installed: run scripts/setup.sh tests")
    sys.stdout.write("\n".join(refused) + ("\n" if refused else ""))
    return 1 if refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
