"""What an RTP receiver reports of a stream (RFC 3550, 6.4.1 and appendix A)."""

from aiortc.rtp import RtcpReceiverInfo, clamp_packets_lost

from .sequence import Unwrapper


class ReceptionStats:
    """Counts one stream (one SSRC). Times in ns of the local monotonic clock."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._unwrap = Unwrapper(16)
        self._base: int | None = None
        self._highest = 0
        self._transit: float | None = None
        self._jitter = 0.0
        self._expected_before = 0
        self._received_before = 0
        self._sr: tuple[int, int] | None = None
        self.received = 0

    @property
    def expected(self) -> int:
        """Packets that should have come so far."""
        return 0 if self._base is None else self._highest - self._base + 1

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter."""
        return self._jitter / self._clock_rate * 1000

    def add(self, sequence: int, timestamp: int, now_ns: int) -> None:
        """Count a packet."""
        number = self._unwrap.unwrap(sequence)
        self.received += 1
        if self._base is None:
            self._base = self._highest = number
        if number < self._highest:
            return
        self._highest = number
        transit = now_ns * self._clock_rate / 1e9 - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < 10 * self._clock_rate:  # else the timestamp wrapped or jumped
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    def sender_report(self, ntp: int, now_ns: int) -> None:
        """Remember when the last sender report came, for the round trip."""
        self._sr = ((ntp >> 16) & 0xFFFFFFFF, now_ns)

    def report(self, ssrc: int, now_ns: int) -> RtcpReceiverInfo:
        """Return a report block and begin a new interval."""
        expected = self.expected - self._expected_before
        received = self.received - self._received_before
        self._expected_before, self._received_before = self.expected, self.received
        lost = max(expected - received, 0)
        fraction = min((lost << 8) // expected, 255) if expected > 0 else 0
        lsr, dlsr = 0, 0
        if self._sr is not None:
            lsr = self._sr[0]
            dlsr = min(int((now_ns - self._sr[1]) / 1e9 * 65536), 0xFFFFFFFF)
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=fraction,
            packets_lost=clamp_packets_lost(self.expected - self.received),
            highest_sequence=self._highest & 0xFFFFFFFF,
            jitter=min(int(self._jitter), 0xFFFFFFFF),
            lsr=lsr,
            dlsr=dlsr,
        )
