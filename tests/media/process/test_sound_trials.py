"""Sound tried with the doctor's help, and devices that come and go, told by the real media process."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from telemed_desk.devices.problems import MicrophoneDenied, SpeakerAway, SpeakerUnplugged
from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from tests.support.devices.media_desk import ListeningDesk
from tests.support.devices.private_pulse import PrivatePulse
from tests.support.devices.sound_bench import SoundBench, talking

DEVICES = control.Devices("none", "id:pulse:clinic_mic", "id:pulse:clinic_spk")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundBench]:
    pulse = PrivatePulse(tmp_path)
    for name, value in pulse.environment.items():
        monkeypatch.setenv(name, value)
    made = SoundBench(pulse, tmp_path)
    yield made
    made.close()
    pulse.close()


@pytest.fixture
async def desk() -> ListeningDesk:
    return ListeningDesk()


@pytest.fixture
async def media(bench: SoundBench, desk: ListeningDesk) -> AsyncIterator[MediaProcess]:
    process = desk.media()
    await process.start()
    process.send(DEVICES)
    yield process
    await process.stop()


async def trial(
    desk: ListeningDesk, media: MediaProcess, run: str, what: str
) -> dict[str, control.CheckResult]:
    media.send(control.SoundTrial(run, what))  # type: ignore[arg-type]  # one of the words
    await desk.first(control.SoundTrialState, lambda s: s.run == run and s.phase == "done")
    return {r.check: r for r in desk.of(control.CheckResult) if r.run == run}


async def test_the_sweep_tells_echo_and_delay(
    desk: ListeningDesk, media: MediaProcess, bench: SoundBench
) -> None:
    media.send(control.Preview(on=True))
    deaf = await trial(desk, media, "no echo", "sweep")
    assert (deaf["S1"].outcome, deaf["S2"].outcome) == ("fail", "cannot-tell")
    assert "headset" in deaf["S1"].action
    module = bench.echo(20, 60)
    found = await trial(desk, media, "echo", "sweep")
    assert found["S1"].outcome == "pass"
    assert found["S3"].value == pytest.approx(20, abs=1)
    assert found["S3"].outcome == "pass"
    near = found["S2"].value
    assert near is not None
    bench.pulse.control("unload-module", module)
    bench.echo(35, 260)
    late = await trial(desk, media, "late", "sweep")
    assert late["S3"].outcome == "pass"
    assert late["S2"].value is not None
    # What the devices and the server add is the same both times.
    assert late["S2"].value - near == pytest.approx(200, abs=60)


async def test_five_seconds_are_recorded_and_played_back(
    desk: ListeningDesk, media: MediaProcess, bench: SoundBench, tmp_path: Path
) -> None:
    media.send(control.SoundTrial("nothing", "play"))
    await desk.first(control.SoundTrialState, lambda s: s.run == "nothing" and s.phase == "refused")
    bench.microphone("talks")
    bench.hears("talks", talking(-22))
    media.send(control.Devices("none", "id:pulse:talks", "id:pulse:clinic_spk"))
    before = files_below(tmp_path)
    found = await trial(desk, media, "take", "record")
    assert found["M5"].outcome == "pass"
    assert found["M6"].outcome == "pass"
    with open_ear(bench) as ear:
        assert ear.stdout is not None
        hearing = asyncio.create_task(asyncio.to_thread(ear.stdout.read))
        await trial(desk, media, "back", "play")
        ear.terminate()
        raw = await hearing
        heard = np.frombuffer(raw[: len(raw) // 2 * 2], np.int16)
    pieces = np.abs(heard[: heard.size // 480 * 480].reshape(-1, 480).astype(np.int32))
    assert (pieces.max(axis=1) > 500).sum() > 200  # two seconds of words in five of a recording
    states = [s for s in desk.of(control.SoundTrialState) if s.run == "back"]
    assert states[-1].can_play
    await trial(desk, media, "forget", "stop")
    assert not desk.of(control.SoundTrialState)[-1].can_play
    assert files_below(tmp_path) - before <= {"talks.raw"}


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def open_ear(bench: SoundBench) -> "subprocess.Popen[bytes]":
    """Record what the loudspeaker plays."""
    return subprocess.Popen(
        ["parec", "--device=clinic_spk.monitor", "--format=s16le", "--rate=48000", "--channels=1"],
        env=bench.pulse.environment | {"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
    )


async def test_a_call_ends_a_trial_and_refuses_the_next(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(control.SoundTrial("first", "record"))
    await desk.first(control.SoundTrialState, lambda s: s.phase == "recording" and s.share > 0)
    media.send(control.StartCall("c", offer=True))
    await desk.first(control.SoundTrialState, lambda s: s.run == "first" and s.phase == "done")
    media.send(control.SoundTrial("second", "sweep"))
    await desk.first(control.SoundTrialState, lambda s: s.run == "second" and s.phase == "refused")
    assert not desk.of(control.SoundTrialState)[-1].can_play


async def test_what_is_plugged_in_is_told(
    desk: ListeningDesk, media: MediaProcess, bench: SoundBench
) -> None:
    def names() -> set[str]:
        return {m.name for m in desk.of(control.SoundDevices)[-1].microphones}

    first = await desk.first(control.SoundDevices)
    assert [m.name for m in first.microphones] == ["ClinicMic"]
    for _ in range(3):
        module = bench.microphone("usb")
        await desk.until(lambda: "Mic-usb" in names(), "a microphone that was plugged in")
        bench.pulse.control("unload-module", module)
        await desk.until(lambda: "Mic-usb" not in names(), "that it was pulled out")


async def test_a_headset_that_is_away_is_not_replaced_by_the_loudspeaker(
    desk: ListeningDesk, media: MediaProcess, bench: SoundBench
) -> None:
    """Before a call: nothing was opened yet in this process."""
    media.send(control.Devices("none", "none", "prefer:pulse:headset\tHeadset"))
    media.send(control.Preview(on=True))
    await desk.first(control.DeviceState, lambda s: s.code == SpeakerAway.code)
    headset = bench.pulse.control(
        *("load-module", "module-null-sink", "sink_name=headset2"),
        "sink_properties=device.description=Headset",  # another port: found by its name
    )
    await desk.first(control.DeviceState, lambda s: s.kind == "speaker" and s.code == "")
    bench.pulse.control("unload-module", headset)
    await desk.first(control.DeviceState, lambda s: s.code == SpeakerUnplugged.code)
    media.send(control.Devices("none", "none", "id:pulse:clinic_spk"))
    await desk.until(
        lambda: desk.of(control.SoundDevices)[-1].speaker.startswith("id:pulse:clinic_spk"),
        "the speaker that was chosen",
    )


async def test_a_sound_server_that_turns_us_away_is_not_called_a_missing_microphone(
    desk: ListeningDesk, bench: SoundBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Not over a Unix socket: there the same user is always let in.
    bench.pulse.control(
        "load-module", "module-native-protocol-tcp", f"port={port}", "listen=127.0.0.1"
    )
    other = tmp_path / "another.cookie"
    other.write_bytes(bytes(256))
    monkeypatch.setenv("PULSE_SERVER", f"tcp:127.0.0.1:{port}")
    monkeypatch.setenv("PULSE_COOKIE", str(other))
    process = desk.media()
    await process.start()
    try:
        process.send(control.Devices("none", "default", "none"))
        process.send(control.Preview(on=True))
        state = await desk.first(control.DeviceState, lambda s: s.kind == "microphone")
        assert state.code == MicrophoneDenied.code
    finally:
        await process.stop()
