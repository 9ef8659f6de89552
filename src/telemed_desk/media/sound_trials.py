"""Sound tried with the doctor's help: five seconds recorded and played back, and the sweep.

The recording is held in memory here, for as long as the doctor looks at it; it is never written, and
never crosses to the desk.
"""

import asyncio
from collections.abc import Callable

from telemed_desk.devices.checks.sound import speaker_findings, voice_findings
from telemed_desk.devices.checks.sound_levels import clipped_percent
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import PROBLEMS
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.media.check_results import as_result
from telemed_desk.media.control import FromMedia
from telemed_desk.media.control_sound import SoundTrial, SoundTrialState
from telemed_desk.media.ports import SoundBlock
from telemed_desk.media.sound_checks import SweepTrial, as_float
from telemed_desk.media.sources.sound_feeds import OnceFeed, Tape
from telemed_desk.media.station import Station

RECORD_S = 5.0
OPEN_S = 5.0
"""How long devices may take to give or to take sound."""
TELL_S = 0.1


class SoundTrials:
    """Runs one trial at a time. On the loop.

    Args:
        station: Whose devices are used.
        send: Tells the desk.
    """

    def __init__(self, station: Station, send: Callable[[FromMedia], object]) -> None:
        self._station = station
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._recording: SoundBlock | None = None

    def start(self, message: SoundTrial, *, in_call: bool) -> None:
        """Begin a trial; what ran before ends."""
        before = self._task
        self._end()
        if message.what == "stop":
            self._recording = None
            self._tell(message.run, "done")
        elif in_call or (message.what == "play" and self._recording is None):
            self._tell(message.run, "refused")
        else:
            self._task = asyncio.create_task(self._run(message, before), name="sound-trial")

    def stop(self) -> None:
        """End what runs and forget the recording: a call begins."""
        self._end()
        self._recording = None

    async def close(self) -> None:
        """End, and wait for it."""
        self.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, message: SoundTrial, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        user = f"trial {message.run}"
        await self._station.use(user)
        try:
            match message.what:
                case "record":
                    findings = await self._record(message.run)
                case "play":
                    findings = await self._play(message.run)
                case _:
                    findings = await self._sweep(message.run)
            for finding in findings:
                self._send(as_result(message.run, finding))
        finally:
            await self._station.release(user)
            self._tell(message.run, "done")

    async def _record(self, run: str) -> list[Finding]:
        self._recording = None
        sent, raw = Tape(), Tape()
        sources = (self._station.microphone, self._station.raw_microphone)
        if sources[0] is None or sources[1] is None:
            return [LIMITS["M1"].failed("No microphone is chosen.", "Choose one from the list.")]
        self._tell(run, "recording")
        ends = [sources[0].subscribe(sent.add), sources[1].subscribe(raw.add)]
        try:
            loop = asyncio.get_running_loop()
            late = loop.time() + RECORD_S + OPEN_S
            while raw.seconds < RECORD_S and loop.time() < late:
                await asyncio.sleep(TELL_S)
                self._tell(run, "recording", min(1.0, raw.seconds / RECORD_S))
                if self._station.problem(DeviceKind.MICROPHONE):
                    break
        finally:
            for end in ends:
                end()
        problem = PROBLEMS.get(self._station.problem(DeviceKind.MICROPHONE))
        if problem is not None:
            return [LIMITS["M3"].failed(problem.sentence, problem.next_step)]
        self._recording = sent.sound()
        heard = as_float(raw.sound())
        clipped = LIMITS["M6"].judge(round(clipped_percent(heard), 3)) if heard.size else None
        return [*voice_findings(heard), *([clipped] if clipped is not None else [])]

    async def _play(self, run: str) -> list[Finding]:
        recording = self._recording
        if recording is None:
            return []
        feed = OnceFeed(recording)
        self._tell(run, "playing")
        self._station.play(feed)
        try:
            loop = asyncio.get_running_loop()
            late = loop.time() + RECORD_S + 2 * OPEN_S
            while feed.share < 1 and loop.time() < late:
                await asyncio.sleep(TELL_S)
                self._tell(run, "playing", feed.share)
                if self._station.problem(DeviceKind.SPEAKER):
                    return speaker_findings(self._station.problem(DeviceKind.SPEAKER), 0)
        finally:
            self._station.play(None)
        return []

    async def _sweep(self, run: str) -> list[Finding]:
        trial = SweepTrial(self._station)

        async def tell() -> None:
            while True:
                self._tell(run, "sweeping", trial.share)
                await asyncio.sleep(TELL_S)

        telling = asyncio.create_task(tell(), name="sweep-share")
        try:
            return await trial.run()
        finally:
            telling.cancel()

    def _tell(self, run: str, phase: str, share: float = 0.0) -> None:
        state = SoundTrialState(run, phase, share, self._recording is not None)  # type: ignore[arg-type]  # one of the words
        self._send(state)
