"""The real capture path against a V4L2 driver double: works, busy, denied, gone, stalled, back again.

The media process itself runs in a mount namespace with a /dev of its own; the machine's is untouched.
What the self-check says of such cameras: test_camera_bench.py.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from telemed_desk.devices.problems import CameraBusy, CameraDenied, CameraMissing, CameraStalled
from telemed_desk.devices.specs import listed_spec
from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.frames import Frame
from telemed_desk.media.sources.barcode import read_count
from tests.media.process.sides import Side, connect
from tests.support.devices.camera_double import CameraDouble, Plugged
from tests.support.devices.camera_films import Film
from tests.support.devices.media_desk import ListeningDesk, next_frame

DEVICES = control.Devices("default", "none", "none")


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CameraDouble]:
    made = CameraDouble(tmp_path_factory.mktemp("camera"), [Film.BRIGHT])
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


# ---- plugged in and out --------------------------------------------------------------------------

LEFT = Plugged("Left Camera: Left Camera", ("046d", "0825"), port="1-4")
RIGHT = Plugged("Right Camera", ("04f2", "b6cb"), "SN7", port="1-6")


def spec(camera: Plugged) -> str:
    return listed_spec(camera.stable_id, camera.name.partition(":")[0])


async def cameras(desk: ListeningDesk, *names: str, used: str | None = None) -> control.Cameras:
    """Wait until the desk was told of these cameras last."""

    def told() -> bool:
        last = desk.of(control.Cameras)[-1:]
        return any(
            [one.name for one in now.cameras] == list(names) and used in {None, now.in_use}
            for now in last
        )

    await desk.until(told, f"cameras {names}")
    return desk.of(control.Cameras)[-1]


async def shows(desk: ListeningDesk, fits: Callable[[Frame], bool]) -> None:
    stream = await desk.first(control.VideoStream)
    await next_frame(stream.memory, fits)


def is_bright(frame: Frame) -> bool:
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.stride)
    return float(rows[:, : frame.width * 3].mean()) > 160


async def test_the_desk_is_told_what_is_plugged_in(
    camera: CameraDouble, desk: ListeningDesk, media: MediaProcess
) -> None:
    assert (await cameras(desk, "Test Camera")).cameras[0].spec == spec(Plugged())
    camera.plug(1, RIGHT)
    await cameras(desk, "Test Camera", "Right Camera")
    camera.unplug(0)
    now = await cameras(desk, "Right Camera")
    assert now.cameras[0].spec == spec(RIGHT)
    camera.unplug(1)
    await cameras(desk)


@pytest.mark.parametrize("port", ["1-4", "2-1"])
async def test_a_chosen_camera_is_taken_again_wherever_it_is_plugged_in(
    camera: CameraDouble, desk: ListeningDesk, media: MediaProcess, port: str
) -> None:
    camera.unplug(0)
    camera.plug(0, LEFT)
    camera.plug(1, RIGHT)
    camera.set(1, film=Film.BRIGHT)
    await cameras(desk, "Left Camera", "Right Camera")
    media.send(control.Devices(spec(LEFT), "none", "none"))
    media.send(control.Preview(on=True))
    await cameras(desk, "Left Camera", "Right Camera", used=spec(LEFT))
    await shows(desk, has_counter)
    camera.unplug(0)
    gone = await state(desk, CameraMissing.code)  # and not the other camera instead
    before = desk.heard.index(gone)
    camera.plug(2, replace(LEFT, port=port))  # the kernel gives it another number
    await desk.until(
        lambda: any(isinstance(m, control.DeviceState) and not m.code for m in desk.heard[before:]),
        "it works again",
    )
    await shows(desk, has_counter)
    assert desk.of(control.Cameras)[-1].in_use


async def test_without_a_choice_another_camera_fills_in_and_gives_way(
    camera: CameraDouble, desk: ListeningDesk, media: MediaProcess
) -> None:
    camera.plug(1, RIGHT)
    camera.set(1, film=Film.BRIGHT)
    media.send(control.Preview(on=True))
    await shows(desk, has_counter)
    camera.unplug(0)
    await cameras(desk, "Right Camera", used=spec(RIGHT))
    await shows(desk, is_bright)
    camera.plug(0)
    await cameras(desk, "Test Camera", "Right Camera", used=spec(Plugged()))
    await shows(desk, has_counter)


async def test_a_program_that_has_the_camera_is_named(
    camera: CameraDouble, desk: ListeningDesk, media: MediaProcess
) -> None:
    other = ListeningDesk()
    holder = other.media(camera.command())
    await holder.start()
    try:
        holder.send(DEVICES)
        holder.send(control.Preview(on=True))
        await state(other, "")
        media.send(control.RunDeviceChecks("r", ["C3"]))
        await desk.first(control.ChecksDone)
        (found,) = (one for one in desk.of(control.CheckResult) if one.check == "C3")
        assert found.outcome == "fail"
        assert found.cause.startswith("python"), found
        assert found.cause.endswith("is using the camera.")
    finally:
        await holder.stop()
    # Given back, it is taken.
    media.send(control.Preview(on=True))
    await state(desk, "")


async def test_another_camera_in_a_running_call_needs_no_new_offer(camera: CameraDouble) -> None:
    camera.unplug(0)
    camera.plug(0, LEFT)
    camera.plug(1, RIGHT)
    camera.set(1, film=Film.BRIGHT)
    caller, called = Side(), Side()
    caller.media = caller.desk.media(camera.command())
    await asyncio.gather(caller.media.start(), called.media.start())
    try:
        caller.media.send(control.Devices(spec(LEFT), "tone:500", "null"))
        called.media.send(control.Devices("none", "tone:500", "null"))
        await connect(caller, called, "c")
        stream = await called.desk.first(control.VideoStream, lambda s: s.stream == "remote")
        await next_frame(stream.memory, has_counter)
        said = len(caller.desk.of(control.LocalDescription))

        caller.media.send(control.Devices(spec(RIGHT), "tone:500", "null"))
        await next_frame(stream.memory, is_bright)
        caller.media.send(control.Devices(spec(LEFT), "tone:500", "null"))
        await next_frame(stream.memory, has_counter)

        camera.unplug(0)  # lost and found in the call
        lost = await state(caller.desk, CameraMissing.code)
        camera.plug(2, LEFT)
        after = caller.desk.heard.index(lost)
        await caller.desk.until(
            lambda: any(
                isinstance(m, control.DeviceState) and m.kind == "camera" and not m.code
                for m in caller.desk.heard[after:]
            ),
            "it works again",
        )
        await next_frame(stream.memory, has_counter)
        assert len(caller.desk.of(control.LocalDescription)) == said
        phases = {said.phase for said in called.desk.of(control.CallState)}
        assert phases <= {"connecting", "connected"}
    finally:
        await asyncio.gather(caller.media.stop(), called.media.stop())
