"""The sound path over PortAudio and PulseAudio, with an echo from the speaker to the microphone."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from telemed_desk.devices.listing import list_sound
from telemed_desk.devices.problems import SpeakerUnplugged
from telemed_desk.devices.sound_watch import is_worn
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.media import control
from telemed_desk.media.ports import SoundBlock
from telemed_desk.media.sources.opening import open_microphone, open_speaker
from telemed_desk.media.sources.sound_devices import DeviceMicrophone
from telemed_desk.media.station import Station
from tests.support.devices.private_pulse import PrivatePulse
from tests.support.media import make_speech
from tests.support.waiting import until

WAIT_S = 60.0
ECHO_DB = -15


@pytest.fixture
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePulse]:
    patch = pytest.MonkeyPatch()
    server = PrivatePulse(tmp_path_factory.mktemp("pulse"))
    for name, value in server.environment.items():
        patch.setenv(name, value)
    yield server
    patch.undo()
    server.close()


def lead_back(pulse: PrivatePulse) -> None:
    """Let the microphone hear the speaker, so much weaker and some 60 ms later."""
    module = pulse.control(
        *("load-module", "module-loopback", "source=clinic_spk.monitor", "sink=micfeed"),
        *("latency_msec=60", "adjust_time=0"),
    )
    inputs = pulse.control("list", "short", "sink-inputs").splitlines()
    assert inputs, "the loop does not play"
    assert module
    pulse.control("set-sink-input-volume", inputs[-1].split()[0], f"{ECHO_DB}dB")


class Speech:
    """What the call plays: the patient talks without end."""

    def __init__(self) -> None:
        self._sound = make_speech(20, 5)
        self._at = 0
        self.silent = False

    def pull(self, samples: int) -> SoundBlock:
        if self.silent:
            return np.zeros(samples, np.int16)
        at = (self._at + np.arange(samples)) % self._sound.size
        self._at += samples
        return self._sound[at]


class Tape:
    """Collects blocks."""

    def __init__(self) -> None:
        self._blocks: list[SoundBlock] = []
        self._lock = threading.Lock()

    def __call__(self, block: SoundBlock, _taken_ns: int) -> None:
        with self._lock:
            self._blocks.append(block)

    @property
    def seconds(self) -> float:
        return len(self._blocks) / 100

    def level_dbfs(self, seconds: float) -> float:
        """Of the last seconds."""
        with self._lock:
            sound = np.concatenate(self._blocks[-int(seconds * 100) :]).astype(float)
        return float(10 * np.log10((sound**2).mean() / 32768**2 + 1e-12))


async def test_the_patient_does_not_hear_the_echo(pulse: PrivatePulse) -> None:
    """Microphone hears speaker; what is sent does not contain it. The plain microphone does."""
    lead_back(pulse)
    told: list[control.FromMedia] = []
    station = Station(told.append)
    await station.choose(control.Devices("none", "id:pulse:clinic_mic", "id:pulse:clinic_spk"))
    station.play(Speech())
    await station.use("test")
    try:
        assert station.microphone is not None
        assert station.raw_microphone is not None
        sent, heard = Tape(), Tape()
        station.microphone.subscribe(sent)
        station.raw_microphone.subscribe(heard)

        def cancels() -> bool:
            return any(isinstance(m, control.SoundState) and m.cancels_echo for m in told)

        await until(cancels, "sound processing", WAIT_S)
        best = 0.0

        def enough() -> bool:
            nonlocal best
            if min(sent.seconds, heard.seconds) < 8:
                return False
            echo = heard.level_dbfs(3)
            assert echo < -20  # so much weaker
            if echo > -50:
                best = max(best, echo - sent.level_dbfs(3))
            return best >= 25

        try:
            await until(enough, "25 dB less echo", WAIT_S)
        except AssertionError:
            pytest.fail(f"only {best:.0f} dB less, {station.sound_figures()}")
        assert not station.level().speaking_while_muted
        assert 10 < station.sound_figures().latency_ms < 1000
    finally:
        await station.release("test")


def sink(pulse: PrivatePulse, name: str, description: str) -> str:
    return pulse.control(
        *("load-module", "module-null-sink", f"sink_name={name}", "rate=48000", "channels=1"),
        f"sink_properties=device.description={description}",
    )


class States:
    def __init__(self) -> None:
        self.codes: list[tuple[str, float]] = []

    def __call__(self, code: str, _detail: str) -> None:
        self.codes.append((code, time.monotonic()))

    @property
    def last(self) -> str:
        return self.codes[-1][0] if self.codes else "?"


async def test_an_unplugged_headset_does_not_play_on_through_the_loudspeaker(
    pulse: PrivatePulse,
) -> None:
    """As desktops are set up, the sound server moves streams of a device that is gone."""
    pulse.control("load-module", "module-rescue-streams")
    module = sink(pulse, "headset", "Headset")
    pulse.control("set-default-sink", "headset")
    states, speech = States(), Speech()
    speaker = open_speaker("default", speech.pull, states)
    loud = open_microphone("id:pulse:room", lambda _code, _detail: None)
    pulse.control(
        "load-module", "module-remap-source", "source_name=room", "master=clinic_spk.monitor"
    )
    assert speaker is not None
    assert loud is not None
    tape = Tape()
    loud.subscribe(tape)
    try:
        await until(lambda: states.last == "", "sound in the headset", WAIT_S)
        await until(lambda: tape.seconds > 1, "an ear at the loudspeaker", WAIT_S)
        pulse.control("unload-module", module)
        await until(lambda: states.last == SpeakerUnplugged.code, "a word about it", WAIT_S)
        before = tape.seconds
        await until(lambda: tape.seconds > before + 2, "two seconds of the loudspeaker", WAIT_S)
        assert tape.level_dbfs(1.5) < -90  # nothing of the patient is heard in the room
        sink(pulse, "headset", "Headset")
        await until(lambda: states.last == "", "sound in the headset again", WAIT_S)
    finally:
        speaker.close()
        loud.close()


async def test_a_headset_is_swapped_in_the_call_and_the_source_stays_the_same(
    pulse: PrivatePulse,
) -> None:
    """No renegotiation: who listens to the microphone goes on listening to the same source."""
    told: list[control.FromMedia] = []
    station = Station(told.append)
    pulse.control(
        "load-module", "module-remap-source", "source_name=other", "master=micfeed.monitor"
    )
    await station.choose(control.Devices("none", "id:pulse:clinic_mic", "id:pulse:clinic_spk"))
    await station.use("test")
    try:
        source = station.microphone
        assert source is not None
        tape = Tape()
        source.subscribe(tape)
        await until(lambda: tape.seconds > 0.5, "sound", WAIT_S)
        await station.choose(control.Devices("none", "id:pulse:other", "id:pulse:micfeed"))
        assert station.microphone is source
        before = tape.seconds
        await until(lambda: tape.seconds > before + 0.5, "sound of the other", WAIT_S)
        works = [m for m in told if isinstance(m, control.DeviceState) and not m.code]
        assert {m.name for m in works} >= {"id:pulse:other", "id:pulse:micfeed"}
    finally:
        await station.release("test")


def source(pulse: PrivatePulse, name: str) -> str:
    return pulse.control(
        *("load-module", "module-remap-source", f"source_name={name}", "master=micfeed.monitor")
    )


async def test_a_default_microphone_goes_over_to_another_and_comes_back(
    pulse: PrivatePulse,
) -> None:
    module = source(pulse, "headset_mic")
    pulse.control("set-default-source", "headset_mic")
    states = States()
    microphone = open_microphone("default", states)
    assert isinstance(microphone, DeviceMicrophone)

    def listens_to(name: str) -> bool:
        device = microphone.device
        return device is not None and device.address == name and states.last == ""

    tape = Tape()
    microphone.subscribe(tape)
    try:
        await until(lambda: listens_to("headset_mic"), "the headset", WAIT_S)
        pulse.control("unload-module", module)
        await until(lambda: listens_to("clinic_mic"), "the other microphone", WAIT_S)
        before = tape.seconds
        await until(lambda: tape.seconds > before + 0.5, "sound of it", WAIT_S)
        source(pulse, "headset_mic")
        await until(lambda: listens_to("headset_mic"), "the headset again", WAIT_S)
    finally:
        microphone.close()


def test_a_headset_is_known_by_its_form_or_its_name(pulse: PrivatePulse) -> None:
    sink(pulse, "a", "Jabra-Headset-40")
    pulse.control(
        *("load-module", "module-null-sink", "sink_name=b"),
        "sink_properties=device.form_factor=headphone",
    )
    worn = {d.address: is_worn(d) for d in list_sound(DeviceKind.SPEAKER)}
    assert worn == {"a": True, "b": True, "clinic_spk": False, "micfeed": False}
