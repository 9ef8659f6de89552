"""One PC of a site at a time, for so long, and so much an hour. Fake clock."""

import pytest

from telemed_protocol import probe
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.probe_leases import (
    AT_ONCE,
    CLINIC_BYTES_AN_HOUR,
    HOUR_S,
    LEASE_S,
    MAX_BYTES,
    THOROUGH_MAX_BYTES,
    ProbeLeases,
)
from telemed_server.probe_responder import Responder

CLINIC, OTHER_CLINIC = b"c" * 16, b"d" * 16
FIRST, SECOND = Member(b"1" * 16, CLINIC), Member(b"2" * 16, CLINIC)
STRANGER = Member(b"3" * 16, OTHER_CLINIC)
HOME, AWAY = "198.51.100.7", "203.0.113.0"
DESK = ("198.51.100.7", 5000)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> ProbeLeases:
    return ProbeLeases(Responder(), port=4000, clock=clock)


def refusal(leases: ProbeLeases, member: Member, network: str = HOME) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        leases.ask(member, network, thorough=False)
    return caught.value


def answers(leases: ProbeLeases, clock: Clock, session: bytes, key: bytes) -> bool:
    return bool(leases.responder.datagram(clock(), DESK, probe.hello(session, key)))


def test_the_second_pc_of_a_site_waits_and_is_told_how_long(
    leases: ProbeLeases, clock: Clock
) -> None:
    leases.ask(FIRST, HOME, thorough=False)
    clock.now += 10.5
    refused = refusal(leases, SECOND)
    assert (refused.status, refused.problem) == (409, "other_pc_checks")
    assert refused.retry_after_s == 30


def test_other_sites_and_other_clinics_do_not_wait(leases: ProbeLeases) -> None:
    leases.ask(FIRST, HOME, thorough=False)
    leases.ask(SECOND, AWAY, thorough=False)
    leases.ask(STRANGER, HOME, thorough=False)


def test_a_lease_ends_by_itself_and_the_responder_forgets_it(
    leases: ProbeLeases, clock: Clock
) -> None:
    grant = leases.ask(FIRST, HOME, thorough=False)
    assert grant.life_s == LEASE_S
    assert answers(leases, clock, grant.session, grant.key)
    clock.now += LEASE_S
    assert not answers(leases, clock, grant.session, grant.key)
    leases.ask(SECOND, HOME, thorough=False)


def test_a_lease_given_back_lets_the_next_one_in(leases: ProbeLeases, clock: Clock) -> None:
    grant = leases.ask(FIRST, HOME, thorough=False)
    leases.end(SECOND, grant.session)  # not its own
    assert refusal(leases, SECOND).status == 409
    leases.end(FIRST, grant.session)
    assert not answers(leases, clock, grant.session, grant.key)
    leases.ask(SECOND, HOME, thorough=False)


def test_a_pc_that_asks_again_has_only_its_newest_lease(leases: ProbeLeases, clock: Clock) -> None:
    old = leases.ask(FIRST, HOME, thorough=False)
    new = leases.ask(FIRST, AWAY, thorough=False)  # it changed networks
    assert not answers(leases, clock, old.session, old.key)
    assert answers(leases, clock, new.session, new.key)
    leases.ask(SECOND, HOME, thorough=False)


def test_bytes_of_a_clinic_are_bounded_by_the_hour(leases: ProbeLeases, clock: Clock) -> None:
    hello = probe.HANDSHAKE_BYTES + probe.OVERHEAD_BYTES
    grant = leases.ask(FIRST, HOME, thorough=True)
    assert grant.max_bytes == THOROUGH_MAX_BYTES
    for _ in range(10):  # both ways count, the cookies that come back as well
        leases.responder.datagram(clock(), DESK, probe.hello(grant.session, grant.key))
    assert leases._accounts[CLINIC].used == 10 * (hello + 25 + probe.OVERHEAD_BYTES)
    leases._accounts[CLINIC].used = CLINIC_BYTES_AN_HOUR - THOROUGH_MAX_BYTES + 1
    with pytest.raises(RequestRefused) as caught:
        leases.ask(FIRST, HOME, thorough=True)
    assert (caught.value.status, caught.value.problem) == (429, "probe_bytes")
    leases.ask(STRANGER, HOME, thorough=True)
    clock.now += HOUR_S
    assert leases.ask(FIRST, HOME, thorough=False).max_bytes == MAX_BYTES


def test_no_more_than_so_many_at_once(leases: ProbeLeases) -> None:
    for number in range(AT_ONCE):
        name = bytes([number]) * 16
        leases.ask(Member(name, name), HOME, thorough=False)
    assert refusal(leases, STRANGER).status == 503


def test_without_a_responder_leases_still_keep_pcs_apart(clock: Clock) -> None:
    leases = ProbeLeases(Responder(), clock=clock)
    grant = leases.ask(FIRST, HOME, thorough=False)
    assert grant.port == 0
    assert not answers(leases, clock, grant.session, grant.key)
    assert refusal(leases, SECOND).status == 409
