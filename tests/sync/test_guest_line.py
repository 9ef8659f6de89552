"""The guest's line after a cut: what was said is told again, whole and in order."""

import asyncio
from collections.abc import AsyncIterator

from telemed_desk.sync.guest_line import GuestLine
from telemed_protocol import talk
from telemed_protocol.ids import from_base64url
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.room import PageHello, Ping, ToDesk, decode_page_frame

LINK = JoinLink(bytes(16), bytes(16))


class SlowLine:
    """Takes frames one by one; while the first box is on its way, somebody says something more."""

    def __init__(self, line: GuestLine) -> None:
        self.boxes: list[str] = []
        self._line = line
        self._said = False

    async def send(self, text: str) -> None:
        frame = decode_page_frame(text)
        match frame:
            case ToDesk(box):
                self.boxes.append(box)
                if not self._said:
                    self._said = True
                    await self._line.say(talk.NeedOffer())
                await asyncio.sleep(0)
            case PageHello() | Ping():
                pass

    async def __aiter__(self) -> AsyncIterator[str]:
        return
        yield ""


async def test_what_is_said_while_the_line_comes_back_is_neither_left_out_nor_ahead() -> None:
    line = GuestLine(LINK.url("https://clinic.example"), lambda _s: None, lambda _m: None)
    for state in (True, False):
        await line.say(talk.PageState(camera=state, microphone=state))
    slow = SlowLine(line)
    await line._attend(slow)
    numbers = [
        talk.decode_from_page(LINK.open("to-desk", from_base64url(box))).n for box in slow.boxes
    ]
    assert numbers == [1, 2, 3]
    await line.close()
