"""The links that calls are measured on, by name. Times are seconds after the click."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.support.calls.run import Change
from tests.support.link import spec
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import LinkSpec

OTHER_ADDRESS = "10.78.0.99"


@dataclass(frozen=True)
class Condition:
    """A link and what happens to it."""

    about: str
    link: LinkSpec
    changes: Callable[[EmulatedLink, float], list[Change]] = lambda _link, _seconds: []


def _drop(link: EmulatedLink, seconds: float) -> list[Change]:
    narrow = replace(spec.MOBILE, rate_kbps=300)
    return [
        (seconds / 3, lambda: link.change(narrow)),
        (seconds * 3 / 4, lambda: link.change(spec.MOBILE)),
    ]


def _outage(link: EmulatedLink, seconds: float) -> list[Change]:
    return [
        (seconds / 2, lambda: link.change(replace(spec.MOBILE, down=True))),
        (seconds / 2 + 5, lambda: link.change(spec.MOBILE)),
    ]


def _address(link: EmulatedLink, seconds: float) -> list[Change]:
    return [(seconds / 3, lambda: link.move_b(OTHER_ADDRESS))]


CONDITIONS = {
    "clean": Condition("0.5 ms one way, nothing else", spec.CLEAN),
    "rural": Condition("100 ms ± 30, 2 % loss, 1 Mbit/s", spec.RURAL),
    "burst": Condition("100 ms ± 30, bursts of loss (3 %), 1 Mbit/s", spec.BURST),
    "bad": Condition("150 ms, 10 % loss, 500 kbit/s", spec.BAD),
    "vbad": Condition("200 ms, 20 % loss, 250 kbit/s", spec.VERY_BAD),
    "long": Condition("350 ms one way, nothing else", LinkSpec(delay_ms=350)),
    "drop": Condition("3 Mbit/s, 300 kbit/s from 1/3 to 3/4 of the call", spec.MOBILE, _drop),
    "outage": Condition("3 Mbit/s, nothing passes for 5 s in the middle", spec.MOBILE, _outage),
    "address": Condition("3 Mbit/s, B's address changes at 1/3", spec.MOBILE, _address),
}
