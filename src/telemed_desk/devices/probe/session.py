"""One measurement from hello to bye, without a socket: datagrams and time in, datagrams out.

First pings at rest, then the train down, the train up (on a long link both at once, as each step
takes a round trip there), and packets like those of a voice. Every byte of either way is counted
against the budget before it is sent or ordered; what would not fit is not sent.

With ``loop`` there is no responder: what leaves comes back through two relay addresses of our own, so
that one train measures the narrower direction, by one clock.
"""

import os
from dataclasses import replace
from typing import Final, Literal

from telemed_desk.clinical.ladder import USABLE_SHARE
from telemed_desk.devices.probe.figures import LinkFigures, TrainFigures
from telemed_desk.devices.probe.pacing import TrainOrders, TrainSender
from telemed_desk.devices.probe.plan import FAR_PINGS, FAST_BPS, ProbePlan
from telemed_desk.devices.probe.running import Direction, TrainRun
from telemed_desk.devices.probe.sizes import wire_share
from telemed_desk.devices.probe.train import SILENCE_S, Train
from telemed_desk.devices.probe.voice import VoiceTally
from telemed_protocol import probe
from telemed_protocol.errors import FormatError

Stage = Literal["hello", "prove", "rest", "trains", "pause", "voice", "tail", "done"]

ASK_EVERY_S: Final = 0.25
PING_EVERY_S: Final = 0.04
LONGEST_RTT_S: Final = 2.0
LATE_S: Final = 0.02
PAUSE_S: Final = 0.05
LEAST_VOICE_S: Final = 1.0
PATIENCE_S: Final = 0.2
UNEVEN_S: Final = 0.015
AT_ONCE_RTT_S: Final = 0.07
BUSY_SILENCE_S: Final = 1.0
"""Reports of one train come behind the packets of the other."""
REPORT_SHARE: Final = 0.1
"""Of the way down, what reports may take while the way up is measured."""
LEAST_REPORT_MS, NEAR_REPORT_MS, MOST_REPORT_MS = 20, 40, 100
VOICE_BYTES, VOICE_EVERY_S = 160, 0.02
THIN_VOICE_BYTES, THIN_VOICE_EVERY_S = 88, 0.06
"""What our voice sends, and what it sends on a link that hardly carries it."""
VOICE_NEEDS_BPS: Final = 120_000
KEPT_BYTES: Final = 30_000
"""Of the budget, for pings, reports, orders and the handshake."""
_US: Final = 1_000_000
_REPORT_IP_BYTES: Final = probe.REPORT_BYTES + probe.OVERHEAD_BYTES


