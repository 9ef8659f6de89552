"""The log a server should keep, and servers that lie about it."""

import hashlib
from dataclasses import dataclass, field

from telemed_desk.sync.problems import Refused
from telemed_protocol.api import PulledSegment, PulledSegments, Receipt
from telemed_protocol.segment import GENESIS_HASH, next_log_hash, parse_segment


@dataclass
class ReferenceServer:
    """Append-only, gapless, idempotent: what the real one does, in a list."""

    log: list[PulledSegment] = field(default_factory=list)

    def push(self, wire: bytes) -> Receipt:
        header = parse_segment(wire).header
        lane = (header.device, header.lane)
        last = 0
        for entry in self.log:
            known = parse_segment(entry.wire).header
            if (known.device, known.lane) != lane:
                continue
            last = known.n
            if known.n == header.n:
                if entry.wire != wire:
                    raise Refused("segment_conflict", 409)
                return self.repeated(entry)
        if header.n != last + 1:
            raise Refused("segment_gap", 409)
        return self.append(wire)

    def repeated(self, entry: PulledSegment) -> Receipt:
        return Receipt(entry.sseq, entry.log_hash, 0.0)

    def append(self, wire: bytes) -> Receipt:
        before = self.log[-1].log_hash if self.log else GENESIS_HASH
        log_hash = next_log_hash(before, hashlib.sha256(wire).digest())
        entry = PulledSegment(len(self.log) + 1, log_hash, wire)
        self.log.append(entry)
        return Receipt(entry.sseq, log_hash, 0.0)

    def pull(self, after: int, limit: int) -> PulledSegments:
        return PulledSegments(self.log[after : after + limit], len(self.log))


def rebuilt(wires: list[bytes]) -> ReferenceServer:
    """Return a server whose log holds these bytes with hashes that follow: a skilled liar's."""
    server = ReferenceServer()
    for wire in wires:
        server.append(wire)
    return server
