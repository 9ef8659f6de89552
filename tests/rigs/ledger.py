"""What the rigs have done so far, block by block: a run is taken up where it was stopped."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_SOURCES: Final = (
    "src/telemed_protocol",
    "src/telemed_desk/sync",
    "src/telemed_desk/vault",
    "src/telemed_desk/clinical",
    "tests/rigs",
    "tests/support/disk",
)
_MOST_LINES: Final = 200


@dataclass
class Page:
    """One rig's.

    Attributes:
        code: Which version of the code it is about.
        done: Names of the blocks that were done.
        counts: What the blocks counted, added up.
        seconds: Of work.
        wrong: What was found, each line enough to see it again.
    """

    code: str
    done: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What a block found."""

    counts: dict[str, int]
    wrong: list[str]


def fingerprint() -> str:
    """Name the code under test: what was shown of another version does not count for this one."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".c"}:
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class Ledger:
    """One file for all rigs; written after each block.

    Args:
        path: Where.
        code: See :func:`fingerprint`; pages of other code begin anew.
        clock: Seconds, for the time that blocks take.
    """

    def __init__(self, path: Path, code: str, clock: Callable[[], float]) -> None:
        self._path = path
        self._code = code
        self._clock = clock
        self._pages: dict[str, Page] = {}
        if path.is_file():
            known = {name: Page(**page) for name, page in json.loads(path.read_text()).items()}
            self._pages = {name: page for name, page in known.items() if page.code == code}

    @property
    def pages(self) -> dict[str, Page]:
        """What there is, by rig."""
        return self._pages

    def page(self, rig: str) -> Page:
        """Return one rig's page; a fresh one at first."""
        return self._pages.setdefault(rig, Page(self._code))

    def run(
        self,
        rig: str,
        blocks: Iterable[str],
        play: Callable[[str], Outcome],
        enough: Callable[[Page], bool],
        tell: Callable[[str, Page], None] = lambda _rig, _page: None,
    ) -> Page:
        """Play blocks that are not done yet until there is enough.

        Args:
            rig: Whose page.
            blocks: Names, in the order in which to play them.
            play: Plays one.
            enough: Whether the page says enough.
            tell: Called after each block.
        """
        page = self.page(rig)
        done = set(page.done)
        for block in blocks:
            if enough(page):
                break
            if block in done:
                continue
            began = self._clock()
            outcome = play(block)
            page.done.append(block)
            page.counts = dict(Counter(page.counts) + Counter(outcome.counts))
            page.seconds += self._clock() - began
            page.wrong = (page.wrong + outcome.wrong)[:_MOST_LINES]
            self._write()
            tell(rig, page)
        return page

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({n: asdict(p) for n, p in self._pages.items()}, indent=1))
        fresh.replace(self._path)


def as_table(pages: dict[str, Page]) -> str:
    """Say in Markdown what was counted."""
    lines = ["| rig | counted | found wrong | minutes |", "|---|---|---|---|"]
    for name, page in sorted(pages.items()):
        counts = ", ".join(f"{count:,} {what}" for what, count in page.counts.items())
        lines.append(f"| {name} | {counts} | {len(page.wrong)} | {page.seconds / 60:.0f} |")
    return "\n".join(lines) + "\n"
