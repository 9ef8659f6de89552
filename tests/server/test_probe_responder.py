"""The responder gives nobody more than they paid for, and nothing to those without leave. Fake clock."""

import os
import random

import pytest

from telemed_protocol import probe
from telemed_server.probe_responder import REPORT_EVERY_S, Grant, Responder

SESSION, KEY = b"session1", b"k" * 32
HERE, ELSEWHERE = ("198.51.100.7", 4000), ("203.0.113.9", 4000)
PLENTY = 10_000_000
EXAMPLES = int(os.environ.get("TELEMED_SEEDS", "300"))
FILLING = bytes(probe.MAX_DATAGRAM)


def responder(**changes: int) -> Responder:
    made = Responder()
    values = {"in_bytes": PLENTY, "out_bytes": PLENTY, "max_bps": 2_000_000} | changes
    made.admit(Grant(SESSION, KEY, 60.0, **values))
    return made


def prove(made: Responder, address: tuple[str, int] = HERE, now: float = 0.0) -> bytes:
    """Say hello and repeat the cookie; returns the cookie."""
    [(answer, to)] = made.datagram(now, address, probe.hello(SESSION, KEY))
    assert to == address
    value = probe.read_cookie(answer)
    [(welcome, _)] = made.datagram(now, address, probe.prove(SESSION, KEY, value))
    assert welcome == probe.welcome(SESSION)
    return value


def order(number: int, rate_bps: int, allow: int = PLENTY, good_ms: int = 1000) -> bytes:
    said = probe.Order(number, 1, number, rate_bps, 1000, allow, good_ms)
    return probe.write_order(SESSION, KEY, said)


def forged(said: bytes) -> bytes:
    """With another last byte, whatever it was."""
    return said[:-1] + bytes([said[-1] ^ 1])


def sent(made: Responder, from_s: float, to_s: float) -> list[bytes]:
    """What leaves by itself in a time."""
    out: list[bytes] = []
    now = from_s
    while now < to_s:
        out += [data for data, _ in made.poll(now)]
        now += 0.001
    return out


def test_who_has_no_leave_gets_no_answer() -> None:
    made = responder()
    assert made.datagram(0, HERE, probe.hello(b"nobody..", KEY)) == []
    assert made.datagram(0, HERE, probe.hello(SESSION, b"x" * 32)) == []
    assert made.datagram(0, HERE, b"") == made.datagram(0, HERE, b"\1") == []


def test_before_the_address_is_proven_less_comes_back_than_was_sent() -> None:
    made = responder()
    chance = random.Random(1)
    for _ in range(EXAMPLES):
        kind = chance.choice([probe.hello(SESSION, KEY), probe.prove(SESSION, KEY, bytes(16))])
        data = kind if chance.random() < 0.5 else chance.randbytes(chance.randrange(200))
        back = made.datagram(0, HERE, data)
        assert sum(len(one) for one, _ in back) < max(len(data), 1)
        assert all(to == HERE for _, to in back)
    assert made.poll(0.1) == []


def test_a_short_hello_is_not_answered() -> None:
    assert responder().datagram(0, HERE, probe.hello(SESSION, KEY)[:64]) == []


def test_a_cookie_is_good_for_its_own_address_only() -> None:
    made = responder()
    value = prove(made)
    assert made.datagram(0, ELSEWHERE, probe.prove(SESSION, KEY, value)) == []
    # Nor does anything from there count, hello or not.
    assert (
        made.datagram(0, ELSEWHERE, probe.write_ping(SESSION, probe.Ping(1, 1), 100, FILLING)) == []
    )
    assert made.datagram(0, ELSEWHERE, order(1, 1_000_000)) == []
    assert sent(made, 0, 0.2) == []


