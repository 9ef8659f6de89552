"""Every fault of a microphone on a real sound server: the right finding, and no other check cries.

All microphones are listened to at the same time, each by the self-check itself.
"""

import asyncio
import os
from collections.abc import Iterator

import numpy as np
import pytest

from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.fixes import Fix, FixKind, SettingsPage, fix_for
from telemed_desk.devices.problems import SpeakerMuted
from telemed_desk.media import control
from telemed_desk.media.sound_checks import microphone_part, speaker_part
from telemed_desk.media.station import Station
from tests.support.devices.private_pulse import PrivatePulse
from tests.support.devices.sound_bench import SoundBench, hum, room_noise, talking

ROUNDS = int(os.environ.get("TELEMED_SEEDS", "2"))
FAIL, WARN = Outcome.FAIL, Outcome.WARN
Found = dict[str, Finding]

FAULTS = {
    "hum": {"M7": FAIL},
    "hum60": {"M7": FAIL},
    "noise": {"M4": FAIL},
    "clipping": {"M5.loud": FAIL, "M6": FAIL},
    "muted": {"M2": FAIL, "M3": Outcome.CANNOT_TELL},
    "low": {"M2": WARN},
    "verylow": {"M2": WARN, "M3": Outcome.CANNOT_TELL},
    "dead": {"M3": FAIL},
    "faint": {"M3": FAIL},
    "narrow": {"M9": FAIL},
    "wideband": {"M9": WARN},
    "offbeat": {"M8": FAIL},
    "oneside": {"M3.channel": WARN},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundBench]:
    folder = tmp_path_factory.mktemp("bench")
    patch = pytest.MonkeyPatch()
    pulse = PrivatePulse(folder)
    for name, value in pulse.environment.items():
        patch.setenv(name, value)
    made = SoundBench(pulse, folder)
    yield made
    made.close()
    patch.undo()
    pulse.close()


async def listen(*names: str) -> dict[str, Found]:
    """Run the microphone's part of the self-check on all of these at once."""

    async def one(name: str) -> tuple[str, Found]:
        station = Station(lambda _message: None)
        await station.choose(control.Devices("none", f"id:pulse:{name}", "none"))
        await station.use("bench")
        try:
            return name, {finding.check: finding for finding in await microphone_part(station)}
        finally:
            await station.release("bench")

    return dict(await asyncio.gather(*(one(name) for name in names)))


def crying(found: Found) -> dict[str, Outcome]:
    """Return what is not green; that this PC is too busy to tell a clock is true of a test machine."""
    return {
        check: finding.outcome
        for check, finding in found.items()
        if finding.outcome is not Outcome.PASS
        and not (
            check == "M8" and finding.outcome is Outcome.CANNOT_TELL and "busy" in finding.cause
        )
    }


@pytest.fixture(scope="module")
def heard(bench: SoundBench) -> dict[str, Found]:
    room = talking()
    for name in ("hum", "hum60", "noise", "clipping", "muted", "low", "verylow", "dead", "faint"):
        bench.microphone(name)
    bench.microphone("narrow", rate_hz=8000)
    bench.microphone("wideband", rate_hz=16_000)
    bench.microphone("oneside", channels=2)
    bench.hears("hum", room + hum(50, -45))
    bench.hears("hum60", room_noise(-66) + hum(60, -50))
    bench.hears("noise", room_noise(-32))
    bench.hears("clipping", 8 * talking(-14, -84))
    bench.hears("muted", room)
    bench.hears("low", talking(-12, -50))
    bench.hears("verylow", room_noise(-66))
    bench.hears("faint", room_noise(-66) * 0 + 10 ** (-88 / 20) * np.sign(room_noise(-1)))
    bench.hears("narrow", talking(-24, -58))
    bench.hears("wideband", talking(-24, -58))
    bench.hears("oneside", room, np.zeros_like(room))
    bench.off_beat_microphone("offbeat", -81_250, room)
    bench.pulse.control("set-source-mute", "muted", "1")
    bench.pulse.control("set-source-volume", "low", "28%")
    bench.pulse.control("set-source-volume", "verylow", "8%")
    names = [name for name in FAULTS if name != "offbeat"]
    found: dict[str, Found] = {}
    for some in (names[:6], names[6:]):
        found |= asyncio.run(listen(*some))
    # On a busy machine the check says that it cannot tell a clock; then it is asked again.
    for _ in range(8):
        found |= asyncio.run(listen("offbeat"))
        if found["offbeat"]["M8"].outcome is not Outcome.CANNOT_TELL:
            break
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_nothing_else_cries(heard: dict[str, Found], fault: str) -> None:
    found = heard[fault]
    assert crying(found) == FAULTS[fault], [f for f in found.values() if f.check in crying(found)]
    for check in FAULTS[fault]:
        assert found[check].cause
        assert found[check].action


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_a_healthy_microphone_is_all_green(bench: SoundBench, seed: int) -> None:
    if seed == 0:
        bench.microphone("talks")
        bench.hears("talks", talking(-22))
        bench.microphone("quiet")
        bench.hears("quiet", room_noise(-70))
        bench.microphone("stereo", channels=2)
        bench.hears("stereo", talking(-25), talking(-26))
    for name, found in (await listen("talks", "quiet", "stereo")).items():
        assert crying(found) == {}, name
        wanted = {"M1", "M2", "M3", "M4", "M6", "M7", "M8", "M9"}
        assert wanted <= set(found), name


async def test_a_microphone_that_is_not_there_is_said_to_be_missing(bench: SoundBench) -> None:
    found = (await listen("nowhere"))["nowhere"]
    assert crying(found) == {"M1": FAIL}
    assert "connected" in found["M1"].cause


async def test_one_in_the_usual_ones_place_is_named(bench: SoundBench) -> None:
    station = Station(lambda _message: None)
    await station.choose(control.Devices("none", "prefer:pulse:usual\tMine", "none"))
    await station.use("bench")
    try:
        found = {finding.check: finding for finding in await microphone_part(station)}
    finally:
        await station.release("bench")
    assert found["M1"].outcome is WARN
    assert "last time" in found["M1"].cause


async def test_a_speaker_that_is_muted_in_the_system_is_not_called_good(bench: SoundBench) -> None:
    async def look() -> Finding:
        station = Station(lambda _message: None)
        await station.choose(control.Devices("none", "none", "id:pulse:clinic_spk"))
        await station.use("bench")
        try:
            (found,) = await speaker_part(station)
        finally:
            await station.release("bench")
        return found

    assert (await look()).outcome is Outcome.PASS
    bench.pulse.control("set-sink-mute", "clinic_spk", "1")
    try:
        muted = await look()
    finally:
        bench.pulse.control("set-sink-mute", "clinic_spk", "0")
    assert (muted.outcome, muted.cause) == (FAIL, SpeakerMuted.sentence)
    assert fix_for(muted) == Fix(FixKind.SETTINGS, SettingsPage.SOUND)
