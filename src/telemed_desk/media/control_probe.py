"""What desk and media process say of measuring the link; part of :mod:`.control`."""

from typing import Literal

import msgspec

from telemed_desk.devices.probe.figures import LinkFigures

from .control_paths import IceServerSpec


class RunLinkProbe(msgspec.Struct, frozen=True, tag_field="t", tag="run-link-probe"):
    """Measure capacity, and delay under load; refused during a call, ended by one.

    Answered by :class:`LinkProbed`, then :class:`.control_checks.ChecksDone`. It fills the link.

    Attributes:
        run: Names the answers.
        plan: A key of :data:`telemed_desk.devices.probe.plan.PLANS`.
        session, key: Of the grant; they are good for a minute, and for nothing but measuring.
        host, port: Of the responder; port 0 = there is none.
        ice_servers: As for a call. With a relay among them the way leads through it, as a call's
            would; where no responder answers, from one address at the relay to another.
        late_s: So much of the plan's time is gone already.
        far: The plan's time is that of a slow link, because each step of it takes a long round trip.
    """

    run: str
    plan: Literal["watch", "quick", "standard", "thorough"]
    session: bytes
    key: bytes
    host: str
    port: int
    ice_servers: list[IceServerSpec] = []
    late_s: float = 0.0
    far: bool = False


class LinkProbed(msgspec.Struct, frozen=True, tag_field="t", tag="link-probed"):
    """What came of it."""

    run: str
    figures: LinkFigures