def test_a_cookie_ends() -> None:
    made = responder()
    [(answer, _)] = made.datagram(0, HERE, probe.hello(SESSION, KEY))
    late = probe.prove(SESSION, KEY, probe.read_cookie(answer))
    assert made.datagram(59, HERE, late)  # its half minute, and the next
    made = responder()
    [(answer, _)] = made.datagram(0, HERE, probe.hello(SESSION, KEY))
    made.admit(Grant(SESSION, KEY, 600.0, PLENTY, PLENTY, 1_000_000))
    assert made.datagram(61, HERE, probe.prove(SESSION, KEY, probe.read_cookie(answer))) == []


def test_a_ping_comes_back_no_larger() -> None:
    made = responder()
    prove(made)
    for size in (64, 160, 1200):
        [(data, _)] = made.datagram(
            1, HERE, probe.write_ping(SESSION, probe.Ping(1, 5), size, FILLING)
        )
        assert len(data) == size
        assert probe.read_pong(data).sent_us == 5
    assert (
        made.datagram(1, HERE, probe.write_ping(SESSION, probe.Ping(1, 5), 64, FILLING)[:40]) == []
    )


def test_pongs_tell_which_pings_came_before() -> None:
    made = responder()
    prove(made)
    came = {}
    for number in (0, 1, 3, 2, 6):
        data = probe.write_ping(SESSION, probe.Ping(number, 0), 64, FILLING)
        [(answer, _)] = made.datagram(1, HERE, data)
        came[number] = probe.read_pong(answer).came
    assert came == {0: 0, 1: 0b1, 3: 0b110, 2: 0b11, 6: 0b111100}


def test_reports_count_what_arrives_and_are_few() -> None:
    made = responder()
    prove(made)
    reports = []
    for number in range(100):
        now = 1 + number * 0.002
        packet = probe.Data(1, 4, number, int(now * 1e6))
        data = probe.write_data(SESSION, packet, 500, FILLING)
        reports += [one for one, _ in made.datagram(now, HERE, data, now - 0.001)]
    assert 8 <= len(reports) <= 0.2 / REPORT_EVERY_S + 1
    last = probe.read_report(reports[-1])
    assert last.packets == last.number + 1
    assert last.size == last.packets * (500 + probe.OVERHEAD_BYTES)
    assert last.received_us - last.sent_us == -1000
    assert sum(map(len, reports)) < 100 * 500


def test_a_train_leaves_at_the_rate_that_was_ordered() -> None:
    made = responder()
    prove(made)
    made.datagram(1, HERE, order(1, 800_000))
    packets = sent(made, 1, 1.5)
    carried = sum(len(one) + probe.OVERHEAD_BYTES for one in packets) * 8 / 0.5
    assert carried == pytest.approx(800_000, rel=0.05)
    assert [probe.read_data(one).number for one in packets] == list(range(len(packets)))


@pytest.mark.parametrize(
    ("changes", "said", "most_bytes"),
    [
        ({}, order(1, 50_000_000), 2_000_000 / 8 * 0.5 * 1.05),  # the grant's rate
        ({"out_bytes": 20_000}, order(1, 1_000_000), 20_000),  # the grant's bytes
        ({}, order(1, 1_000_000, allow=10_000), 10_000),  # the order's bytes
        ({}, order(1, 1_000_000, good_ms=100), 1_000_000 / 8 * 0.1 + 2 * 1028),  # the order's time
        ({}, forged(order(1, 1_000_000)), 0),  # not from who has the key
    ],
)
def test_a_train_is_bounded(changes: dict[str, int], said: bytes, most_bytes: float) -> None:
    made = responder(**changes)
    prove(made)
    made.datagram(1, HERE, said)
    carried = sum(len(one) + probe.OVERHEAD_BYTES for one in sent(made, 1, 1.5))
    assert carried <= most_bytes


def test_no_order_however_often_repeated_sends_beyond_the_grant() -> None:
    made = responder(out_bytes=100_000)
    prove(made)
    carried = 0
    for number in range(1, 100):
        now = 1 + number * 0.1
        made.datagram(now, HERE, order(number, 2_000_000, allow=2**60, good_ms=60_000))
        carried += sum(len(one) + probe.OVERHEAD_BYTES for one in sent(made, now, now + 0.1))
    assert 90_000 < carried <= 100_000


