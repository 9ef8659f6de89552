"""Microphones with one fault each, on a private sound server; and what a doctor's room sounds like."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.devices.private_pulse import PrivatePulse
from tests.support.media import make_speech

RATE_HZ = 48_000
SECONDS = 6
AHEAD_MS = 2000
Samples = NDArray[np.int16]


def as_samples(sound: NDArray[np.floating]) -> Samples:
    """From -1..1 to 16 bit, clipped."""
    return np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def room_noise(dbfs: float, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(RATE_HZ * SECONDS) * 10 ** (dbfs / 20)


def talking(dbfs: float = -24.0, noise_dbfs: float = -66.0, seed: int = 0) -> NDArray[np.float64]:
    """Somebody who speaks in a quiet room."""
    speech = make_speech(SECONDS, seed + 5).astype(np.float64)[: RATE_HZ * SECONDS]
    loud = speech[np.abs(speech) > 0.02 * np.abs(speech).max()]
    speech *= 10 ** (dbfs / 20) / np.sqrt((loud**2).mean())
    room = room_noise(noise_dbfs, seed)
    room[: speech.size] += speech
    return room


def hum(mains_hz: float, dbfs: float) -> NDArray[np.float64]:
    at = np.arange(RATE_HZ * SECONDS) / RATE_HZ
    waves = [np.sin(2 * np.pi * mains_hz * n * at) / n for n in (1, 2, 3)]
    return 10 ** (dbfs / 20) * np.sqrt(2) * np.sum(waves, axis=0)


class SoundBench:
    """Plugs microphones in and lets them hear something, until closed.

    Args:
        pulse: Where.
        folder: For the sounds, which are made up.
    """

    def __init__(self, pulse: PrivatePulse, folder: Path) -> None:
        self.pulse = pulse
        self._folder = folder
        self._players: list[subprocess.Popen[bytes]] = []
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def microphone(self, name: str, *, rate_hz: int = RATE_HZ, channels: int = 1) -> str:
        """Plug a microphone in; returns what unplugs it."""
        places = "mono" if channels == 1 else "front-left,front-right"
        feed = self.pulse.control(
            *("load-module", "module-null-sink", f"sink_name=feed_{name}", f"rate={rate_hz}"),
            *(f"channels={channels}", f"channel_map={places}"),
            f"sink_properties=device.description=Feed-{name}",
        )
        assert feed
        return self.pulse.control(
            *("load-module", "module-remap-source", f"source_name={name}"),
            *(f"master=feed_{name}.monitor", f"channels={channels}", f"channel_map={places}"),
            f"source_properties=device.description=Mic-{name}",
        )

    def hears(self, name: str, *channels: NDArray[np.floating]) -> None:
        """Let a microphone hear this again and again, until the bench is closed."""
        sound = np.stack([as_samples(one) for one in channels], axis=1).astype("<i2").tobytes()
        player = subprocess.Popen(
            [
                *("pacat", f"--device=feed_{name}", "--format=s16le", f"--rate={RATE_HZ}"),
                # A busy machine may wake it a second late: silence is another fault than the one meant.
                *(f"--channels={len(channels)}", f"--latency-msec={AHEAD_MS}"),
            ],
            stdin=subprocess.PIPE,
            env=os.environ | self.pulse.environment,
        )
        self._players.append(player)
        assert player.stdin is not None
        pipe = player.stdin

        def feed() -> None:
            with contextlib.suppress(OSError):  # it was ended
                while not self._closing.is_set():
                    pipe.write(sound)

        self._run(feed, f"feeds {name}")

    def off_beat_microphone(self, name: str, ppm: float, sound: NDArray[np.floating]) -> None:
        """Plug a microphone in whose clock is off: the server hands on what comes down a pipe."""
        pipe = self._folder / f"{name}.pipe"
        self.pulse.control(
            *("load-module", "module-pipe-source", f"source_name={name}", f"file={pipe}"),
            *("format=s16le", f"rate={RATE_HZ}", "channels=1"),
            f"source_properties=device.description=Mic-{name}",
        )
        samples = as_samples(sound)

        def write() -> None:
            # The server may close its end first.
            with contextlib.suppress(OSError), pipe.open("wb", buffering=0) as out:
                begin, at = time.monotonic(), 0
                while not self._closing.wait(0.004):
                    due = int((time.monotonic() - begin) * RATE_HZ * (1 + ppm / 1e6))
                    places = np.arange(at, due) % samples.size
                    out.write(samples[places].astype("<i2").tobytes())
                    at = due

        self._run(write, f"off-beat {name}")

    def _run(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def echo(self, loss_db: float, latency_ms: int) -> str:
        """Let ``clinic_mic`` hear ``clinic_spk``, so much weaker and so much later."""
        module = self.pulse.control(
            *("load-module", "module-loopback", "source=clinic_spk.monitor", "sink=micfeed"),
            *(f"latency_msec={latency_ms}", "adjust_time=0"),
        )
        inputs = self.pulse.control("list", "short", "sink-inputs").splitlines()
        mine = inputs[-1].split()[0]
        self.pulse.control("set-sink-input-volume", mine, f"-{loss_db}dB")
        return module

    def close(self) -> None:
        self._closing.set()
        for player in self._players:
            player.terminate()
        for player in self._players:
            player.wait(20)
        for thread in self._threads:
            thread.join(10)
        for player in self._players:
            with contextlib.suppress(OSError):  # what was not written any more
                if player.stdin is not None:
                    player.stdin.close()
