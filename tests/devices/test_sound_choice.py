"""A sound device is found again by id or name, never by guessing; what systems say of permission."""

import pytest

from telemed_desk.devices.listing import ListedDevice, find_sound
from telemed_desk.devices.problems import (
    MicrophoneDenied,
    MicrophoneFailed,
    MicrophoneMissing,
    SpeakerMissing,
)
from telemed_desk.devices.sound_permission import microphone_refused, windows_denies
from telemed_desk.devices.specs import (
    DeviceKind,
    SpecNotUnderstood,
    UseListed,
    listed_spec,
    parse_spec,
    preferred_spec,
)
from telemed_desk.devices.system_volume_elsewhere import mac_volume, windows_volume

STORE = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone"


def device(stable_id: str, name: str) -> ListedDevice:
    return ListedDevice(DeviceKind.MICROPHONE, stable_id, name, stable_id)


def test_the_id_decides_then_a_name_that_only_one_has() -> None:
    first, second = device("pulse:a", "Headset"), device("pulse:b", "Headset")
    third = device("pulse:c", "Room")
    assert find_sound([first, second, third], "pulse:b", "Room") is second
    assert find_sound([first, second, third], "pulse:gone", "Room") is third
    assert find_sound([first, second, third], "pulse:gone", "Headset") is None
    assert find_sound([first, second, third], "pulse:gone") is None


def test_a_preferred_device_is_written_like_a_chosen_one() -> None:
    chosen = listed_spec("pulse:a", "Headset")
    assert parse_spec(DeviceKind.SPEAKER, chosen) == UseListed("pulse:a", "Headset")
    preferred = preferred_spec(chosen)
    assert parse_spec(DeviceKind.SPEAKER, preferred) == UseListed("pulse:a", "Headset", firm=False)
    for other in ("default", "none", "null", preferred):
        assert preferred_spec(other) == other
    with pytest.raises(SpecNotUnderstood):
        parse_spec(DeviceKind.CAMERA, preferred)


@pytest.mark.parametrize(
    ("values", "denied"),
    [
        ({}, False),
        ({("HKLM", STORE): "Allow", ("HKCU", STORE): "Allow"}, False),
        ({("HKLM", STORE): "Deny"}, True),
        ({("HKCU", STORE): "Deny"}, True),
        ({("HKCU", STORE): "Allow", ("HKCU", STORE + r"\NonPackaged"): "Deny"}, True),
    ],
)
def test_windows_switches(values: dict[tuple[str, str], str], denied: bool) -> None:
    assert windows_denies(lambda hive, path: values.get((hive, path))) is denied


def test_a_refusal_is_only_looked_for_where_it_could_be_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telemed_desk.devices.sound_permission.microphone_denied", lambda: True)
    assert isinstance(microphone_refused(MicrophoneMissing("x")), MicrophoneDenied)
    assert isinstance(microphone_refused(MicrophoneFailed("x")), MicrophoneDenied)
    assert isinstance(microphone_refused(SpeakerMissing("x")), SpeakerMissing)


def test_elsewhere_what_cannot_be_told_is_none() -> None:
    assert windows_volume(DeviceKind.MICROPHONE, "Headset") is None
    assert mac_volume(DeviceKind.SPEAKER) is None
