"""The self-check's device part, run by the media process and heard by the desk."""

from collections.abc import AsyncIterator

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.devices.limits import GUIDED_CHECKS, LIMITS
from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from tests.support.devices.media_desk import ListeningDesk


@pytest.fixture
async def desk() -> ListeningDesk:
    return ListeningDesk()


@pytest.fixture
async def media(desk: ListeningDesk) -> AsyncIterator[MediaProcess]:
    process = desk.media()
    await process.start()
    yield process
    await process.stop()


async def run(
    desk: ListeningDesk, media: MediaProcess, names: list[str], name: str = "r"
) -> dict[str, control.CheckResult]:
    media.send(control.RunDeviceChecks(name, names))
    await desk.first(control.ChecksDone, lambda done: done.run == name)
    return {r.check: r for r in desk.of(control.CheckResult) if r.run == name}


async def test_every_device_check_reports(desk: ListeningDesk, media: MediaProcess) -> None:
    media.send(control.Devices("pattern:1280x720@30", "tone:500", "null"))
    found = await run(desk, media, [])
    ordinary = {c for c, limit in LIMITS.items() if limit.group is not Group.NETWORK}
    # One channel has no other to be compared with.
    assert set(found) == ordinary - GUIDED_CHECKS - {"M3.channel"}
    assert (found["C4"].outcome, found["C4"].ceiling) == ("pass", Rung.HD_VIDEO)
    assert found["M3"].value == pytest.approx(-12.2, abs=0.5)
    assert found["M4"].outcome == "fail"  # a tone without a pause is noise
    assert found["S1"].outcome == "pass"
    assert found["P1"].value is not None
    assert found["P2.disk"].value is not None


async def test_only_what_was_asked_for_is_looked_at(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(control.Devices("none", "none", "none"))
    assert set(await run(desk, media, ["C1"])) == {"C1"}
    no_sound = await run(desk, media, ["M1", "S1"], "second")
    assert no_sound["M1"].outcome == "fail"
    assert no_sound["M1"].ceiling == Rung.NO_LINK
    assert no_sound["S1"].outcome == "fail"


async def test_checks_are_refused_in_a_call(desk: ListeningDesk, media: MediaProcess) -> None:
    media.send(control.Devices("none", "none", "none"))
    media.send(control.StartCall("c", offer=True))
    await desk.first(control.LocalDescription)
    assert await run(desk, media, ["P2"]) == {}
    assert (await desk.first(control.Fault)).code == "checks-in-call"
