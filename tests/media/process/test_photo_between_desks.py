"""A desk asks another desk for a still, as it asks a phone."""

import asyncio

from telemed_desk.media import control
from tests.media.process.sides import Side, connect


async def test_the_other_desk_gives_one_from_its_camera_and_none_while_it_is_off() -> None:
    asks, gives = Side(), Side()
    await asyncio.gather(asks.media.start(), gives.media.start())
    try:
        for side in (asks, gives):
            side.media.send(control.Devices("pattern:640x480@10", "none", "null"))
        await connect(asks, gives, "c")
        await asyncio.gather(asks.picture("c"), gives.picture("c"))
        asks.media.send(control.TakePhoto("c", "one"))
        photo = await asks.desk.first(control.Photo)
        assert (photo.photo, photo.source) == ("one", "camera")
        assert (photo.width, photo.height) == (640, 480)
        gives.media.send(control.Mute(microphone=False, camera=True))
        gives.media.send(control.Preview(on=True))  # carried out in order: the mute is in force
        await gives.desk.until(
            lambda: len([s for s in gives.desk.of(control.VideoStream) if s.stream == "local"]) > 1,
            "the mute is carried out",
        )
        asks.media.send(control.TakePhoto("c", "two"))
        refused = await asks.desk.first(
            control.PhotoProgress, lambda p: p.photo == "two" and p.problem
        )
        assert refused.problem == "declined"
    finally:
        await asyncio.gather(asks.media.stop(), gives.media.stop())
