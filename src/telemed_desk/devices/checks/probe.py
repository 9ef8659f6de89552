"""What the measured link says about calls (N7 to N11). Judging only.

Capacity, loss and delay decide a rung by the ladder, each where it is found; how the link behaves while
somebody else fills it, and how a voice will sound, are told and cost no rung: the call shows the rest.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from telemed_desk.clinical.ladder import (
    LADDER,
    MOST_BPS,
    USABLE_SHARE,
    LinkMeasure,
    Rung,
    delay_allows,
    highest_rung,
    loss_allows,
)
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS, RATE_CAP_BPS
from telemed_desk.devices.probe.figures import LinkFigures, TrainFigures, VoiceFigures

_AGAIN: Final = "Check again in a minute."
_BUSY: Final = "Another PC of the clinic is measuring the link just now."
LOSS_SWINGS: Final = 1.1
"""A call leaves a rung after 4 s of too much loss and comes back after 30: of a loss that swings about
a limit it holds the lower rung. On 1.9 Mbit/s with 16 % it did so for 87 % of the time, where the mean
would have allowed the higher one."""
TCP_SHARES: Final = {"relay-tcp": 0.7, "relay-tls": 0.7}
"""Where only TCP passes, a call uses less of what the link carries: what is lost holds up all behind
it, and the call takes that for a queue. On 150 kbit/s it held sound only for 89 % of the time; on
900 kbit/s with 1 % loss a small picture for 53 %, which with 0.7 is what is promised."""
ENDED_WORDS: Final = {
    "sender": "One end was too busy to send as fast as the link may carry.",
    "starved": "The link stopped answering while it was measured.",
    "bytes": "The link was not filled within what this check may send.",
    "time": "The link was not filled within the time of this check.",
}


def probe_findings(figures: LinkFigures) -> list[Finding]:
    """Judge a measurement; only for one whose outcome is ``measured``."""
    return [
        LIMITS["N8.exact"].passed(),
        _capacity("N8.down", figures.down, figures.path),
        _capacity("N8.up", figures.up, figures.path),
        *_delays(figures),
        *_voice(figures),
    ]


def watch_findings(figures: LinkFigures) -> list[Finding]:
    """Judge one second of a voice that was sent while nobody called (W1)."""
    return list(_voice(figures))


def only_estimated(cause: str, action: str = "") -> Finding:
    """Say that the speed is an estimate, and why."""
    words = LIMITS["N8.exact"]
    return replace(
        words.judge(0, cause=cause, action=action), value=None, limit=None, ceiling=Rung.HD_VIDEO
    )


def other_pc_measures() -> list[Finding]:
    """Say that the speed cannot be told now, because another PC of the site is being checked."""
    action = "Check again in half a minute; the last speed still counts until then."
    return [LIMITS[check].unknown(_BUSY, action) for check in ("N8.down", "N8.up", "N9")]


def _capacity(check: str, train: TrainFigures, path: str) -> Finding:
    limit = LIMITS[check]
    if train.capacity_bps is None:
        return limit.unknown(ENDED_WORDS.get(train.ended, "The measurement broke off."), _AGAIN)
    measured = min(train.capacity_bps, float(RATE_CAP_BPS))
    finding = limit.judge(round(measured / 1000))
    rung = highest_rung(LinkMeasure(capacity_bps=measured * TCP_SHARES.get(path, 1.0)))
    if train.at_least and train.ended != "cap" and finding.outcome is not Outcome.PASS:
        # It may be faster than that; less than it is not promised, more neither.
        cause = ENDED_WORDS.get(train.ended, "")
        return replace(limit.unknown(cause, _AGAIN), value=finding.value, ceiling=rung)
    return replace(finding, ceiling=rung)


def _delays(figures: LinkFigures) -> Iterator[Finding]:
    trains = (figures.up, figures.down)
    full = [train.full_delay_ms for train in trains if train.full_delay_ms is not None]
    call = [train.call_delay_ms for train in trains if train.call_delay_ms is not None]
    # A link that was not filled has carried more than any call, with this delay.
    call += [t.full_delay_ms for t in trains if t.at_least and t.full_delay_ms is not None]
    if figures.base_rtt_ms is None or not call:
        yield LIMITS["N9"].unknown("The link was not looked at with a call's load.", _AGAIN)
    else:
        rtt_ms = figures.base_rtt_ms + max(call)
        ceiling = _by_delay(rtt_ms, max(call))
        yield replace(LIMITS["N9"].judge(round(rtt_ms)), ceiling=ceiling)
    if full:
        yield LIMITS["N9.full"].judge(round(max(full)))


def _by_delay(rtt_ms: float, queued_ms: float) -> Rung:
    fits = [rung for rung in LADDER if delay_allows(rung, rtt_ms, queued_ms)]
    return max(fits, default=Rung.PHONE)


def _by_loss(loss_ratio: float, capacity_bps: float | None) -> Rung:
    usable_bps = USABLE_SHARE * min(capacity_bps or 0.0, MOST_BPS)
    swing = LOSS_SWINGS * loss_ratio
    fits = [rung for rung in LADDER if loss_allows(rung, swing, usable_bps)]
    return max(fits, default=Rung.PHONE)


def _voice(figures: LinkFigures) -> Iterator[Finding]:
    voice: VoiceFigures = figures.voice
    losses = [loss for loss in (voice.up_loss, voice.down_loss) if loss is not None]
    if voice.rtt_ms is None or not losses:
        for check in ("N7.loss", "N11"):
            yield LIMITS[check].unknown("Too few packets came back.", _AGAIN)
        if figures.base_rtt_ms is not None:
            yield _delay(figures.base_rtt_ms, 0.0)
        return
    # The trains sent many more packets than the voice: what they lost is the better figure.
    ways = ((figures.up, voice.up_loss), (figures.down, voice.down_loss))
    seen = [(train.loss_ratio, train.capacity_bps) for train, _ in ways]
    lost = [(loss, rate) for loss, rate in seen if loss is not None]
    lost = lost or [(loss, train.capacity_bps) for train, loss in ways if loss is not None]
    worst = max(loss for loss, _ in lost)
    ceiling = min(_by_loss(loss, rate) for loss, rate in lost)
    yield replace(LIMITS["N7.loss"].judge(round(100 * worst, 1)), ceiling=ceiling)
    jitters = [j for j in (voice.up_jitter_ms, voice.down_jitter_ms) if j is not None]
    if jitters:
        yield LIMITS["N7.jitter"].judge(round(max(jitters), 1))
    rest_ms = voice.rtt_ms if figures.base_rtt_ms is None else figures.base_rtt_ms
    # After a short measurement the voice may have met what the trains left in the queue.
    rtt_ms = rest_ms if _still_draining(figures) else voice.rtt_ms
    yield _delay(rtt_ms, rtt_ms - rest_ms)
    bursts = [burst for burst in (voice.up_burst, voice.down_burst) if burst is not None]
    if bursts:
        yield LIMITS["N10"].judge(round(100 * max(bursts), 1))
    if voice.mos is not None:
        yield LIMITS["N11"].judge(round(voice.mos, 2))


def _still_draining(figures: LinkFigures) -> bool:
    trains = (figures.up, figures.down)
    filled = any(train.full_delay_ms is not None for train in trains)
    return filled and all(train.call_delay_ms is None for train in trains)


def _delay(rtt_ms: float, queued_ms: float) -> Finding:
    ceiling = _by_delay(rtt_ms, queued_ms)
    return replace(LIMITS["N7.rtt"].judge(round(rtt_ms)), ceiling=ceiling)
