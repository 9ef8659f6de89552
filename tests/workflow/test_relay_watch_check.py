"""The watch of the relays: what their answers mean, and that a call is never disturbed."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.probe.figures import LinkFigures, VoiceFigures
from telemed_desk.media.control import IceServerSpec
from telemed_desk.ui.shell.state import Person, status_state
from telemed_desk.workflow.device_checks import MediaChecks
from telemed_desk.workflow.relay_watch import RelayWatch, RelayWord, relay_word
from telemed_desk.workflow.status import DeskStatus

RELAY = IceServerSpec(["turn:relay.example"], "user", "pass")
GOOD = [LIMITS["N5"].passed(), LIMITS["N5.udp"].passed()]
AWAY = [LIMITS["N5"].failed(), LIMITS["N5.udp"].failed()]
TCP_ONLY = [LIMITS["N5"].passed(), LIMITS["N5.udp"].failed()]


@pytest.mark.parametrize(
    ("findings", "word"),
    [
        (GOOD, ""),
        (AWAY, "away"),
        (TCP_ONLY, "no-udp"),
        ([], ""),
        ([LIMITS["N5"].unknown("No relay is named.")], ""),
    ],
)
def test_what_the_answers_mean(findings: Sequence[Finding], word: RelayWord) -> None:
    assert relay_word(findings) == word


class Asked:
    """Stands where the media process is asked; its answers are recorded ones."""

    def __init__(self, *answers: Sequence[Finding]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.hang = False

    async def link_trial(
        self,
        _servers: Sequence[IceServerSpec],
        found: Callable[[Finding], None],
        *,
        loop: bool,
        cap_bps: int,
    ) -> int:
        assert not loop, "no test call behind a doctor's back"
        assert cap_bps
        self.asked += 1
        if self.hang:
            await asyncio.Event().wait()
        for finding in self.answers.pop(0) if self.answers else GOOD:
            found(finding)
        return 3000


def second_of_voice(lost: float) -> LinkFigures:
    """A recorded one."""
    voice = VoiceFigures(rtt_ms=40, up_loss=0.0, down_loss=lost, down_burst=2 * lost, mos=4.3)
    return LinkFigures("relay-udp", "measured", 40.0, voice=voice)


async def watched(
    asked: Asked,
    idle: Callable[[], bool],
    until: int,
    bursts: Sequence[LinkFigures | None] = (),
) -> list[RelayWord]:
    told: list[RelayWord] = []
    enough = asyncio.Event()

    def tell(word: RelayWord) -> None:
        told.append(word)
        if len(told) >= until:
            enough.set()

    left = list(bursts)

    async def burst() -> LinkFigures | None:
        return left.pop(0) if left else None

    watch = RelayWatch(
        cast("MediaChecks", asked), lambda: [RELAY], idle, tell,
        burst=burst, every_s=0.01, again_s=0.01,
    )  # fmt: skip
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return told


async def test_it_tells_each_change() -> None:
    told = await watched(Asked(GOOD, AWAY, TCP_ONLY, GOOD), lambda: True, 4)
    assert told[:4] == ["", "away", "no-udp", ""]


async def test_a_voice_with_gaps_is_told_when_a_second_one_confirms_it() -> None:
    good, bad = second_of_voice(0.0), second_of_voice(0.06)
    bursts = [good, bad, good, bad, bad, None, bad, None]
    told = await watched(Asked(), lambda: True, 5, bursts)
    assert told[:5] == ["", "", "gaps", "", ""]


async def test_where_no_relay_is_found_no_voice_is_sent() -> None:
    told = await watched(Asked(AWAY), lambda: True, 2, [second_of_voice(0.0)])
    assert told[:2] == ["away", ""]
    told = await watched(Asked(AWAY, AWAY), lambda: True, 2, [second_of_voice(0.5)] * 4)
    assert told[:2] == ["away", "away"]


async def test_nothing_is_asked_in_a_call_or_beside_a_check() -> None:
    asked = Asked()
    busy = iter([False] * 5)
    told = await watched(asked, lambda: next(busy, True), 1)
    assert told == [""]
    assert asked.asked == 1
    assert next(busy, None) is None


async def test_a_call_that_begins_ends_the_question() -> None:
    asked = Asked()
    asked.hang = True
    told: list[RelayWord] = []
    watch = RelayWatch(
        cast("MediaChecks", asked), lambda: [RELAY], lambda: asked.asked == 0, told.append,
        every_s=0.01,
    )  # fmt: skip
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        while not asked.asked:  # noqa: ASYNC110 - the watch has no event of its own for it
            await asyncio.sleep(0.01)
        watch.call_wins()
        while watch._asking is None or not watch._asking.done():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told == []


@pytest.mark.parametrize(
    ("relay", "strong", "rung"),
    [
        ("", "Clinic link good", Rung.HD_VIDEO),
        ("away", "No relay for calls", Rung.AUDIO_PHOTOS),
        ("no-udp", "Clinic link good", Rung.HD_VIDEO),
        ("gaps", "Calls would have gaps", Rung.LOW_VIDEO),
    ],
)
def test_the_status_line_says_it(relay: str, strong: str, rung: Rung) -> None:
    said = status_state(DeskStatus(link="online", rtt_ms=40, relay=relay), Person(), 0)
    assert (said.link_strong, said.link_rung) == (strong, rung)
    assert ("without UDP" in said.link_more) == (relay == "no-udp")


def test_a_link_that_is_down_is_named_before_its_relay() -> None:
    said = status_state(DeskStatus(link="offline", relay="away"), Person(), 0)
    assert said.link_rung is Rung.NO_LINK
    assert "relay" not in said.link_strong
