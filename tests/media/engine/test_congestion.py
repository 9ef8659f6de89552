"""Congestion control against a small model of a link, with a clock of its own."""

import itertools
import random
from collections import deque

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.engine.allocation import STEPS, Allocator, voice_rate
from telemed_desk.media.engine.congestion import MAX_BPS, MIN_BPS, CongestionControl
from telemed_desk.media.transport.sent_log import PacketResult

MS = 1_000_000


class Link:
    """A drop-tail queue with a rate, a delay and random loss; feedback every 100 ms."""

    def __init__(self, start_bps: float, seed: int = 1) -> None:
        self.control = CongestionControl(start_bps)
        self.rng = random.Random(seed)
        self.now = 0
        self.rate_bps = 1_000_000.0
        self.queue_bytes = 62_500
        self.loss = 0.0
        self.delay_ms = 50.0
        self.down = False
        self.most_bps = 1e9
        self._free_at = 0.0
        self._number = 0
        self._sent: deque[tuple[int, int, int, float | None]] = deque()
        self._due_bits = 0.0
        self.history: list[tuple[float, float, float]] = []

    def run(self, seconds: float) -> "Link":
        end = self.now + int(seconds * 1e9)
        next_feedback = self.now + 100 * MS
        next_tick = self.now + 250 * MS
        while self.now < end:
            self.now += 5 * MS
            self._due_bits += min(self.control.target_bps, self.most_bps) * 0.005
            while self._due_bits >= 1000 * 8:
                self._due_bits -= 1000 * 8
                self._send(1000)
            if self.now >= next_feedback:
                next_feedback += 100 * MS
                self._feed_back()
            if self.now >= next_tick:
                next_tick += 250 * MS
                self.control.tick(self.now, 2 * self.delay_ms)
                self.history.append((self.now / 1e9, self.control.target_bps, self.queue_ms))
        return self

    @property
    def queue_ms(self) -> float:
        return max(0.0, self._free_at - self.now / MS)

    def _send(self, size: int) -> None:
        self._number += 1
        arrived: float | None = None
        begin = max(self._free_at, self.now / MS)
        waiting = (begin - self.now / MS) / 1000 * self.rate_bps / 8
        if waiting <= self.queue_bytes and not self.down:
            self._free_at = begin + size * 8 / self.rate_bps * 1000
            if self.rng.random() >= self.loss:
                arrived = self._free_at + self.delay_ms
        self._sent.append((self._number, self.now, size, arrived))

    def _feed_back(self) -> None:
        if self.down:
            return
        heard_by = self.now / MS - self.delay_ms
        results = []
        last = max(
            (i for i, s in enumerate(self._sent) if s[3] is not None and s[3] <= heard_by),
            default=-1,
        )
        for _ in range(last + 1):
            number, sent, size, arrived = self._sent.popleft()
            results.append(
                PacketResult(number, sent, size, None if arrived is None else int(arrived * MS))
            )
        if results:
            self.control.on_feedback(results, self.now, 2 * self.delay_ms)

    def mean_bps(self, last_s: float) -> float:
        values = [bps for at, bps, _ in self.history if at > self.now / 1e9 - last_s]
        return sum(values) / len(values)

    def mean_queue_ms(self, last_s: float) -> float:
        values = [q for at, _, q in self.history if at > self.now / 1e9 - last_s]
        return sum(values) / len(values)


@pytest.mark.parametrize("capacity", [150_000, 500_000, 1_000_000, 2_000_000])
def test_the_rate_finds_the_capacity_and_keeps_the_queue_short(capacity: int) -> None:
    link = Link(300_000)
    link.rate_bps = capacity
    link.queue_bytes = capacity // 16
    link.run(40)
    assert 0.6 * capacity < link.mean_bps(20) < 1.15 * capacity
    assert link.mean_queue_ms(20) < 200


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.2])
def test_random_loss_alone_does_not_ruin_the_rate(loss: float) -> None:
    link = Link(300_000)
    link.loss = loss
    link.run(60)
    assert link.mean_bps(20) > 350_000
    assert link.control.loss_ratio == pytest.approx(loss, abs=0.08)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_trial_took_is_given_back_when_the_loss_was_not_ours(seed: int) -> None:
    link = Link(450_000, seed)
    link.rate_bps, link.queue_bytes = 3_000_000, 200_000
    link.run(20)
    before = link.control.target_bps
    link.loss = 0.2
    link.run(3)
    assert min(bps for at, bps, _ in link.history if at > 20) < 0.8 * before
    link.run(4)
    assert link.control.target_bps > 0.9 * before


