"""The patient's phone, or the desk, changes its network in the middle of a visit.

Everything real: page in Chromium, server, desk, media process, each side in a network namespace of its
own with the emulated link between them; the server's TCP connections cross the same link. Needs root.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.end_to_end.headless_desk import (
    HeadlessDesk,
    new_vault,
    running_desk,
    running_server,
    until,
)
from tests.end_to_end.patient import Patient, patient_at
from tests.end_to_end.steps import arrived, in_call, visit
from tests.support.chromium import BrowserOptions
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import MOBILE
from tests.support.network.forward import forwarding
from tests.support.network.place import Place

T = TypeVar("T")
OTHER_ADDRESS = "10.78.0.99"
PORT = 8461
WATCH = """
window.connections = [];
window.heard = [];
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(...args) { super(...args); window.connections.push(this); }
};
setInterval(async () => {
  const last = window.connections[window.connections.length - 1];
  if (!last) return;
  let packets = 0;
  (await last.getStats()).forEach((entry) => {
    if (entry.type === "inbound-rtp" && entry.kind === "audio") packets = entry.packetsReceived;
  });
  window.heard.push([performance.now(), packets]);
}, 100);
"""


@dataclass
class Visit:
    """A visit in its call, over a link."""

    link: EmulatedLink
    desk: HeadlessDesk
    patient: Patient

    async def longest_silence_s(self) -> float:
        """How long the patient's phone got no sound, at the longest, since it was asked last."""
        seen: list[list[float]] = json.loads(
            await self.patient.page.evaluate("JSON.stringify(window.heard.splice(0))")
        )
        since, longest, before = seen[0][0], 0.0, seen[0][1]
        for at, packets in seen[1:]:
            if packets != before:
                since, before = at, packets
            longest = max(longest, at - since)
        return longest / 1000

    async def heard_again(self, what: str) -> None:
        """Wait until sound comes to both sides again."""
        count = "window.heard.length ? window.heard[window.heard.length - 1][1] : 0"
        now = await self.patient.page.evaluate(count)
        await self.patient.page.wait_for(f"({count}) > {now} + 40", 60)
        stats = visit(self.desk).stats
        await until(lambda: visit(self.desk).stats is not stats, "fresh figures")
        await until(lambda: (visit(self.desk).stats or stats).receive_bps > 5000, what)  # type: ignore[union-attr]
        await until(lambda: visit(self.desk).phase == "connected", what)

    async def connections(self) -> int:
        """How many peer connections the page has made."""
        return int(await self.patient.page.evaluate("window.connections.length"))


async def enter(
    stack: contextlib.AsyncExitStack,
    place: Place,
    manager: contextlib.AbstractAsyncContextManager[T],
) -> T:
    """Enter something in a namespace, and leave it there at the end."""
    entered = await place.run(manager.__aenter__)
    stack.push_async_callback(place.run, lambda: manager.__aexit__(None, None, None))
    return entered


@contextlib.asynccontextmanager
async def visit_with(folder: Path, *, moving: str) -> AsyncIterator[Visit]:
    """A call in a visit; the side that can be moved is B, the server is on the other one."""
    async with contextlib.AsyncExitStack() as stack:
        link = await stack.enter_async_context(EmulatedLink(MOBILE))
        near = await stack.enter_async_context(Place(link.a.namespace))
        far = await stack.enter_async_context(Place(link.b.namespace))
        loopback, across = ("127.0.0.1", PORT), (link.a.address, PORT)
        await stack.enter_async_context(forwarding(near, across, loopback))
        await stack.enter_async_context(forwarding(far, loopback, across))
        here, phone = (near, link.b) if moving == "patient" else (far, link.a)

        server = await enter(stack, near, running_server(folder, port=PORT))
        vault = await here.run(lambda: new_vault(folder / "a", server))
        desk = await enter(stack, here, running_desk(vault, server.origin))
        url = (await desk.link()).url
        options = BrowserOptions(namespace=phone.namespace, hide_local_addresses=False)
        patient = await stack.enter_async_context(patient_at(url, options, script=WATCH))
        await in_call(desk, patient, await arrived(desk, patient))
        found = Visit(link, desk, patient)
        await found.heard_again("sound at first")
        yield found


@pytest.mark.parametrize("moving", ["patient", "desk"])
async def test_a_change_of_address_in_a_visit_is_survived_as_the_same_call(
    moving: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with visit_with(tmp_path, moving=moving) as running:
        before = visit(running.desk)
        await running.longest_silence_s()
        await running.link.move_b(OTHER_ADDRESS)
        await running.heard_again("sound after the change")
        silence_s = await running.longest_silence_s()
        record_property(f"no sound for s when the {moving} moves", silence_s)
        assert silence_s < 15  # on a quiet machine 1 to 4
        after = visit(running.desk)
        assert after.call == before.call
        assert after.started_ms == before.started_ms
        assert await running.connections() == 1


async def test_an_outage_of_five_seconds_is_over_when_it_is_over(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with visit_with(tmp_path, moving="patient") as running:
        before = visit(running.desk).call
        await running.longest_silence_s()
        await running.link.change(replace(MOBILE, down=True))
        await asyncio.sleep(5)  # the outage itself
        await running.link.change(MOBILE)
        await running.heard_again("sound after the outage")
        silence_s = await running.longest_silence_s()
        record_property("no sound for s in an outage of 5", silence_s)
        assert silence_s < 12
        assert visit(running.desk).call == before
        assert await running.connections() == 1
