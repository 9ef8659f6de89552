"""The links on which the self-check is held against calls. Data.

Twelve are kinds of links that clinics have. The others were drawn once, with a seed, and written down:
rate, loss and round trip each spread evenly over the whole range (as logarithms), and dealt
independently of each other, so that no limit of ours chose them.
"""

from dataclasses import dataclass

from tests.support.link.spec import LinkSpec

LEAST_QUEUE_BYTES = 5_000
"""Four full packets: no router has room for less."""
SLOW_KBPS = 1000
FAR_MS = 500
"""Below that, a check may take the longer time; at it, one per cent of a measurement decides."""


@dataclass(frozen=True)
class Link:
    """A link as the clinic's PC sees it.

    Attributes:
        name: In options, files and reports.
        up_kbps, down_kbps: Of IP packets, from the PC and towards it.
        loss_percent: Random, each way.
        rtt_ms: There and back, when nothing queues.
        jitter_ms: Plus or minus, each way.
        queue_ms: How long the buffer before the narrow place lasts, each way: 60 is shallow, 1500 deep.
        no_udp: A firewall lets TCP pass only.
    """

    name: str
    up_kbps: int
    down_kbps: int
    loss_percent: float
    rtt_ms: float
    jitter_ms: float = 0.0
    queue_ms: float = 250.0
    no_udp: bool = False

    @property
    def slow(self) -> bool:
        """Whether a direction is so slow, or the server so far, that the check may take longer."""
        return min(self.up_kbps, self.down_kbps) <= SLOW_KBPS or self.rtt_ms >= FAR_MS

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with it: the goal of a first verdict is for these."""
        wide = min(self.up_kbps, self.down_kbps) >= 2000
        return wide and not self.loss_percent and self.rtt_ms <= 100 and not self.no_udp

    @property
    def up(self) -> LinkSpec:
        """From the PC."""
        return self._spec(self.up_kbps)

    @property
    def down(self) -> LinkSpec:
        """Towards the PC."""
        return self._spec(self.down_kbps)

    def _spec(self, kbps: int) -> LinkSpec:
        return LinkSpec(
            delay_ms=self.rtt_ms / 2,
            jitter_ms=self.jitter_ms,
            loss_percent=self.loss_percent,
            rate_kbps=kbps,
            queue_bytes=max(LEAST_QUEUE_BYTES, round(kbps * self.queue_ms / 8)),
            no_udp=self.no_udp,
        )


_KNOWN = (
    Link("office", 20_000, 20_000, 0, 6),
    Link("bad", 500, 500, 10, 300, queue_ms=500),
    Link("dsl", 1000, 6000, 0, 30, queue_ms=1500),
    Link("no-udp-office", 10_000, 10_000, 0, 20, no_udp=True),
    Link("mobile", 3000, 3000, 0, 80, 5, 170),
    Link("rural", 1000, 1000, 2, 200, 30, 500),
    Link("very-bad", 250, 250, 20, 400, queue_ms=640),
    Link("no-udp-rural", 900, 900, 1, 120, no_udp=True),
    Link("satellite", 2000, 10_000, 0.5, 620),
    Link("thin-64", 64, 64, 20, 400, queue_ms=1000),
    Link("thin-30", 30, 30, 0, 100, queue_ms=1500),
    Link("no-udp-thin", 150, 150, 0, 200, queue_ms=500, no_udp=True),
)
_DRAWN = (
    Link("d01", 32, 82, 0.3, 15, 0, 1500),
    Link("d02", 40, 40, 0, 7, 2, 1500),
    Link("d03", 52, 190, 1.0, 13, 2, 60),
    Link("d04", 55, 55, 0.6, 300, 0, 1500),
    Link("d05", 67, 67, 6.1, 30, 0, 60),
    Link("d06", 78, 30, 0, 43, 0, 250),
    Link("d07", 97, 600, 3.8, 120, 15, 250),
    Link("d08", 110, 30, 2.2, 340, 0, 60),
    Link("d09", 140, 390, 0, 67, 0, 1500),
    Link("d10", 190, 440, 0, 510, 30, 1500),
    Link("d11", 250, 250, 0, 54, 0, 250),
    Link("d12", 280, 1100, 0, 23, 3, 250),
    Link("d13", 320, 610, 0, 49, 0, 250),
    Link("d14", 390, 390, 1.2, 27, 0, 1500),
    Link("d15", 500, 500, 2.4, 77, 0, 60),
    Link("d16", 560, 560, 0.7, 180, 0, 1500),
    Link("d17", 650, 650, 0, 35, 0, 1500),
    Link("d18", 910, 910, 0, 200, 0, 60),
    Link("d19", 1100, 1100, 9.8, 110, 0, 60),
    Link("d20", 1200, 1200, 0, 18, 0, 250),
    Link("d21", 1400, 7600, 0.8, 7, 0, 250),
    Link("d22", 1700, 10_000, 0, 250, 0, 250),
    Link("d23", 2400, 2400, 3.0, 20, 0, 60),
    Link("d24", 2500, 1400, 6.9, 610, 30, 60),
    Link("d25", 3300, 1900, 16.2, 80, 0, 1500),
    Link("d26", 4300, 4300, 14.0, 6, 0, 60),
    Link("d27", 4400, 4400, 1.5, 160, 0, 1500),
    Link("d28", 5600, 10_000, 0.2, 94, 0, 1500),
    Link("d29", 7000, 7000, 4.6, 12, 0, 250),
    Link("d30", 9200, 9200, 0, 10, 0, 250),
    Link("d31", 9600, 17_000, 0.4, 570, 0, 250),
    Link("d32", 12_000, 12_000, 0, 410, 30, 60),
    Link("d33", 14_000, 14_000, 11.6, 5, 0, 60),
    Link("d34", 17_000, 20_000, 0.3, 700, 30, 60),
)
LINKS = {link.name: link for link in (*_KNOWN, *_DRAWN)}
"""In the order in which they are taken when there is no time for all."""
