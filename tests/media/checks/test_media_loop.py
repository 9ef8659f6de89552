"""The test call with ourselves: through a real relay, and what becomes of it when that fails.

Needs root, iproute2, a C compiler and coturn; without them these fail and say what is missing.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.loop import LoopSeen, loop_findings
from telemed_desk.devices.checks.relay import RELAY_WORDS
from telemed_desk.devices.findings import Outcome
from telemed_desk.media import control
from telemed_desk.media.link_trial import run_link_trial
from telemed_desk.media.media_loop import LoopPlan, hold_test_call
from tests.media.engine.away_calls import until
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import LinkSpec
from tests.support.network.coturn import Coturn
from tests.support.network.place import Place
from tests.support.network.town import House, Town

PATIENT_S = 30.0
"""A loaded machine may take long to connect; how long is not what these show."""
SMALL = Rung.LOW_VIDEO


def plan(*servers: control.IceServerSpec, seconds: float = 2.0, **more: object) -> LoopPlan:
    return LoopPlan(servers, seconds, PATIENT_S, 200_000, SMALL, **more)  # type: ignore[arg-type]


async def hold(namespace: str, wanted: LoopPlan) -> LoopSeen:
    async with Place(namespace) as place:
        return await place.run(partial(hold_test_call, wanted))


def loop_threads() -> set[str]:
    names = {thread.name for thread in threading.enumerate()}
    return {n for n in names if n.startswith(("loop-", "pattern-", "null-", "video-", "voice-"))}


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_a_call_goes_through_the_relay_and_back(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.authority))
        seen = await hold(town["desk"].namespace, plan(relay.spec(way)))
        assert "session 00" in relay.log()
    assert seen.connected_s is not None, seen
    assert seen.relay_codes == ("", "")
    assert seen.loss_ratio == pytest.approx(0.0, abs=0.1)
    assert seen.rtt_ms is not None
    assert seen.jitter_ms is not None
    assert seen.first_picture_s is not None
    assert seen.shown_fps is not None
    assert seen.shown_fps > 1
    assert seen.concealed_ratio is not None
    # two directions of 200 kbit/s for two seconds, and what starting takes
    assert 10_000 < seen.moved_bytes < 600_000
    assert loop_threads() == set()
    assert {f.check for f in loop_findings(seen)} >= {"loop", "loop.loss", "loop.rtt", "loop.voice"}


async def test_lost_packets_and_delay_are_seen() -> None:
    async with EmulatedLink(LinkSpec(delay_ms=40, loss_percent=8)) as link:
        there = House(link.b.namespace, "", link.b.address, "")
        async with Coturn(there) as relay:
            seen = await hold(link.a.namespace, plan(relay.spec("udp"), seconds=5.0))
    assert seen.loss_ratio is not None
    assert seen.rtt_ms is not None
    assert 0.05 < seen.loss_ratio < 0.35  # 8 % there, and 8 % of the rest back
    assert seen.rtt_ms > 155  # 40 ms, four times
    found = {f.check: f for f in loop_findings(seen)}
    assert found["loop.loss"].outcome.value == "fail"
    assert found["loop.loss"].ceiling <= Rung.VIDEO  # nothing is sent twice in HD


async def test_what_leaves_no_room_for_a_picture_says_nothing_of_pictures() -> None:
    async with EmulatedLink(LinkSpec(rate_kbps=140, delay_ms=33, queue_bytes=26_000)) as link:
        there = House(link.b.namespace, "", link.b.address, "")
        async with Coturn(there) as relay:
            half = replace(plan(relay.spec("udp"), seconds=4.0), cap_bps=70_000, rung=Rung.VIDEO)
            seen = await hold(link.a.namespace, half)
    assert seen.connected_s is not None
    assert seen.first_picture_s is None
    found = {f.check: f for f in loop_findings(seen)}
    assert found["loop.picture"].outcome is Outcome.CANNOT_TELL
    assert found["loop.picture"].ceiling is Rung.HD_VIDEO


async def test_without_a_relay_it_stays_inside_this_pc() -> None:
    async with Town("desk") as town:
        seen = await hold(town["desk"].namespace, plan(seconds=1.0))
    assert not seen.relayed
    assert seen.connected_s is not None
    assert seen.first_picture_s is not None


async def test_without_a_network_nothing_is_tried() -> None:
    async with Town("desk", v4=False) as town:
        seen = await hold(town["desk"].namespace, plan())
    assert not seen.addresses


async def test_cancelled_it_hangs_up_and_gives_the_relays_addresses_back() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        spec = relay.spec("udp")

        async def cancelled() -> None:
            call = asyncio.create_task(hold_test_call(plan(spec, seconds=60)))
            while "video-encoder" not in {t.name for t in threading.enumerate()}:
                assert not call.done()
                await asyncio.sleep(0.05)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

        async with Place(town["desk"].namespace) as place:
            await place.run(cancelled)
        assert loop_threads() == set()
        await until(lambda: relay.log().count("lifetime=0") == 2, "both given back")


# ---- the whole link trial ------------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[Coturn], control.IceServerSpec], float, str]] = {
    "wrong secret": (lambda r: r.spec("udp", secret="south"), 0.0, "relay-refused"),
    "expired": (lambda r: r.spec("udp", life_s=-5), 0.0, "relay-expired"),
    "unknown authority": (lambda r: r.spec("tls"), 0.0, "relay-certificate"),
}


async def trial(
    namespace: str, message: control.RunLinkTrial
) -> tuple[dict[str, control.CheckResult], int]:
    sent: list[control.FromMedia] = []
    async with Place(namespace) as place:
        moved = await place.run(partial(run_link_trial, message, sent.append))
    assert all(isinstance(one, control.CheckResult) and one.run == message.run for one in sent)
    return {one.check: one for one in sent if isinstance(one, control.CheckResult)}, moved


@pytest.mark.parametrize("what", WRONG)
async def test_when_the_relay_fails_the_test_call_says_why(what: str) -> None:
    make, ahead_s, code = WRONG[what]
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        found, _ = await trial(
            town["desk"].namespace,
            control.RunLinkTrial("r", [make(relay)], clock_ahead_s=ahead_s),
        )
    for check in ("N5", "loop"):
        assert (found[check].outcome, found[check].ceiling) == ("fail", Rung.PHONE)
        assert (found[check].cause, found[check].action) == RELAY_WORDS[code]
    assert "loop.loss" not in found


async def test_with_udp_blocked_the_call_goes_over_tcp_and_says_so() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        await town.block("desk", "relay", protocol="udp")
        found, moved = await trial(
            town["desk"].namespace,
            control.RunLinkTrial(
                "r",
                [relay.spec("udp", "tcp")],
                seconds=1.0,
                connect_s=PATIENT_S,
                cap_bps=200_000,
                start_rung=int(SMALL),
            ),
        )
    assert found["N5"].outcome == "warn"
    assert "UDP" in found["N5"].cause
    assert found["N5.udp"].outcome == "fail"
    assert found["N6.nat"].outcome == "cannot-tell"
    assert found["loop.frames"].value is not None
    assert moved > 5_000
