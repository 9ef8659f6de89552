"""What a link is like, and the named links that calls are measured on."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class LinkSpec:
    """One direction of a link; usually both are alike.

    Attributes:
        delay_ms: One way, besides queueing.
        jitter_ms: Uniform, plus or minus; packets keep their order.
        loss_percent: Random loss, each packet for itself.
        rate_kbps: Bytes of IP packets; 0 = without limit.
        queue_bytes: Drop-tail queue before the limiter.
        burst_enter_percent: Per packet, from good to lost (Gilbert-Elliott); 0 = no bursts.
        burst_leave_percent: Per packet, back from lost to good.
        down: Everything is lost.
        no_udp: A firewall before the line lets no UDP over IPv4 pass, and tells nobody.
    """

    delay_ms: float = 0.5
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    rate_kbps: float = 0.0
    queue_bytes: int = 200_000
    burst_enter_percent: float = 0.0
    burst_leave_percent: float = 100.0
    down: bool = False
    no_udp: bool = False

    def order(self) -> str:
        """The emulator's words for it."""
        return " ".join(
            f"{field.name}={float(getattr(self, field.name))}" for field in fields(self)
        )


CLEAN = LinkSpec()
LOSSY = LinkSpec(delay_ms=100, loss_percent=5, rate_kbps=1000, queue_bytes=62_500)
RURAL = LinkSpec(delay_ms=100, jitter_ms=30, loss_percent=2, rate_kbps=1000, queue_bytes=62_500)
BURST = LinkSpec(
    delay_ms=100,
    jitter_ms=30,
    rate_kbps=1000,
    queue_bytes=62_500,
    burst_enter_percent=1,
    burst_leave_percent=30,
)
BAD = LinkSpec(delay_ms=150, loss_percent=10, rate_kbps=500, queue_bytes=31_250)
VERY_BAD = LinkSpec(delay_ms=200, loss_percent=20, rate_kbps=250, queue_bytes=20_000)
MOBILE = LinkSpec(delay_ms=40, jitter_ms=5, rate_kbps=3000, queue_bytes=64_000)
"""A good 3G or plain 4G link; the start of ``drop`` and ``outage``."""
LONG = LinkSpec(delay_ms=350)
THIN_64 = LinkSpec(delay_ms=200, loss_percent=20, rate_kbps=64, queue_bytes=8_000)
"""What is left of a mobile cell at its edge; its queue holds one second."""
THIN_24 = LinkSpec(delay_ms=100, rate_kbps=24, queue_bytes=6_000)
"""Hardly more than a telephone's rate, nothing else wrong; its queue holds two seconds."""