def test_an_old_order_is_not_obeyed_again() -> None:
    made = responder()
    prove(made)
    first = order(1, 2_000_000)
    made.datagram(1, HERE, first)
    made.datagram(1.01, HERE, order(2, 0))
    made.datagram(1.02, HERE, first)
    assert sent(made, 1.03, 1.2) == []


def test_what_exceeds_the_grant_on_the_way_in_is_not_answered() -> None:
    made = responder(in_bytes=2_000)
    prove(made)
    data = probe.write_ping(SESSION, probe.Ping(1, 5), 1200, FILLING)
    answers = [made.datagram(1, HERE, data) for _ in range(5)]
    assert [len(answer) for answer in answers] == [1, 0, 0, 0, 0]


def test_all_ends_with_the_grant_and_with_bye() -> None:
    made = responder()
    prove(made)
    made.datagram(59.9, HERE, order(1, 1_000_000, good_ms=60_000))
    assert sent(made, 59.9, 59.95)
    assert sent(made, 60.0, 60.2) == []
    assert made.datagram(60, HERE, probe.hello(SESSION, KEY)) == []
    made = responder()
    prove(made)
    made.datagram(1, HERE, order(1, 1_000_000))
    made.datagram(1, HERE, probe.bye(SESSION, b"x" * 32))
    assert sent(made, 1, 1.1)
    made.datagram(1.1, HERE, probe.bye(SESSION, KEY))
    assert sent(made, 1.1, 1.2) == []
    assert made.datagram(2, HERE, probe.hello(SESSION, KEY)) == []


def test_a_new_address_takes_over_and_the_old_one_gets_nothing_more() -> None:
    made = responder()
    prove(made)
    made.datagram(1, HERE, order(1, 1_000_000))
    prove(made, ELSEWHERE, 1.0)
    assert made.poll(1.1) == []
    made.datagram(1.1, ELSEWHERE, order(2, 1_000_000))
    assert {to for _, to in made.poll(1.2)} == {ELSEWHERE}


def test_several_desks_do_not_disturb_each_other() -> None:
    made = responder()
    other_key = b"o" * 32
    made.admit(Grant(b"session2", other_key, 60.0, PLENTY, PLENTY, 2_000_000))
    prove(made)
    [(answer, _)] = made.datagram(0, ELSEWHERE, probe.hello(b"session2", other_key))
    made.datagram(0, ELSEWHERE, probe.prove(b"session2", other_key, probe.read_cookie(answer)))
    made.datagram(1, HERE, order(1, 400_000))
    said = probe.Order(1, 1, 1, 800_000, 500, PLENTY, 1000)
    made.datagram(1, ELSEWHERE, probe.write_order(b"session2", other_key, said))
    carried = {HERE: 0, ELSEWHERE: 0}
    for step in range(500):
        for data, to in made.poll(1 + step / 1000):
            carried[to] += (len(data) + probe.OVERHEAD_BYTES) * 8 * 2
    assert carried[HERE] == pytest.approx(400_000, rel=0.08)
    assert carried[ELSEWHERE] == pytest.approx(800_000, rel=0.08)


def test_whatever_comes_nothing_breaks() -> None:
    made = responder()
    value = prove(made)
    chance = random.Random(7)
    whole = [
        *(probe.hello(SESSION, KEY), probe.prove(SESSION, KEY, value), order(1, 100_000)),
        probe.write_data(SESSION, probe.Data(1, 1, 1, 1), 100, FILLING),
        probe.write_ping(SESSION, probe.Ping(1, 1), 100, FILLING),
    ]
    for _ in range(EXAMPLES):
        data = bytearray(chance.choice(whole)[: chance.randrange(1, 130)])
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        back = made.datagram(1, HERE, bytes(data))
        assert sum(len(one) for one, _ in back) <= len(data)
