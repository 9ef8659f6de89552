"""Which cameras there are, whether it is still the same one, who has it, and when that changes."""

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.devices.cameras.holders import camera_holders
from telemed_desk.devices.cameras.listing import Places, list_cameras, plain_name
from telemed_desk.devices.cameras.permission import Consent, windows_consent
from telemed_desk.devices.cameras.remembering import find_again
from telemed_desk.devices.cameras.watch import CameraWatch, _names_a_camera
from telemed_desk.devices.listing import ListedDevice
from telemed_desk.devices.specs import DeviceKind, UseListed, listed_spec, parse_spec

WAIT_S = 30.0


class Bus:
    """A folder that looks like ``/dev`` and ``/sys`` of a PC with USB cameras."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.places = Places(folder / "dev", folder / "class")
        self.places.nodes.mkdir()
        self.places.classes.mkdir()

    def plug(
        self,
        node: int,
        name: str,
        *,
        port: str = "1-4",
        model: str = "046d:0825",
        serial: str = "",
        index: int = 0,
    ) -> None:
        interface = self._folder / "usb" / port / f"{port}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        vendor, _, product = model.partition(":")
        for field, text in (("idVendor", vendor), ("idProduct", product), ("serial", serial)):
            (interface.parent / field).write_text(f"{text}\n")
        about = self._about(node, name, index)
        (about / "device").symlink_to(interface)

    def plug_virtual(self, node: int, name: str) -> None:
        self._about(node, name, 0)

    def _about(self, node: int, name: str, index: int) -> Path:
        about = self.places.classes / f"video{node}"
        about.mkdir()
        (about / "name").write_text(name + "\n")
        (about / "index").write_text(f"{index}\n")
        (self.places.nodes / f"video{node}").touch()
        return about

    def cameras(self) -> list[ListedDevice]:
        return list_cameras(self.places)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


# ---- names and ids -------------------------------------------------------------------------------


def test_cameras_have_names_and_ids_that_do_not_depend_on_their_number(bus: Bus) -> None:
    bus.plug(2, "HD Webcam C270: HD Webcam C270", port="1-4.2", serial="5E2F")
    bus.plug(3, "HD Webcam C270: HD Webcam C270", port="1-4.2", serial="5E2F", index=1)
    bus.plug(10, "Integrated Camera: Integrated C", port="1-6", model="04f2:b6cb")
    bus.plug_virtual(4, "OBS Virtual Camera")
    assert [(camera.name, camera.stable_id) for camera in bus.cameras()] == [
        ("HD Webcam C270", "usb:046d:0825:5E2F@1-4.2:1.0"),
        ("OBS Virtual Camera", "virtual:OBS Virtual Camera"),
        ("Integrated Camera", "usb:04f2:b6cb:@1-6:1.0"),
    ]


def test_two_of_a_model_can_be_told_apart(bus: Bus) -> None:
    bus.plug(0, "Webcam", port="1-1")
    bus.plug(2, "Webcam", port="1-2")
    cameras = bus.cameras()
    assert [camera.name for camera in cameras] == ["Webcam", "Webcam (2)"]
    assert len({camera.stable_id for camera in cameras}) == 2


def test_a_node_that_the_kernel_says_nothing_of_is_listed_by_its_path(bus: Bus) -> None:
    (bus.places.nodes / "video7").touch()
    (bus.places.nodes / "video").touch()
    (camera,) = bus.cameras()
    assert camera.stable_id == camera.address == str(bus.places.nodes / "video7")


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("HD Webcam: HD Webcam", "HD Webcam"),
        ("Integrated Camera: Integrated C", "Integrated Camera"),
        ("Logitech: StreamCam", "Logitech: StreamCam"),
        ("UVC Camera (046d:0825)", "UVC Camera (046d:0825)"),
        ("", ""),
    ],
)
def test_names_are_said_once(told: str, shown: str) -> None:
    assert plain_name(told) == shown


# ---- taken again ---------------------------------------------------------------------------------


def camera(stable_id: str, name: str = "Webcam", address: str = "/dev/video0") -> ListedDevice:
    return ListedDevice(DeviceKind.CAMERA, stable_id, name, address)


HERE = "usb:046d:0825:@1-4:1.0"
ELSEWHERE = "usb:046d:0825:@2-1:1.0"
WITH_SERIAL = "usb:046d:0825:5E2F@1-4:1.0"


@pytest.mark.parametrize(
    ("listed", "wanted", "expected"),
    [
        # The same port, whatever else is there.
        ([camera(ELSEWHERE), camera(HERE)], (HERE, "Webcam"), 1),
        # Another port: by serial number, or as the only one of its model.
        ([camera("usb:046d:0825:5E2F@2-1:1.0")], (WITH_SERIAL, ""), 0),
        ([camera(ELSEWHERE)], (HERE, ""), 0),
        # Two of a model in other ports: nobody knows which.
        ([camera(ELSEWHERE), camera("usb:046d:0825:@2-2:1.0", "Webcam (2)")], (HERE, ""), None),
        # Another device with a serial number is another device, be it of the same name.
        ([camera("usb:046d:0825:OTHER@1-4:1.0")], (WITH_SERIAL, "Webcam"), None),
        # A firmware update may change the model's number; its name finds it.
        ([camera("usb:046d:0826:@1-4:1.0")], (HERE, "Webcam"), 0),
        ([camera("usb:046d:0826:@1-4:1.0", "Other")], (HERE, "Webcam"), None),
        # As older versions and IT people write it.
        ([camera(HERE, address="/dev/video3")], ("/dev/video3", ""), 0),
        ([camera(HERE, address="/dev/video3")], ("/dev/video9", ""), None),
        ([], (HERE, "Webcam"), None),
    ],
)
def test_a_remembered_camera_is_found_or_not_guessed(
    listed: list[ListedDevice], wanted: tuple[str, str], expected: int | None
) -> None:
    found = find_again(listed, *wanted)
    assert found == (None if expected is None else listed[expected])


def test_what_is_remembered_can_be_written_down() -> None:
    spec = listed_spec(HERE, "HD Webcam: left")
    assert parse_spec(DeviceKind.CAMERA, spec) == UseListed(HERE, "HD Webcam: left")


# ---- who has it ----------------------------------------------------------------------------------

_HOLD = "import sys; file = open(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Path]:
    """A program that has a camera node open, and is called as a program that people know."""
    node = tmp_path / "video0"
    node.touch()
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(node)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield node
    process.communicate(timeout=WAIT_S)


def test_the_program_that_has_a_camera_is_found(holder: Path) -> None:
    (name,) = camera_holders(str(holder))
    assert name.startswith("python")


def test_this_program_and_those_with_other_files_are_not_named(
    tmp_path: Path, holder: Path
) -> None:
    other = tmp_path / "other" / "video0"
    other.parent.mkdir()
    other.touch()
    with other.open():
        assert camera_holders(str(other)) == []
    assert camera_holders(str(tmp_path / "video1")) == []


def test_services_are_not_what_people_can_close(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch()
    for number, program in (("11", "wireplumber"), ("12", "firefox-esr"), ("13", "zoom")):
        process = tmp_path / "proc" / number
        (process / "fd").mkdir(parents=True)
        (process / "fd" / "7").symlink_to(node)
        (process / "comm").write_text(program + "\n")
    (tmp_path / "proc" / "self").mkdir()
    assert camera_holders(str(node), tmp_path / "proc") == ["Firefox", "Zoom"]


# ---- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "person", "desktop", "expected"),
    [
        ("Allow", "Allow", "Allow", Consent.ALLOWED),
        ("Allow", "Allow", "Deny", Consent.DENIED),
        ("Allow", "Deny", "Allow", Consent.SWITCHED_OFF),
        ("Deny", "Allow", "Allow", Consent.SWITCHED_OFF),
        (None, None, None, Consent.UNKNOWN),
        ("Allow", None, None, Consent.ALLOWED),
    ],
)
def test_windows_switches(
    machine: str | None, person: str | None, desktop: str | None, expected: Consent
) -> None:
    def value_of(hive: str, path: str) -> str | None:
        if hive == "HKLM":
            return machine
        return desktop if path.endswith("NonPackaged") else person

    assert windows_consent(value_of) is expected


# ---- coming and going ----------------------------------------------------------------------------


def test_a_camera_that_comes_or_goes_is_told_of(tmp_path: Path) -> None:
    told = threading.Event()
    end = CameraWatch(tmp_path).subscribe(told.set)
    try:
        assert told.wait(WAIT_S), "what was there before"
        for change in (
            (tmp_path / "video0").touch,
            lambda: (tmp_path / "video0").chmod(0o600),
            (tmp_path / "video0").unlink,
        ):
            told.clear()
            change()
            assert told.wait(WAIT_S)
    finally:
        end()


def test_only_camera_nodes_are_news() -> None:
    def event(name: bytes) -> bytes:
        padded = name.ljust(16, b"\0")
        return struct.pack("iIII", 1, 0x100, 0, len(padded)) + padded

    assert not _names_a_camera(event(b"sda1") + event(b"v4l"))
    assert _names_a_camera(event(b"sda1") + event(b"video3"))
    assert not _names_a_camera(b"")


def test_the_watch_ends_with_its_last_listener(tmp_path: Path) -> None:
    watch = CameraWatch(tmp_path)
    before = set(threading.enumerate())
    end = watch.subscribe(lambda: None)
    seen = threading.Event()
    end_other = watch.subscribe(seen.set)
    (mine,) = set(threading.enumerate()) - before
    end()
    (tmp_path / "video3").touch()
    assert seen.wait(WAIT_S), "the other one still hears"
    end_other()
    mine.join(WAIT_S)
    assert not mine.is_alive()


def test_without_inotify_the_list_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listed: list[ListedDevice] = []
    monkeypatch.setattr("telemed_desk.devices.cameras.watch._inotify", lambda _folder: None)
    monkeypatch.setattr("telemed_desk.devices.cameras.watch.LOOK_S", 0.02)
    monkeypatch.setattr("telemed_desk.devices.cameras.watch.list_cameras", lambda: list(listed))
    told = threading.Event()
    end = CameraWatch(tmp_path).subscribe(told.set)
    try:
        listed.append(camera(HERE))
        assert told.wait(WAIT_S)
    finally:
        end()
