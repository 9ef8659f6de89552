"""The real capture path against a V4L2 driver double: works, busy, denied, gone, stalled, black.

The media process itself runs in a mount namespace with a /dev of its own; the machine's is untouched.
"""

import errno
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from telemed_desk.devices.problems import CameraBusy, CameraDenied, CameraMissing, CameraStalled
from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.frames import Frame
from telemed_desk.media.sources.barcode import read_count
from tests.support.devices.camera_double import CameraDouble
from tests.support.devices.media_desk import ListeningDesk, next_frame

DEVICES = control.Devices("default", "none", "none")


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CameraDouble]:
    made = CameraDouble(tmp_path_factory.mktemp("camera"))
    yield made
    made.close()


@pytest.fixture
def camera(double: CameraDouble) -> CameraDouble:
    double.reset()
    return double


@pytest.fixture
async def desk() -> ListeningDesk:
    return ListeningDesk()


@pytest.fixture
async def media(camera: CameraDouble, desk: ListeningDesk) -> AsyncIterator[MediaProcess]:
    process = desk.media(camera.command())
    await process.start()
    process.send(DEVICES)
    yield process
    await process.stop()


def has_counter(frame: Frame) -> bool:
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.stride)
    return read_count(np.ascontiguousarray(rows[:, 1 : frame.width * 3 : 3])) is not None


async def state(desk: ListeningDesk, code: str) -> control.DeviceState:
    return await desk.first(control.DeviceState, lambda s: s.kind == "camera" and s.code == code)


async def findings(
    desk: ListeningDesk, media: MediaProcess, run: str
) -> dict[str, control.CheckResult]:
    media.send(control.RunDeviceChecks(run, ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"]))
    await desk.first(control.ChecksDone, lambda done: done.run == run)
    return {result.check: result for result in desk.of(control.CheckResult) if result.run == run}


@pytest.mark.parametrize("raw_only", [0, 1])
async def test_a_camera_shows_its_picture(
    camera: CameraDouble, desk: ListeningDesk, media: MediaProcess, raw_only: int
) -> None:
    camera.set(raw_only=raw_only)
    media.send(control.Preview(on=True))
    stream = await desk.first(control.VideoStream)
    frame = await next_frame(stream.memory, has_counter)
    assert frame.width / frame.height == pytest.approx(4 / 3 if raw_only else 16 / 9, abs=0.02)
    assert (await state(desk, "")).detail == ""


async def test_no_camera(camera: CameraDouble, desk: ListeningDesk) -> None:
    media = desk.media(camera.command(present=False))
    await media.start()
    try:
        media.send(DEVICES)
        media.send(control.Preview(on=True))
        await state(desk, CameraMissing.code)
        found = await findings(desk, media, "r")
        assert found["C1"].outcome == "fail"
        assert found["C1"].action
        assert "C2" not in found
    finally:
        await media.stop()


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        ({"open_errno": errno.EBUSY}, CameraBusy.code),
        ({"streamon_errno": errno.EBUSY}, CameraBusy.code),
        ({"open_errno": errno.EACCES}, CameraDenied.code),
        ({"open_errno": errno.ENOENT}, CameraMissing.code),
        ({"open_errno": errno.ENODEV}, CameraMissing.code),
        ({"streamon_errno": errno.EIO}, CameraStalled.code),
    ],
)
async def test_a_camera_that_fails_says_why_and_comes_back(
    camera: CameraDouble,
    desk: ListeningDesk,
    media: MediaProcess,
    knobs: dict[str, int],
    code: str,
) -> None:
    camera.set(**knobs)
    media.send(control.Preview(on=True))
    await state(desk, code)
    camera.set(**dict.fromkeys(knobs, 0))
    await state(desk, "")
    stream = await desk.first(control.VideoStream)
    await next_frame(stream.memory, has_counter)


@pytest.mark.parametrize(
    ("knobs", "code"),
    [({"stall": 1}, CameraStalled.code), ({"dqbuf_errno": errno.ENODEV}, CameraMissing.code)],
)
async def test_a_camera_lost_while_it_runs_comes_back(
    camera: CameraDouble,
    desk: ListeningDesk,
    media: MediaProcess,
    knobs: dict[str, int],
    code: str,
) -> None:
    media.send(control.Preview(on=True))
    await state(desk, "")
    camera.set(**knobs)
    await state(desk, code)
    before = len(desk.heard)
    camera.set(**dict.fromkeys(knobs, 0))
    await desk.until(
        lambda: control.DeviceState("camera", "default") in desk.heard[before:], "it works again"
    )


async def test_the_self_check_tells_good_from_busy_black_frozen_and_slow(
    camera: CameraDouble, desk: ListeningDesk, media: MediaProcess
) -> None:
    good = await findings(desk, media, "good")
    assert good["C1"].outcome == "pass"
    assert good["C3"].outcome == "pass"
    assert (good["C4"].outcome, good["C4"].value) == ("pass", 720)
    assert good["C6"].outcome == "pass"
    assert good["C7"].outcome == "pass"

    camera.set(black=1)
    black = await findings(desk, media, "black")
    assert black["C6"].outcome == "fail"
    assert "shutter" in black["C6"].action

    camera.set(black=0, freeze=1)
    assert (await findings(desk, media, "frozen"))["C7"].outcome != "pass"

    camera.set(freeze=0, fps=10)
    assert (await findings(desk, media, "slow"))["C4.fps"].outcome == "fail"

    camera.set(fps=0, open_errno=errno.EBUSY)
    busy = await findings(desk, media, "busy")
    assert busy["C3"].outcome == "fail"
    assert busy["C3"].action == CameraBusy.next_step

    camera.set(open_errno=0, stall=1)
    stalled = await findings(desk, media, "stalled")
    assert stalled["C2"].outcome == "fail"
