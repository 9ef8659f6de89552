"""What desks saw while servers and databases died, and whether it can be true.

Writers push chains of segments and note every receipt; readers pull by cursor and note every page.
:func:`faults_of` then looks for lost, doubled and reordered numbers.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from telemed_protocol.api import PulledSegment, PulledSegments, Receipt
from telemed_protocol.segment import GENESIS_HASH, next_log_hash, parse_segment
from tests.server.rig import Desk, ServerProcess, unpack

PATIENCE_S = 150.0
PACE_S = 0.02
"""Between two requests of one client: enough to be always at it, on a machine that does other things."""
_TURNED_AWAY = {503, 507}


@dataclass
class History:
    """Everything that was answered. ``pulls`` by reader, each in the order in which it came.

    ``is_over``: nobody waits for an answer any more (a test that failed).
    """

    receipts: dict[bytes, Receipt] = field(default_factory=dict)
    pulls: dict[str, list[PulledSegment]] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, segment_hash: bytes, receipt: Receipt) -> None:
        with self.lock:
            before = self.receipts.setdefault(segment_hash, receipt)
            if before != receipt:
                self.odd.append(f"two receipts: {before.sseq} and {receipt.sseq}")


def faults_of(history: History) -> list[str]:
    """Name everything that an honest log cannot show."""
    faults = list(history.odd)
    logs = dict[int, bytes]()
    for name, pulled in history.pulls.items():
        expected, log_hash = 1, GENESIS_HASH
        for item in pulled:
            if item.sseq != expected:
                faults.append(f"{name}: number {item.sseq} came where {expected} was due")
            segment_hash = parse_segment(item.wire).hash
            log_hash = next_log_hash(log_hash, segment_hash)
            if item.log_hash != log_hash:
                faults.append(f"{name}: number {item.sseq}: the chain is broken")
            if logs.setdefault(item.sseq, segment_hash) != segment_hash:
                faults.append(f"{name}: number {item.sseq} is another segment elsewhere")
            expected, log_hash = item.sseq + 1, item.log_hash
    places = dict[bytes, int]()
    for sseq, segment_hash in logs.items():
        if places.setdefault(segment_hash, sseq) != sseq:
            faults.append(f"one segment has numbers {places[segment_hash]} and {sseq}")
    faults += [
        f"a receipt for number {receipt.sseq}, and the log does not hold it there"
        for segment_hash, receipt in history.receipts.items()
        if places.get(segment_hash) != receipt.sseq
    ]
    return faults


class _Client:
    """One thread's. Asks its own server first, and another whenever that does not answer."""

    def __init__(
        self, name: str, servers: Sequence[ServerProcess], token: str, seen: History
    ) -> None:
        self.name, self._seen = name, seen
        self._urls = [server.url for server in servers]
        self._headers = {"Authorization": f"Bearer {token}"}

    def run(self) -> None:
        with httpx.Client(timeout=60) as http:
            self.work(http)

    def work(self, http: httpx.Client) -> None:
        raise NotImplementedError

    def ask(self, call: Callable[[str], httpx.Response]) -> httpx.Response:
        """Repeat until somebody answers."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = call(self._urls[0])
            except httpx.TransportError:
                pass
            else:
                if answer.status_code not in _TURNED_AWAY:
                    return answer
            assert time.monotonic() < until, "nobody answers"
            assert not self._seen.is_over
            self._urls.append(self._urls.pop(0))
            time.sleep(0.05)


class Writer(_Client):
    """Pushes a lane, one segment after the other, until it is told to stop; each until it is kept."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        desk: Desk,
        lane: int,
        stop: threading.Event,
        seen: History,
    ) -> None:
        super().__init__(f"writer {lane}", servers, desk.token, seen)
        self._desk, self._lane, self._stop = desk, lane, stop

    def work(self, http: httpx.Client) -> None:
        n, prev = 1, GENESIS_HASH
        while not self._stop.wait(PACE_S):
            segment = self._desk.seal(self._lane, n, prev)
            wire = segment.wire
            pushed = self.ask(
                lambda url, wire=wire: http.post(  # type: ignore[misc]
                    f"{url}/v1/segments", content=wire, headers=self._headers
                )
            )
            assert pushed.status_code in {200, 201}, pushed.content
            self._seen.note(segment.hash, unpack(pushed, Receipt))
            n, prev = n + 1, segment.hash


class Reader(_Client):
    """Pulls by cursor, until the writers have stopped and it has as many segments as they kept."""

    def __init__(
        self,
        name: str,
        servers: Sequence[ServerProcess],
        desk: Desk,
        stopped: threading.Event,
        seen: History,
    ) -> None:
        super().__init__(name, servers, desk.token, seen)
        self._stopped = stopped
        self._log = seen.pulls.setdefault(name, [])

    def work(self, http: httpx.Client) -> None:
        cursor = 0
        until = 0.0
        while not self._stopped.is_set() or len(self._log) < len(self._seen.receipts):
            if self._stopped.is_set():
                until = until or time.monotonic() + PATIENCE_S
                assert time.monotonic() < until, f"{self.name} has {len(self._log)}"
            after = cursor
            answer = self.ask(
                lambda url, after=after: http.get(  # type: ignore[misc]
                    f"{url}/v1/segments?after={after}&limit=7", headers=self._headers
                )
            )
            page = unpack(answer, PulledSegments).segments
            self._log.extend(page)
            cursor = page[-1].sseq if page else cursor
            if not page:
                self._stopped.wait(PACE_S)
