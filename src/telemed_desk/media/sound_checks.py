"""The self-check's microphone and speaker part, on the devices that are open in the media process."""

import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.sound import (
    SoundObservation,
    is_clock_told,
    microphone_findings,
    speaker_findings,
    sweep_findings,
)
from telemed_desk.devices.checks.sound_levels import RATE_HZ
from telemed_desk.devices.checks.sound_sweep import SWEEP_S, agreed, listen_for_sweep, sweep
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import DeviceProblem, MicrophoneMuted, SpeakerMuted
from telemed_desk.devices.sound_watch import is_worn
from telemed_desk.devices.specs import DeviceKind, UseListed, parse_spec
from telemed_desk.devices.system_volume import channel_count, system_volume
from telemed_desk.media.ports import BLOCK_SAMPLES, SoundBlock
from telemed_desk.media.sources.sound_devices import DeviceMicrophone, DeviceSpeaker, open_stream
from telemed_desk.media.sources.sound_feeds import OnceFeed, Tape
from telemed_desk.media.station import Station

LISTEN_S = 3.0
LONGER_S = 5.0
"""Until the microphone's speed is certain: a sound server that hands blocks on unevenly blurs it."""
OPEN_S = 3.0
"""A sound server may take long to give the first block; it is not counted as listening."""
SETTLE_S = 0.3
"""What a device gives right after it was opened is often a click."""
SPEAKER_S = 2.0
MOST_LOSSES = 2
CHANNELS_S = 1.0
POLL_S = 0.05
GAP_S = 0.6
SWEEPS = 3
"""The first one wakes the devices: it came 327 ms late where those after it came 62 to 73 ms late."""

NO_EAR = "There is no microphone to hear the speaker with."
SAY_SO = "Say whether you heard the sweep."


def as_float(sound: SoundBlock) -> NDArray[np.float32]:
    """Return samples from -1 to 1."""
    return sound.astype(np.float32) / np.float32(32768)


async def microphone_part(station: Station, *, hurried: bool = False) -> list[Finding]:
    """Listen for three seconds and judge the microphone (M1 to M9).

    Args:
        station: Where it is open.
        hurried: Otherwise up to two seconds more, as long as its clock cannot be told.
    """
    microphone = station.raw_microphone
    if microphone is None:
        return [LIMITS["M1"].failed("No microphone is chosen.", "Choose one from the list.")]
    real = microphone if isinstance(microphone, DeviceMicrophone) else None
    await _until_heard(station)
    losses = real.losses if real is not None else 0
    tape = Tape()
    end = microphone.subscribe(tape.add)
    sides: list[NDArray[np.float32]] = []
    try:
        if real is not None:
            sides = await _sides(real)
        await _wait(lambda: tape.seconds >= LISTEN_S or _is_gone(station), LISTEN_S)
        if not hurried:
            more_s = LONGER_S - LISTEN_S
            await _wait(lambda: is_clock_told(*tape.clock()) or _is_gone(station), more_s)
    finally:
        end()
    counts, times_s = tape.clock()
    lost = real is not None and real.losses - losses > MOST_LOSSES
    return microphone_findings(
        SoundObservation(
            problem=station.problem(DeviceKind.MICROPHONE),
            samples=as_float(tape.sound()),
            system_volume=await _volume(real),
            channels=sides,
            # Sound that is lost all the time looks like a clock that is off; once or twice does not.
            counts=None if lost else counts,
            times_s=None if lost else times_s,
            usual=_is_usual(station, real),
        )
    )


async def _wait(done: Callable[[], bool], timeout_s: float) -> None:
    """Wait until something that other threads do is done, or the time is over."""
    until = time.monotonic() + timeout_s
    while True:
        if done() or time.monotonic() > until:
            return
        await asyncio.sleep(POLL_S)


def _is_gone(station: Station) -> bool:
    return station.problem(DeviceKind.MICROPHONE) not in ("", MicrophoneMuted.code)


async def _until_heard(station: Station) -> None:
    """Wait until the microphone gives sound, or it is known why not."""
    heard = threading.Event()
    microphone = station.raw_microphone
    if microphone is None:
        return
    end = microphone.subscribe(lambda _block, _taken_ns: heard.set())
    until = time.monotonic() + OPEN_S
    try:
        while time.monotonic() < until and not station.problem(DeviceKind.MICROPHONE):
            opened = not isinstance(microphone, DeviceMicrophone) or microphone.device is not None
            if opened and heard.is_set():
                await asyncio.sleep(SETTLE_S)
                return
            await asyncio.sleep(POLL_S)
    finally:
        end()


async def _volume(real: DeviceMicrophone | None) -> float | None:
    if real is None:
        return 1.0  # a stand-in has no volume of the system's
    if real.device is None:
        return None
    return await asyncio.to_thread(system_volume, DeviceKind.MICROPHONE, real.device)


