"""What others ask for, and how often calls come and go, is not kept without end."""

import asyncio
import json
import threading

import numpy as np

from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.photo_answering import PhotoAnswering
from telemed_desk.media.ports import Picture
from tests.media.process.sides import Side, connect
from tests.support.waiting import until


class SlowCamera:
    """Gives a picture once it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.may = threading.Event()

    def newest(self) -> Picture | None:
        self.asked += 1
        self.may.wait(20)
        grey = np.full((90, 160), 90, np.uint8)
        return Picture(grey, grey[::2, ::2], grey[::2, ::2], 1)

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        del than_ns, timeout_s
        return None


async def test_a_flood_of_requests_makes_two_pictures_and_the_last_one_counts() -> None:
    camera, said = SlowCamera(), list[str | bytes]()

    def send(message: str | bytes) -> bool:
        said.append(message)
        return True

    answering = PhotoAnswering(send, lambda: camera)
    for number in range(500):
        answering.on_data(json.dumps({"t": "photo-request", "id": f"p{number}"}))
        if not number:
            await until(lambda: camera.asked == 1, "the first is being made")
    before = len(asyncio.all_tasks())
    assert before < 10
    camera.may.set()

    def begun() -> list[str]:
        return [json.loads(m)["id"] for m in said if isinstance(m, str)]

    await until(lambda: begun()[-1:] == ["p499"], "the last is offered")
    assert begun() == ["p0", "p499"]
    assert camera.asked == 2
    await answering.close()


def held(media: MediaProcess) -> int:
    """How many memories the desk would remove if the process died now."""
    running = media._running
    return 0 if running is None else len(running.memories)


async def test_a_day_of_calls_leaves_no_names_of_memory_behind() -> None:
    a, b = Side(), Side()
    await asyncio.gather(a.media.start(), b.media.start())
    try:
        for side in (a, b):
            side.media.send(control.Devices("pattern:320x180@10", "none", "null"))
        counts = []
        for number in range(4):
            await connect(a, b, f"c{number}")
            counts.append(held(a.media))
            a.media.send(control.EndCall(f"c{number}"))
            await a.phase(f"c{number}", "ended")
        assert counts == [2, 2, 2, 2]  # the own picture, and theirs
        assert held(a.media) == 1
    finally:
        await asyncio.gather(a.media.stop(), b.media.stop())
