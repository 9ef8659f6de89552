"""The link trial as the desk orders it: heard one by one, stopped at once, never beside a call."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from tests.support.devices.media_desk import ListeningDesk

NOWHERE = control.IceServerSpec(["turn:127.0.0.1:9?transport=tcp"], "1:x", "y")


@pytest.fixture
async def desk() -> ListeningDesk:
    return ListeningDesk()


@pytest.fixture
async def media(desk: ListeningDesk) -> AsyncIterator[MediaProcess]:
    process = desk.media()
    await process.start()
    media_devices = control.Devices("none", "none", "none")
    process.send(media_devices)
    yield process
    await process.stop()


def found(desk: ListeningDesk, run: str) -> dict[str, control.CheckResult]:
    return {r.check: r for r in desk.of(control.CheckResult) if r.run == run}


async def test_a_test_call_inside_the_media_process_opens_no_device(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    # devices that would be missed if anybody opened them
    media.send(control.Devices("id:no such camera", "id:no such microphone", "id:no such speaker"))
    media.send(control.RunLinkTrial("r", seconds=0.5, connect_s=30.0, start_rung=3))
    done = await desk.first(control.ChecksDone, lambda d: d.run == "r")
    results = found(desk, "r")
    assert results["N5"].outcome == "cannot-tell"
    assert results["N6.nat"].outcome == "cannot-tell"
    assert {"N6.ipv6", "N6.mdns", "loop"} <= set(results)
    assert done.moved_bytes > 0
    assert desk.of(control.DeviceState) == []
    assert desk.of(control.CallState) == []
    assert desk.of(control.VideoStream) == []


async def test_stopped_it_is_over_at_once_and_another_may_begin(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(control.RunLinkTrial("long", seconds=120.0, connect_s=60.0))
    await desk.first(control.CheckResult, lambda r: r.run == "long")
    media.send(control.StopDeviceChecks("other"))
    media.send(control.StopDeviceChecks("long"))
    await desk.first(control.ChecksDone, lambda d: d.run == "long")
    assert "loop.frames" not in found(desk, "long")
    media.send(control.RunLinkTrial("second", [NOWHERE]))
    await desk.first(control.ChecksDone, lambda d: d.run == "second")
    results = found(desk, "second")
    assert results["N5"].outcome == results["loop"].outcome == "fail"
    assert "refused" in results["loop"].cause


async def test_a_call_ends_it_and_none_begins_beside_a_call(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(control.RunLinkTrial("r", seconds=120.0, connect_s=60.0))
    await desk.first(control.CheckResult, lambda r: r.run == "r")
    media.send(control.StartCall("c", offer=True))
    await asyncio.gather(
        desk.first(control.ChecksDone, lambda d: d.run == "r"),
        desk.first(control.LocalDescription),
    )
    media.send(control.RunLinkTrial("late"))
    await desk.first(control.ChecksDone, lambda d: d.run == "late")
    assert found(desk, "late") == {}
    assert (await desk.first(control.Fault)).code == "checks-in-call"