def _is_usual(station: Station, real: DeviceMicrophone | None) -> bool:
    """Whether the microphone is the one that was used last, where one is remembered."""
    spec = parse_spec(DeviceKind.MICROPHONE, station.chosen.microphone)
    if real is None or real.device is None or not isinstance(spec, UseListed):
        return True
    return real.is_wanted


async def _sides(real: DeviceMicrophone) -> list[NDArray[np.float32]]:
    """Hear both channels of a stereo microphone for a second; nothing when it has but one."""
    device = real.device
    if device is None or await asyncio.to_thread(channel_count, device) != 2:
        return []
    blocks: list[NDArray[np.int16]] = []

    def keep(data: NDArray[np.int16], _frames: int, _times: object, _status: object) -> None:
        blocks.append(np.array(data))

    try:
        stream = await asyncio.to_thread(
            open_stream, DeviceKind.MICROPHONE, device, keep, channels=2
        )
    except DeviceProblem:
        return []  # a device that can be opened once only
    try:
        wanted = int(CHANNELS_S * RATE_HZ / BLOCK_SAMPLES)
        await _wait(lambda: len(blocks) >= wanted, OPEN_S)
    finally:
        await asyncio.to_thread(stream.close, ignore_errors=True)
    if not blocks:
        return []
    both = np.concatenate(blocks)
    return [as_float(both[:, side]) for side in range(2)]


async def speaker_part(station: Station) -> list[Finding]:
    """Judge a speaker by whether it takes sound (S1)."""
    before = station.pulled_samples
    await _wait(
        lambda: bool(station.problem(DeviceKind.SPEAKER)) or station.pulled_samples > before,
        SPEAKER_S,
    )
    problem = station.problem(DeviceKind.SPEAKER)
    if not problem and await _is_muted(station):
        problem = SpeakerMuted.code  # it may take sound before its own thread has looked
    return speaker_findings(problem, station.pulled_samples - before)


async def _is_muted(station: Station) -> bool:
    speaker = station.speaker
    if not isinstance(speaker, DeviceSpeaker) or speaker.device is None:
        return False
    return await asyncio.to_thread(system_volume, DeviceKind.SPEAKER, speaker.device) == 0


class SweepTrial:
    """Plays sweeps and listens for them. Once.

    Args:
        station: With its devices in use.
    """

    def __init__(self, station: Station) -> None:
        self._station = station
        piece = np.zeros(int((SWEEP_S + GAP_S) * RATE_HZ), np.int16)
        piece[: sweep().size] = np.rint(sweep() * 32767).astype(np.int16)
        self._piece_samples = piece.size
        lead = np.zeros(int(SETTLE_S * RATE_HZ), np.int16)
        self._lead_samples = lead.size
        self._feed = OnceFeed(np.concatenate((lead, *[piece] * SWEEPS, lead)))

    @property
    def share(self) -> float:
        """How much was played, 0 to 1."""
        return self._feed.share

    async def run(self) -> list[Finding]:
        """Play, listen, judge (S1 to S3); some 5 s."""
        station = self._station
        await asyncio.gather(_until_heard(station), speaker_part(station))
        plays = await speaker_part(station)
        if station.problem(DeviceKind.SPEAKER):
            return plays
        tape = Tape()
        microphone = station.raw_microphone
        problem = station.problem(DeviceKind.MICROPHONE)
        deaf = microphone is None or bool(problem)
        end = microphone.subscribe(tape.add) if microphone is not None else lambda: None
        station.play(self._feed)
        try:
            await _wait(lambda: self._feed.share >= 1, 3 * self._feed_s)
            # What is under way still.
            await asyncio.sleep(SETTLE_S)
        finally:
            station.play(None)
            end()
        if self._feed.begin_ns is None:
            return plays
        if deaf:
            cause = MicrophoneMuted.sentence if problem == MicrophoneMuted.code else NO_EAR
            return [LIMITS[check].unknown(cause, SAY_SO) for check in ("S1", "S2", "S3")]
        return await asyncio.to_thread(self._judge, tape)

    @property
    def _feed_s(self) -> float:
        return (2 * self._lead_samples + SWEEPS * self._piece_samples) / RATE_HZ

    def _judge(self, tape: Tape) -> list[Finding]:
        played_ns = self._feed.begin_ns or 0
        recording = as_float(tape.sound())
        first = (played_ns - tape.begin_ns()) * RATE_HZ / 1e9 + self._lead_samples
        heard = []
        for count in range(1, SWEEPS):
            start = round(first + count * self._piece_samples)
            cut = max(0, start - self._lead_samples)
            piece = recording[cut : start + 2 * self._piece_samples]
            heard.append(listen_for_sweep(piece, start - cut))
        together = agreed(*heard)
        speaker = self._station.speaker
        worn = (
            isinstance(speaker, DeviceSpeaker)
            and speaker.device is not None
            and is_worn(speaker.device)
        )
        cancels = self._station.takes_echo_out
        return sweep_findings(together, together.delay_s, worn=worn, cancels=cancels)
