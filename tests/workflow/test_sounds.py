"""Which microphone and speaker are used, what is remembered of them, and when the doctor is asked."""

import msgspec
import pytest

from telemed_desk.devices.problems import MicrophoneMissing, SpeakerAway, SpeakerUnplugged
from telemed_desk.media import control
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.sounds import SETTING, RememberedSound, Sounds, SpeakerQuestion

HEADSET = control.SoundDeviceSeen("id:pulse:headset\tHeadset", "Headset", worn=True)
LOUD = control.SoundDeviceSeen("id:pulse:loud\tLoudspeaker", "Loudspeaker")
NEAR = control.SoundDeviceSeen("id:pulse:near\tHeadset mic", "Headset mic")
ROOM = control.SoundDeviceSeen("id:pulse:room\tRoom mic", "Room mic")


def idle_core() -> CoreThread:
    """A core thread that is never started: what is called here is called on it."""
    core = CoreThread(lambda call: call(), lambda error: pytest.fail(repr(error)))
    core.loop.close()
    return core


class Desk:
    """A session's sounds with a real hub whose process was not started."""

    def __init__(
        self, stored: RememberedSound | None = None, devices: control.Devices | None = None
    ) -> None:
        self.settings = {} if stored is None else {SETTING: msgspec.msgpack.encode(stored)}
        self.hub = MediaHub(devices or control.Devices())
        self.sounds = Sounds(idle_core(), self.hub, self.settings.get, self.settings.__setitem__)
        self.sounds.recall()

    def plugged(
        self, *devices: control.SoundDeviceSeen, microphone: str = "", speaker: str = ""
    ) -> None:
        microphones = [one for one in devices if one in (NEAR, ROOM)]
        speakers = [one for one in devices if one in (HEADSET, LOUD)]
        self.sounds.on_media(control.SoundDevices(microphones, speakers, microphone, speaker))

    def speaker(self, code: str) -> None:
        self.sounds.on_media(control.DeviceState("speaker", "", code))

    @property
    def question(self) -> SpeakerQuestion | None:
        return self.sounds.state.value.question

    @property
    def remembered(self) -> RememberedSound:
        return msgspec.msgpack.decode(self.settings[SETTING], type=RememberedSound)

    def answer(self, *, use_other: bool) -> None:
        self.sounds._answer(use_other=use_other)

    def choose(self, **specs: str) -> None:
        """As the self-check's screen does; the media process then tells what it opened."""
        self.hub.use(msgspec.structs.replace(self.hub.devices, **specs))
        seen = self.sounds.state.value.seen
        self.sounds.on_media(msgspec.structs.replace(seen, **specs))


def test_a_new_pc_uses_what_the_system_would() -> None:
    desk = Desk()
    desk.plugged(ROOM, LOUD)
    assert desk.hub.devices == control.Devices()
    assert desk.settings == {}


def test_what_was_used_is_taken_again_by_the_next_session() -> None:
    desk = Desk()
    desk.plugged(NEAR, ROOM, HEADSET, LOUD, microphone=NEAR.spec, speaker=HEADSET.spec)
    assert desk.remembered == RememberedSound(NEAR.spec, HEADSET.spec)
    again = Desk(desk.remembered)
    assert again.hub.devices.microphone == "prefer:pulse:near\tHeadset mic"
    assert again.hub.devices.speaker == "prefer:pulse:headset\tHeadset"


def test_a_loudspeaker_that_nobody_chose_is_not_held_on_to() -> None:
    desk = Desk()
    desk.plugged(ROOM, LOUD, microphone=ROOM.spec, speaker=LOUD.spec)
    assert desk.remembered == RememberedSound(ROOM.spec, "")
    desk.choose(speaker=LOUD.spec)
    assert desk.remembered.speaker == LOUD.spec


def test_what_was_asked_for_at_the_start_stands() -> None:
    asked = control.Devices("none", "tone:500", "null")
    desk = Desk(RememberedSound(NEAR.spec, HEADSET.spec), asked)
    desk.plugged(NEAR, HEADSET)
    assert desk.hub.devices == asked


def test_what_a_newer_version_wrote_is_no_obstacle() -> None:
    hub = MediaHub(control.Devices())
    sounds = Sounds(idle_core(), hub, lambda _key: b"\xc1", lambda _key, _value: None)
    sounds.recall()
    assert hub.devices == control.Devices()


def test_a_microphone_in_anothers_place_is_not_remembered() -> None:
    desk = Desk(RememberedSound(NEAR.spec, ""))
    desk.plugged(ROOM, LOUD, microphone=ROOM.spec)
    assert desk.hub.devices.microphone == "prefer:pulse:near\tHeadset mic"
    desk.choose(microphone="id:pulse:room")
    assert desk.remembered.microphone == ROOM.spec  # with its name


def test_an_unplugged_headset_asks_and_comes_back() -> None:
    desk = Desk()
    desk.plugged(HEADSET, LOUD, speaker=HEADSET.spec)
    desk.speaker("")
    assert desk.question is None
    desk.plugged(LOUD, speaker=HEADSET.spec)
    desk.speaker(SpeakerUnplugged.code)
    assert desk.question == SpeakerQuestion("Headset", "Loudspeaker", LOUD.spec, worn=False)
    before = desk.hub.devices.speaker
    desk.answer(use_other=True)
    assert desk.hub.devices.speaker == LOUD.spec
    desk.speaker("")
    desk.plugged(LOUD, speaker=LOUD.spec)
    assert desk.question is None
    assert desk.remembered.speaker == HEADSET.spec  # the loudspeaker is there for now only
    desk.plugged(HEADSET, LOUD, speaker=LOUD.spec)
    assert desk.hub.devices.speaker == before


def test_a_choice_ends_the_loudspeakers_stand_in() -> None:
    desk = Desk(RememberedSound("", HEADSET.spec))
    desk.plugged(LOUD)
    desk.speaker(SpeakerAway.code)
    desk.answer(use_other=True)
    other = control.SoundDeviceSeen("id:pulse:desk\tDesk speaker", "Desk speaker")
    desk.sounds.on_media(control.SoundDevices([], [LOUD, other], "", LOUD.spec))
    desk.choose(speaker=other.spec)
    desk.sounds.on_media(control.SoundDevices([], [HEADSET, LOUD, other], "", other.spec))
    assert desk.hub.devices.speaker == other.spec
    assert desk.remembered.speaker == other.spec


def test_no_means_silence_until_something_changes() -> None:
    desk = Desk(RememberedSound("", HEADSET.spec))
    desk.plugged(LOUD)
    desk.speaker(SpeakerAway.code)
    assert desk.question is not None
    desk.answer(use_other=False)
    assert desk.question is None
    assert desk.hub.devices.speaker == "prefer:pulse:headset\tHeadset"
    desk.speaker(SpeakerAway.code)
    assert desk.question is None
    desk.plugged(LOUD, ROOM)
    assert desk.question is not None


def test_without_another_speaker_there_is_nothing_to_ask() -> None:
    desk = Desk(RememberedSound("", HEADSET.spec))
    desk.plugged(ROOM)
    desk.speaker(SpeakerAway.code)
    assert desk.question is None
    desk.sounds.on_media(control.DeviceState("microphone", "", MicrophoneMissing.code))
    assert desk.question is None


def test_the_next_clinician_is_asked_anew() -> None:
    desk = Desk(RememberedSound("", HEADSET.spec))
    desk.plugged(LOUD)
    desk.speaker(SpeakerAway.code)
    desk.answer(use_other=True)
    desk.sounds.close()
    assert desk.hub.devices.speaker == "prefer:pulse:headset\tHeadset"
