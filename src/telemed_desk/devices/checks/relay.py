"""What asking the relays says about calls (N5): which ways work, and why the others do not.

Judging only; the asking is done where the call's own relay client is, in the media process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS

Way = Literal["udp", "tcp", "tls"]
WAYS: Final[tuple[Way, ...]] = ("udp", "tcp", "tls")

_TELL_IT: Final = "Show this to your IT contact."
RELAY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "relay-clock": (
        (
            "The clock of this PC is wrong: the relay's credential or certificate is taken for valid, "
            "or for over, when it is the other way round."
        ),
        "Set the clock to automatic in the system's settings, and check again.",
    ),
    "relay-expired": (
        "The relay's credential has run out.",
        (
            "Check again. If it stays, show this to your IT contact: the clinic's server gives out "
            "old credentials."
        ),
    ),
    "relay-refused": (
        (
            "The relay refuses the clinic's credential (401): its secret is not the server's, or its "
            "clock is wrong."
        ),
        _TELL_IT,
    ),
    "relay-quota": (
        "The relay has no place left for another call.",
        "Try again in a few minutes. If it stays, show this to your IT contact.",
    ),
    "relay-certificate": (
        "This PC does not trust the relay's certificate.",
        "Something may be reading along: show this to your IT contact.",
    ),
    "relay-tls": (
        "What answers at the relay's TLS port does not speak TLS.",
        _TELL_IT,
    ),
    "relay-name": (
        "The relay's name is not known in this network.",
        "Check the network; if other names work, show this to your IT contact.",
    ),
    "relay-closed": (
        "Nothing listens where the relay should be: the connection is refused.",
        _TELL_IT,
    ),
    "relay-udp-blocked": (
        "This network lets no UDP pass to the relay; TCP or TLS passes.",
        "Ask your IT contact to open UDP to the relay: calls stutter less over it.",
    ),
    "relay-silent": (
        "The relay does not answer: this network or a firewall keeps it away, or it is down.",
        "Ask your IT contact to open UDP, or TLS on port 443, to the relay.",
    ),
    "relay-proxy": (
        "This network lets only web traffic pass, through its proxy; the relay cannot be reached.",
        "Ask your IT contact to open TLS port 443 to the relay, past the proxy.",
    ),
    "relay-error": ("The relay answered something that it should not.", _TELL_IT),
}
"""Code: cause, action. Whoever cannot use a relay says it in these words."""

_TELLING: Final = (
    "relay-clock",
    "relay-expired",
    "relay-refused",
    "relay-quota",
    "relay-certificate",
    "relay-tls",
    "relay-error",
    "relay-name",
    "relay-closed",
    "relay-proxy",
    "relay-silent",
)
"""Of several reasons, the first one is named: whoever answered knows more than whoever did not."""


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """What asking one relay in one way led to.

    Attributes:
        name: Way and address, without credentials.
        way: Over UDP, TCP, or TLS.
        host: Name or address; ways to the same host are compared.
        code: Empty = works, else a key of :data:`RELAY_WORDS`.
        ms: Until an address was given, names looked up included; None when none was.
    """

    name: str
    way: Way
    host: str
    code: str
    ms: float | None = None


def name_what_is_blocked(
    answers: Sequence[RelayAnswer], *, proxied: bool = False
) -> list[RelayAnswer]:
    """Say more of silence: UDP is blocked when the same host answers otherwise.

    Args:
        answers: Of all relays and ways.
        proxied: This PC reaches the web through a proxy.
    """
    speaks = {answer.host for answer in answers if answer.way != "udp" and answer.code == ""}
    speaks |= {
        answer.host
        for answer in answers
        if answer.way != "udp" and answer.code in ("relay-refused", "relay-expired", "relay-quota")
    }
    nobody = all(answer.code in ("relay-silent", "relay-closed") for answer in answers)
    named = []
    for answer in answers:
        code = answer.code
        if code == "relay-silent" and answer.way == "udp" and answer.host in speaks:
            code = "relay-udp-blocked"
        elif code == "relay-silent" and nobody and proxied:
            code = "relay-proxy"
        named.append(replace(answer, code=code))
    return named


def best_reason(codes: Sequence[str]) -> str:
    """Of several relays' codes, return the one that says most; empty when one of them works."""
    if not codes:
        return "relay-silent"
    if "" in codes:
        return ""
    known = [code for code in _TELLING if code in codes]
    return known[0] if known else "relay-silent"


def relay_findings(answers: Sequence[RelayAnswer], *, proxied: bool = False) -> list[Finding]:
    """Judge what the relays answered: one finding for calls, and one for each way that is offered.

    Args:
        answers: Of all relays and ways; empty = the clinic's server names none.
        proxied: This PC reaches the web through a proxy.
    """
    if not answers:
        return [
            LIMITS["N5"].unknown(
                "The clinic's server names no relay.",
                "Ask your IT contact to set one up: without it some calls find no path.",
            )
        ]
    named = name_what_is_blocked(answers, proxied=proxied)
    found = [_way_finding(way, named) for way in WAYS if any(a.way == way for a in named)]
    return [_overall(named), *found]


def _quickest(answers: Sequence[RelayAnswer]) -> float | None:
    times = [answer.ms for answer in answers if answer.code == "" and answer.ms is not None]
    return min(times, default=None)


def _way_finding(way: Way, answers: Sequence[RelayAnswer]) -> Finding:
    limit = LIMITS[f"N5.{way}"]
    here = [answer for answer in answers if answer.way == way]
    quickest = _quickest(here)
    if quickest is not None:
        return limit.judge(round(quickest))
    codes = [answer.code for answer in here]
    code = "relay-udp-blocked" if "relay-udp-blocked" in codes else best_reason(codes)
    return limit.failed(*RELAY_WORDS[code])


def _overall(answers: Sequence[RelayAnswer]) -> Finding:
    # A relay that answers late carries a call all the same: what its link delays and loses, the
    # measured rate and voice say. On 250 kbit/s with 20 % loss an address took 4.3 s; sound held.
    limit = LIMITS["N5"]
    over_udp = _quickest([answer for answer in answers if answer.way == "udp"])
    if over_udp is not None:
        return replace(limit.judge(round(over_udp)), ceiling=Rung.HD_VIDEO)
    otherwise = _quickest(answers)
    if otherwise is None:
        return limit.failed(*RELAY_WORDS[best_reason([answer.code for answer in answers])])
    udp = [answer.code for answer in answers if answer.way == "udp"]
    if not udp:
        cause, action = (
            "The clinic's server names no relay over UDP; over TCP calls stutter when packets are lost.",
            "Ask your IT contact to set up the relay's UDP port.",
        )
    else:
        blocked = "relay-udp-blocked" in udp
        cause, action = RELAY_WORDS["relay-udp-blocked" if blocked else best_reason(udp)]
    usable = limit.judge(round(otherwise))
    if usable.outcome is Outcome.FAIL:
        return replace(usable, ceiling=Rung.HD_VIDEO)
    return replace(
        usable,
        outcome=Outcome.WARN,
        limit=limit.good,
        cause=cause,
        action=action,
        ceiling=limit.warn_rung,
    )
