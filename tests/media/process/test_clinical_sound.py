"""The switch for clinical sound, from the desk's message to what the media process says of it."""

from collections.abc import AsyncIterator

import pytest

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


async def test_it_holds_for_the_calls_of_a_visit_and_ends_with_the_last(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(control.Devices("none", "tone:500", "null"))
    media.send(control.StartCall("one", offer=True))
    await desk.first(control.LocalDescription)
    assert not (await desk.first(control.SoundState)).clinical
    media.send(control.ClinicalSound(on=True))
    await desk.first(control.SoundState, lambda state: state.clinical)
    media.send(control.StartCall("two", offer=True))  # takes the place of the first
    await desk.first(control.LocalDescription, lambda local: local.call == "two")
    assert desk.of(control.SoundState)[-1].clinical
    media.send(control.EndCall("two"))
    await desk.until(lambda: not desk.of(control.SoundState)[-1].clinical, "back to voice")
    # A tone is no microphone: nothing is cancelled, and nothing is wrong with that.
    assert not any(state.cancels_echo or state.problem for state in desk.of(control.SoundState))
