"""The newest first: what a new PC reads before it reads the log from its beginning.

The log is verified from number 1 on, which for years of records takes minutes. A clinician needs the
last weeks now. So its end is fetched first, window by window, backwards; each segment is believed for
its own signature, as always. What only the whole log can show (nothing left out, swapped or forked)
is checked when the cursor comes there. A device that was removed is not believed ahead of that.
"""

from dataclasses import dataclass
from typing import Final

from telemed_desk.sync.ports import BulkStore, SegmentStore
from telemed_protocol.api import PulledSegments
from telemed_protocol.clock import wall_ms_of
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import MemberChain
from telemed_protocol.op import Op
from telemed_protocol.segment import SealedSegment, open_segment, parse_segment, verify_segment

WORTH_IT: Final = 1_500
"""With fewer segments than this to fetch, the order does not matter."""
WINDOW: Final = 500
NEWEST_MS: Final = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers to fetch: above ``after``, below ``before``; ``begin`` is where their window begins."""

    after: int
    before: int
    begin: int


class NewestFirst:
    """Walks backwards from the log's end. Not thread-safe; :meth:`take` blocks on the store."""

    def __init__(self, store: SegmentStore, bulk: BulkStore, own_device: bytes) -> None:
        self._store = store
        self._bulk = bulk
        self._own_device = own_device
        self.done = False

    def first(self, cursor: int, head: int) -> Span | None:
        """Return where to begin, if it is not done and there is enough to fetch."""
        if self.done or head - cursor < WORTH_IT:
            return None
        return _window(cursor, head + 1)

    @staticmethod
    def next_after(span: Span, page: PulledSegments, cursor: int) -> Span | None:
        """Return what to fetch behind a page: the rest of its window, then the window before it."""
        if not page.segments:
            return None
        last = page.segments[-1].sseq
        if last < span.before - 1:
            return Span(last, span.before, span.begin)
        return _window(cursor, span.begin + 1) if span.begin > cursor else None

    def take(
        self, span: Span, page: PulledSegments, chain: MemberChain, now_ms: int
    ) -> tuple[Op, ...]:
        """Apply what can be believed of a page; return the ops."""
        found: list[tuple[SealedSegment, tuple[Op, ...]]] = []
        newest_ms = 0
        for pulled in page.segments:
            if pulled.sseq >= span.before:
                break
            opened = self._opened(pulled.wire, chain)
            if opened is not None:
                found.append(opened)
                newest_ms = max(newest_ms, *(wall_ms_of(op.stamp) for op in opened[1]))
        if found:
            self._bulk.apply_ahead(found, span.before - 1)
        if found and newest_ms < now_ms - NEWEST_MS:
            self.done = True
        return tuple(op for _, ops in found for op in ops)

    def _opened(
        self, wire: bytes, chain: MemberChain
    ) -> tuple[SealedSegment, tuple[Op, ...]] | None:
        """Return a segment that its writer signed and that we can read; None leaves it for later."""
        try:
            segment = parse_segment(wire)
            header = segment.header
            public = chain.public_of(header.device)
            key = self._store.epoch_key(header.epoch)
            if (
                public is None
                or key is None
                or header.clinic != chain.clinic
                or header.device == self._own_device
                or chain.removed_at(header.device) is not None
            ):
                return None
            verify_segment(segment, public.signing)
            return segment, open_segment(segment, key)
        except (ForgeryError, FormatError):
            return None


def _window(cursor: int, before: int) -> Span:
    begin = max(cursor, before - 1 - WINDOW)
    return Span(begin, before, begin)
