"""What is taken out of a text that leaves this PC, and what is not."""

import pytest

from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import PROBLEMS
from telemed_desk.devices.redaction import HIDDEN, redacted


@pytest.mark.parametrize(
    "secret",
    [
        "192.168.17.4",
        "10.0.0.1:3478",
        "2001:db8:85a3::8a2e:370:7334",
        "fe80::1ff:fe23:4567:890a%eth0",
        "aa:bb:cc:dd:ee:ff",
        "AA-BB-CC-DD-EE-FF",
        "https://desk.mto-mawe.example/healthz?x=1",
        "turn:relay.mto-mawe.example",
        "relay.mto-mawe.example",
        "mfano@clinic.example",
        "/home" + "/mfano/telemed",
        r"C:\Users\Jaribio\AppData",
        "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_7FA0B1CF-video-index0",
        "7FA0B1CF99",
        "SN20318844X",
        "4207733810",
        "+254 700 000 123",
    ],
)
def test_it_is_gone(secret: str) -> None:
    for text in (secret, f"Before {secret} after", f"({secret})", f"It is {secret}, so."):
        said = redacted(text)
        assert secret not in said
        assert HIDDEN in said
        for piece in secret.replace("/", " ").replace("\\", " ").replace(":", " ").split():
            if len(piece) > 5 and piece.lower() not in {
                "https",
                "appdata",
                "telemed",
                "healthz?x=1",
            }:
                assert piece not in said


def test_whose_device_it_is_goes_and_what_it_is_stays() -> None:
    assert redacted("Achieng's AirPods is muted") == f"{HIDDEN} AirPods is muted"


def test_known_names_go_whatever_their_case() -> None:
    said = redacted("Room4-PC of user Mfano, room4-pc", ("Room4-PC", "mfano"))
    assert "oom4" not in said
    assert "fano" not in said


def test_our_own_words_stay() -> None:
    for limit in LIMITS.values():
        for text in (limit.title, limit.cause, limit.action):
            assert redacted(text) == text
    for problem in PROBLEMS.values():
        assert redacted(problem.sentence) == problem.sentence
        assert redacted(problem.next_step) == problem.next_step
