"""What may be written to choose a device."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.devices.specs import (
    DeviceKind,
    DeviceSpec,
    SpecNotUnderstood,
    UseDefault,
    UseFile,
    UseListed,
    UseNone,
    UseNull,
    UsePattern,
    UseTone,
    parse_spec,
)


@pytest.mark.parametrize(
    ("kind", "text", "spec"),
    [
        (DeviceKind.CAMERA, "default", UseDefault()),
        (DeviceKind.SPEAKER, "none", UseNone()),
        (DeviceKind.CAMERA, "id:/dev/v4l/by-id/usb-A:B", UseListed("/dev/v4l/by-id/usb-A:B")),
        (DeviceKind.CAMERA, "pattern", UsePattern(1280, 720, 30)),
        (DeviceKind.CAMERA, "pattern:640x360@15", UsePattern(640, 360, 15)),
        (DeviceKind.MICROPHONE, "tone", UseTone(440)),
        (DeviceKind.MICROPHONE, "tone:1000", UseTone(1000)),
        (DeviceKind.MICROPHONE, "file:/a b/c.wav", UseFile(Path("/a b/c.wav"))),
        (DeviceKind.SPEAKER, "file:out.wav", UseFile(Path("out.wav"))),
        (DeviceKind.SPEAKER, "null", UseNull()),
    ],
)
def test_every_kind_of_spec_is_understood(kind: DeviceKind, text: str, spec: DeviceSpec) -> None:
    assert parse_spec(kind, text) == spec


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (DeviceKind.CAMERA, ""),
        (DeviceKind.CAMERA, "Default"),
        (DeviceKind.CAMERA, "id:"),
        (DeviceKind.CAMERA, "null"),
        (DeviceKind.CAMERA, "tone"),
        (DeviceKind.CAMERA, "pattern:"),
        (DeviceKind.CAMERA, "pattern:641x360@30"),
        (DeviceKind.CAMERA, "pattern:640x360@0"),
        (DeviceKind.CAMERA, "pattern:99998x99998@30"),
        (DeviceKind.MICROPHONE, "pattern"),
        (DeviceKind.MICROPHONE, "tone:loud"),
        (DeviceKind.MICROPHONE, "tone:nan"),
        (DeviceKind.SPEAKER, "tone"),
        (DeviceKind.SPEAKER, "file:"),
        (DeviceKind.SPEAKER, "file:a\0b"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(kind: DeviceKind, text: str) -> None:
    with pytest.raises(SpecNotUnderstood):
        parse_spec(kind, text)


@given(kind=st.sampled_from(DeviceKind), text=st.text(max_size=60))
def test_any_text_is_understood_or_refused(kind: DeviceKind, text: str) -> None:
    try:
        spec = parse_spec(kind, text)
    except SpecNotUnderstood:
        return
    word = text.partition(":")[0]
    assert word in {"default", "none", "id", "file", "pattern", "tone", "null"}
    assert spec == parse_spec(kind, text)