class ProbeSession:
    """See the module.

    Args:
        session, key: Of the grant.
        plan: How much.
        loop: Through two relays of ours; session and key are then anything.
        extra_bytes: What each packet carries besides UDP and IP headers, such as a relay's.
        stream: All of it goes through TCP.
    """

    def __init__(
        self,
        session: bytes,
        key: bytes,
        plan: ProbePlan,
        *,
        loop: bool = False,
        extra_bytes: int = 0,
        stream: bool = False,
    ) -> None:
        self._session, self._key, self._plan = session, key, plan
        self._loop = loop
        self._header_bytes = probe.OVERHEAD_BYTES + extra_bytes
        self._extra_bytes, self._stream = extra_bytes, stream
        self._filling = os.urandom(probe.MAX_DATAGRAM)
        self._stage: Stage = "rest" if loop else "hello"
        self._cookie = b""
        self._began_at = self._stage_at = self._next_at = self._last_sent_at = 0.0
        self._ended_at = 0.0
        self._moved = 0
        self._tally = self._rest = VoiceTally()
        self._voice = VoiceTally()
        self._voice_every_s = VOICE_EVERY_S
        self._least_voice_s = min(LEAST_VOICE_S, plan.voice_s)
        self._ping_number = 0
        self._waiting: list[Direction] = ["up"] if loop else ["down", "up"]
        self._running: list[TrainRun] = []
        self._trains: dict[Direction, Train] = {}
        self._thin = False

    # ---- outside --------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether nothing more will be sent."""
        return self._stage == "done"

    @property
    def moved_bytes(self) -> int:
        """Both ways so far, headers included."""
        return self._moved

    def start(self, now: float) -> None:
        """Begin."""
        self._began_at = self._stage_at = self._next_at = now

    def receive(self, now: float, data: bytes, received_at: float | None = None) -> None:
        """Take a datagram; anything that is not for us is passed over.

        Args:
            now: The clock.
            data: What came.
            received_at: When it reached this machine, if that is known better than ``now``.
        """
        if not self._loop:
            self._moved += len(data) + self._header_bytes
        try:
            kind, session = probe.kind_and_session(data)
            if session == self._session:
                self._hear(now, now if received_at is None else received_at, kind, data)
        except FormatError:
            return

    def _hear(self, now: float, arrived: float, kind: int, data: bytes) -> None:
        match kind, self._stage:
            case probe.COOKIE, "hello":
                self._cookie = probe.read_cookie(data)
                self._go("prove", now)
            case probe.WELCOME, "prove":
                self._go("rest", now)
            case probe.PONG, _:
                self._tally.hear(arrived, probe.read_pong(data))
                self._end_if_all_heard(now)
            case probe.PING, _ if self._loop:
                ping = probe.read_ping(data)
                self._tally.hear(arrived, probe.Pong(*ping, int(arrived * _US), 0, 0))
            case probe.REPORT, "trains":
                report = probe.read_report(data)
                for run in self._running:
                    run.hear(now, report)
                    run.also(len(data) + probe.OVERHEAD_BYTES)
            case probe.DATA, "trains":
                for run in self._running:
                    if self._loop or run.direction == "down":
                        run.take(now, arrived, data)
            case _:
                return

    # ---- what leaves ----------------------------------------------------------------------------

    def poll(self, now: float) -> list[bytes]:
        """Return what is to be sent now."""
        if self._stage == "trains":
            return self._run_trains(now)
        if now < self._next_at:
            return []
        out: list[bytes] = []
        match self._stage:
            case "hello" | "prove":
                out = self._ask(now)
            case "rest":
                out = self._ping_at_rest(now)
            case "pause":
                self._after_pause(now)
            case "voice":
                out = self._speak(now)
            case "tail":
                out = self._say_bye(now)
            case _:
                pass
        return out

    def next_due(self, now: float) -> float:
        """Return when to poll next."""
        if self._stage != "trains":
            return self._next_at
        return min((run.next_due() for run in self._running if not run.done), default=now)

    def _go(self, stage: Stage, now: float) -> None:
        self._stage, self._stage_at, self._next_at = stage, now, now
        if stage == "done":
            self._ended_at = now

    def _ends_at(self) -> float:
        plan = self._plan
        fast = any(train.rate_seen_bps >= FAST_BPS for train in self._trains.values())
        return self._began_at + (plan.limit_s if fast else plan.slow_limit_s)

    def _out(self, now: float, data: bytes, *, spare_bytes: int = 0) -> list[bytes]:
        """Count a datagram; none when it and what has to fit besides would break the budget."""
        size = (len(data) + self._header_bytes) * (2 if self._loop else 1)
        if self._moved + size + spare_bytes > self._plan.budget_bytes:
            return []
        self._moved += size
        self._last_sent_at = now
        return [data]

    def _ask(self, now: float) -> list[bytes]:
        if now - self._stage_at > self._plan.ask_s:
            self._go("done", now)
            return []
        self._next_at = now + ASK_EVERY_S
        if self._stage == "hello":
            return self._out(now, probe.hello(self._session, self._key))
        return self._out(now, probe.prove(self._session, self._key, self._cookie))

    def _ping(self, now: float, size: int) -> list[bytes]:
        ping = probe.Ping(self._ping_number, int(now * _US))
        data = probe.write_ping(self._session, ping, size, self._filling)
        answer_bytes = 0 if self._loop else len(data) + self._header_bytes
        out = self._out(now, data, spare_bytes=answer_bytes)
        if out:
            self._tally.send(self._ping_number, now)
            self._ping_number += 1
        return out

    def _ping_at_rest(self, now: float) -> list[bytes]:
        tally = self._rest
        if len(tally.sent) < self._pings_wanted():
            self._next_at = now + PING_EVERY_S
            return self._ping(now, probe.MIN_DATA)
        rtts = tally.rtts_s
        patience_s = LONGEST_RTT_S if not rtts else max(rtts) + PATIENCE_S
        if len(rtts) < len(tally.sent) and now - self._last_sent_at < patience_s:
            self._next_at = now + LATE_S
        elif rtts and self._plan.trains:
            self._begin_trains(now)
        elif rtts:
            self._begin_voice(now)
        else:
            self._go("done", now)
        return []

    def _pings_wanted(self) -> int:
        """Return more where they come unevenly: of few, the spread is often far too small."""
        rtts = self._rest.rtts_s
        uneven = len(rtts) > 1 and max(rtts) - min(rtts) > UNEVEN_S and self._plan.trains
        return max(self._plan.pings, FAR_PINGS) if uneven else self._plan.pings

    # ---- trains ---------------------------------------------------------------------------------

    def _begin_trains(self, now: float) -> None:
        at_once = len(self._waiting) > 1 and (
            self._plan.together or min(self._rest.rtts_s) > AT_ONCE_RTT_S
        )
        begun = self._waiting if at_once else self._waiting[:1]
        self._waiting = self._waiting[len(begun) :]
        self._running = []
        for direction in begun:
            self._running.append(self._begin(direction, now, at_once=at_once))
        self._go("trains", now)

    def _begin(self, direction: Direction, now: float, *, at_once: bool) -> TrainRun:
        rtts = sorted(self._rest.rtts_s)
        up = direction == "up"
        # In the loop the answer is the ping itself: all of its way is the way up.
        transits = self._rest.up_transits_s if up else self._rest.down_transits_s
        train = self._trains[direction] = Train(
            self._plan.train,
            now,
            rtt_s=rtts[0],
            spread_s=rtts[int(0.9 * (len(rtts) - 1))] - rtts[0],
            blur_s=rtts[len(rtts) // 2] - rtts[0],
            transit_s=min(transits),
            silence_s=BUSY_SILENCE_S if at_once else SILENCE_S,
            stream=self._stream,
        )
        number = len(self._trains)
        if up:
            sender = TrainSender(self._session, number, now, self._report_ms())
            return TrainRun("up", train, number, now, sender=sender)
        orders = TrainOrders(self._session, self._key, number, self._allowed())
        return TrainRun("down", train, number, now, orders=orders)

    def _allowed(self) -> int:
        """Return what the responder may send: IP and UDP headers in, a relay's left out."""
        left = self._plan.budget_bytes - self._moved - KEPT_BYTES
        whole = min(self._plan.train.limit_bytes, left)
        return whole * probe.MAX_DATAGRAM // (probe.MAX_DATAGRAM + self._header_bytes)

    def _report_ms(self) -> int:
        """Reports must not fill a narrow way down."""
        if any(run.direction == "down" for run in self._running):
            near = min(self._rest.rtts_s) <= AT_ONCE_RTT_S
            return NEAR_REPORT_MS if near else MOST_REPORT_MS
        down = self._trains.get("down")
        capacity = down.figures().capacity_bps if down is not None else None
        if not capacity:
            return LEAST_REPORT_MS
        every_ms = 1000 * _REPORT_IP_BYTES * 8 / (REPORT_SHARE * capacity)
        return int(max(LEAST_REPORT_MS, min(MOST_REPORT_MS, every_ms)))

    def _run_trains(self, now: float) -> list[bytes]:
        out: list[bytes] = []
        spare = KEPT_BYTES + sum(run.to_come_bytes for run in self._running if not run.done)
        late = now > self._ends_at() - self._least_voice_s
        for run in self._running:
            if late:
                run.train.stop("time")
            for data in run.due(now):
                is_train = data[0] == probe.DATA
                full = is_train and run.sent_bytes >= self._plan.train.limit_bytes
                sent = [] if full else self._out(now, data, spare_bytes=spare if is_train else 0)
                if is_train and not sent:
                    run.train.stop("bytes")
                run.sent_bytes += sum(len(one) + self._header_bytes for one in sent)
                out += sent
        if all(run.done for run in self._running):
            self._pause(now)
        return out

    def _pause(self, now: float) -> None:
        """Let the queues run empty, unless a train has done that itself."""
        queues = [run.train.queue_s for run in self._running if not run.train.drained]
        longest_s = self._plan.train.limit_s
        self._running = []
        self._go("pause", now)
        self._next_at = now + PAUSE_S + min(longest_s, max(queues, default=0.0))

    def _after_pause(self, now: float) -> None:
        if self._waiting:
            self._begin_trains(now)
            return
        narrowest = min(train.figures().capacity_bps or 0.0 for train in self._trains.values())
        self._thin = USABLE_SHARE * narrowest < VOICE_NEEDS_BPS
        self._begin_voice(now)

    def _begin_voice(self, now: float) -> None:
        self._tally = self._voice
        self._voice_every_s = THIN_VOICE_EVERY_S if self._thin else VOICE_EVERY_S
        self._go("voice", now)

    # ---- voice ----------------------------------------------------------------------------------

    def _speak(self, now: float) -> list[bytes]:
        ends_at = max(self._ends_at(), self._stage_at + self._least_voice_s)
        if now < min(ends_at, self._stage_at + self._plan.voice_s):
            out = self._ping(now, THIN_VOICE_BYTES if self._thin else VOICE_BYTES)
            if out:
                self._next_at = max(self._next_at, now - LATE_S) + self._voice_every_s
                return out
        rtts = self._rest.rtts_s
        self._go("tail", now)
        self._next_at = now + max(rtts) + PATIENCE_S
        return []

    def _end_if_all_heard(self, now: float) -> None:
        """Do not wait for more when every packet of the voice has come back."""
        if self._stage == "tail" and len(self._voice.rtts_s) == len(self._voice.sent):
            self._next_at = now

    def _say_bye(self, now: float) -> list[bytes]:
        self._go("done", now)
        return [] if self._loop else self._out(now, probe.bye(self._session, self._key))

    # ---- what came of it ------------------------------------------------------------------------

    def figures(self, path: str) -> LinkFigures:
        """Return the result; also in the middle, of what is known by then.

        Args:
            path: Written into it.
        """
        rtts = self._rest.rtts_s
        outcome = "measured" if rtts else "no-answer"
        voice_up = self._voice.up
        voice_down = self._voice.down
        up = self._of("up", (len(voice_up), voice_up.count(True)))
        return LinkFigures(
            path=path,
            outcome=outcome,
            base_rtt_ms=1000 * min(rtts) if rtts else None,
            up=up,
            down=up if self._loop else self._of("down", (len(voice_down), voice_down.count(True))),
            voice=self._voice.figures(self._voice_every_s, loop=self._loop),
            moved_bytes=self._moved,
            seconds=self._ended_at - self._began_at,
        )

    def _of(self, direction: Direction, also: tuple[int, int]) -> TrainFigures:
        train = self._trains.get(direction)
        if train is None:
            return TrainFigures()
        seen = train.figures(also)
        if seen.capacity_bps is None or self._stream:
            return (
                seen  # through TCP packets share headers, and acknowledgements take some: not told
            )
        share = wire_share(train.held_packet_bytes, self._extra_bytes)
        return replace(seen, capacity_bps=share * seen.capacity_bps)