def test_a_sudden_drop_is_followed_within_seconds_and_the_return_is_found() -> None:
    link = Link(450_000)
    link.rate_bps, link.queue_bytes = 3_000_000, 64_000
    link.run(20)
    assert link.mean_bps(2) > 1_500_000
    link.rate_bps = 300_000
    link.run(5)
    assert link.control.target_bps < 400_000
    link.run(15)
    assert link.mean_queue_ms(10) < 400
    link.rate_bps = 3_000_000
    link.run(20)
    assert link.mean_bps(3) > 800_000


def test_silence_lowers_the_rate_and_the_return_is_quick() -> None:
    link = Link(450_000)
    link.run(15)
    before = link.control.target_bps
    link.down = True
    link.run(5)
    assert link.control.target_bps < 0.6 * before
    link.down = False
    link.run(3)
    assert link.control.target_bps > 0.3 * before


def test_what_was_never_sent_does_not_raise_the_rate_for_ever() -> None:
    link = Link(300_000)
    link.rate_bps = 10_000_000
    link.most_bps = 200_000
    link.run(30)
    assert link.control.target_bps < 500_000


def test_limits_hold_and_other_reports_are_understood() -> None:
    control = CongestionControl(300_000)
    for n in range(200):
        control.on_loss_report("video", 0.5, n * 1000 * MS)
    assert control.target_bps == MIN_BPS
    for n in range(500):
        control.on_loss_report("video", 0.0, n * 1000 * MS)
    assert control.target_bps == MAX_BPS
    control.on_remb(400_000)
    assert control.target_bps == 400_000
    assert CongestionControl.for_rung(Rung.HD_VIDEO).target_bps > 600_000


def test_voice_comes_first_and_pictures_pause_below_eighty() -> None:
    allocator = Allocator()
    low = allocator.decide(79_000, 0.0, 0)
    assert (low.video_bps, low.rung) == (0, Rung.AUDIO_PHOTOS)
    assert low.voice_bps >= 12_000
    assert allocator.decide(100_000, 0.0, 1).video_bps == 0
    assert allocator.decide(120_000, 0.0, 2).video_bps == 0
    assert allocator.decide(120_000, 0.0, 7000 * MS).video_bps > 0
    assert voice_rate(1e6, 0.1) == 40_000
    assert voice_rate(40_000, 0.0) == 12_000


def test_sizes_step_down_at_once_and_up_only_after_a_while() -> None:
    allocator = Allocator()
    assert allocator.decide(600_000, 0.0, 0).height == 360
    heights = [allocator.decide(2_000_000, 0.0, n * 100 * MS).height for n in range(1, 60)]
    assert heights[0] == 360
    assert heights[-1] == 720
    assert allocator.decide(150_000, 0.0, 7000 * MS).height < 360
    rng = random.Random(1)
    flaps = 0
    height = None
    for n in range(600):
        chosen = allocator.decide(rng.uniform(330_000, 420_000), 0.0, 8000 * MS + n * 100 * MS)
        flaps += height is not None and chosen.height != height
        height = chosen.height
    assert flaps <= 2
    for step, above in itertools.pairwise(STEPS):
        assert step.enter_bps <= above.leave_bps < above.enter_bps


class JitteryLink(Link):
    """Packets keep their order, but each comes early or late."""

    jitter_ms = 30.0
    _last = 0.0

    def _send(self, size: int) -> None:
        super()._send(size)
        number, sent, size, arrived = self._sent[-1]
        if arrived is not None:
            arrived += self.rng.uniform(-self.jitter_ms, self.jitter_ms)
            self._last = arrived = max(self._last, arrived)
            self._sent[-1] = (number, sent, size, arrived)


@pytest.mark.parametrize("seed", range(4))
def test_jitter_is_not_taken_for_a_queue(seed: int) -> None:
    link = JitteryLink(450_000, seed)
    link.loss, link.delay_ms = 0.02, 100.0
    link.run(40)
    assert link.mean_bps(20) > 550_000
    assert link.mean_queue_ms(20) < 100


def test_a_way_that_became_longer_is_not_taken_for_a_queue_for_long() -> None:
    link = Link(450_000)
    link.run(15)
    link.delay_ms += 200
    link.run(25)
    assert link.mean_bps(5) > 500_000


def test_voice_alone_does_not_keep_pictures_away_for_ever() -> None:
    link = Link(60_000)
    link.most_bps = 45_000
    allocator = Allocator()
    assert allocator.decide(link.control.target_bps, 0.0, link.now).video_bps == 0
    link.run(20)
    assert allocator.decide(link.control.target_bps, 0.0, link.now).video_bps > 0


def test_tries_that_do_not_last_become_rarer() -> None:
    allocator = Allocator()
    tries, showing, target = 0, False, 120_000.0
    for n in range(0, 300_000, 100):
        now_showing = allocator.decide(target, 0.0, n * MS).video_bps > 0
        tries += now_showing and not showing
        showing = now_showing
        target = 70_000.0 if showing else 120_000.0  # pictures at once fill this link
    assert 3 <= tries <= 12
