"""The links that calls are measured on, by name. Times are seconds after the click."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tests.support.calls.run import Change
from tests.support.link import spec
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import LinkSpec

OTHER_ADDRESS = "10.78.0.99"
Step = Callable[[EmulatedLink], Awaitable[None]]


@dataclass(frozen=True)
class Condition:
    """A link, what happens to it, and how long a call needs to show what it is about.

    Attributes:
        about: In words, for the report.
        link: At first.
        seconds: Length of a call.
        steps: What happens when.
        back_from: Which step ends the disturbance: from there on it is counted until sound and
            picture are back. None: nothing is disturbed.
    """

    about: str
    link: LinkSpec
    seconds: float = 20.0
    steps: tuple[tuple[float, Step], ...] = ()
    back_from: int | None = None

    def changes(self, link: EmulatedLink, seconds: float) -> list[Change]:
        """What to do to a link in a call of this length; steps keep their share of it."""
        stretch = seconds / self.seconds

        def bind(step: Step) -> Callable[[], Awaitable[None]]:
            return lambda: step(link)

        return [(at * stretch, bind(step)) for at, step in self.steps]


def _becomes(link_spec: LinkSpec) -> Step:
    return lambda link: link.change(link_spec)


_NARROW = replace(spec.MOBILE, rate_kbps=300)
_DOWN = replace(spec.MOBILE, down=True)
_MOBILE = "40 ms ± 5, 3 Mbit/s"

CONDITIONS = {
    "bad": Condition("150 ms, 10 % loss, 500 kbit/s", spec.BAD),
    "rural": Condition("100 ms ± 30, 2 % loss, 1 Mbit/s", spec.RURAL),
    "burst": Condition("100 ms ± 30, 1 Mbit/s, bursts of loss (1 % enter, 30 % leave)", spec.BURST),
    "drop": Condition(
        f"{_MOBILE}, 300 kbit/s from 12 to 32 s",
        spec.MOBILE,
        45.0,
        ((12.0, _becomes(_NARROW)), (32.0, _becomes(spec.MOBILE))),
    ),
    "vbad": Condition("200 ms, 20 % loss, 250 kbit/s", spec.VERY_BAD, 25.0),
    "clean": Condition("0.5 ms, nothing else", spec.CLEAN),
    "outage": Condition(
        f"{_MOBILE}, nothing passes from 10 to 15 s",
        spec.MOBILE,
        24.0,
        ((10.0, _becomes(_DOWN)), (15.0, _becomes(spec.MOBILE))),
        back_from=1,
    ),
    "ipchange": Condition(
        f"{_MOBILE}, the answerer's address is replaced at 10 s",
        spec.MOBILE,
        28.0,
        ((10.0, lambda link: link.move_b(OTHER_ADDRESS)),),
        back_from=0,
    ),
    "thin64": Condition("200 ms, 20 % loss, 64 kbit/s", spec.THIN_64, 25.0),
    "thin24": Condition("100 ms, 24 kbit/s", spec.THIN_24, 25.0),
    "rtt700": Condition("350 ms, nothing else", spec.LONG, 45.0),
}
"""In the order of importance: what there is no time for is left out from the end."""
