"""A sound server of a test's own: PulseAudio with a virtual speaker and microphone.

Its folder, socket and cookie are private; the user's own sound server is never asked or changed.
"""

import os
import subprocess
import time
from pathlib import Path

_CONFIG = """\
load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1
load-module module-null-sink sink_name=clinic_spk rate=48000 channels=1 \
sink_properties=device.description=ClinicSpeaker
load-module module-null-sink sink_name=micfeed rate=48000 channels=1 \
sink_properties=device.description=MicFeed
load-module module-remap-source source_name=clinic_mic master=micfeed.monitor \
source_properties=device.description=ClinicMic
set-default-sink clinic_spk
set-default-source clinic_mic
"""


class PrivatePulse:
    """Runs until closed. What is played to ``micfeed`` is heard by the microphone ``clinic_mic``."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        config = folder / "default.pa"
        config.write_text(_CONFIG.format(folder=folder))
        self.environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_SERVER": f"unix:{folder}/native",
        }
        for name in ("pulse", "state"):
            (folder / name).mkdir()
        self._log = (folder / "log").open("wb")
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "-F", str(config), "--daemonize=no", "--exit-idle-time=-1"),
                *("--use-pid-file=no", "--realtime=no", "--high-priority=no", "--disable-shm=yes"),
            ],
            env=os.environ | self.environment,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + 30
        while self._control("info").returncode != 0:
            assert self._server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the sound server does not answer"

    def control(self, *words: str) -> str:
        """Run pactl; return what it says."""
        done = self._control(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(20)
        self._log.close()

    def _control(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pactl", *words],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
