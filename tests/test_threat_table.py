"""The tests that docs/security.md names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", TABLE)


def test_every_test_that_the_table_of_threats_names_exists() -> None:
    assert len(NAMED) > 40
    for path, name in NAMED:
        code = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(?:async )?def {name}\(", code, re.MULTILINE), f"{path}::{name}"


def test_every_threat_has_a_test() -> None:
    rows = [line for line in TABLE.splitlines() if re.match(r"\| [STRIDE]\d \|", line)]
    assert len(rows) >= 18
    assert [row[:6] for row in rows if "::test_" not in row] == []
