"""A PC with which nothing is wrong, on a link with which nothing is wrong, and the real check on it."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.calls.figures import machine_spoilt
from benchmarks.healthy.rounds import Round
from benchmarks.prediction.check_end import Where
from benchmarks.prediction.one_link import CheckResult, checked, relay_spec
from benchmarks.prediction.programs import Program, program
from benchmarks.prediction.results import now_text
from telemed_desk.workflow.check_plan import CheckMode
from tests.support.devices.camera_double import CameraDouble
from tests.support.devices.camera_films import Film
from tests.support.devices.private_pulse import PrivatePulse
from tests.support.devices.sound_bench import SoundBench, talking
from tests.support.link.emulated import EmulatedLink
from tests.support.link.spec import LinkSpec
from tests.support.network.coturn import Coturn
from tests.support.network.town import House

LINK = LinkSpec(delay_ms=10, rate_kbps=20_000, queue_bytes=250_000)
MICROPHONE = "talks"


@dataclass(frozen=True)
class Bench:
    """Everything is plugged in, and the link is there."""

    link: EmulatedLink
    pc: Program

    async def round(self, number: int, source: str) -> Round:
        """Run a standard check, and tell what the machine had to do besides."""
        began = now_text()
        before = await self.link.counters()
        result: CheckResult = await checked(self.pc, self.link, CheckMode.STANDARD)
        after = await self.link.counters()
        meanwhile = {way: after[way].since(before[way]) for way in after}
        return Round(
            number=number,
            began=began,
            source=source,
            why_busy=machine_spoilt(result.busy_share, meanwhile),
            check=result,
        )


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Set it up, let the check run once for the camera's usual sharpness, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="telemed-healthy-") as name:
        folder = Path(name)
        (sounds := folder / "sound").mkdir()
        (films := folder / "camera").mkdir()
        pulse = PrivatePulse(sounds)
        sound = SoundBench(pulse, sounds)
        cameras = CameraDouble(films, [Film.DESK])
        try:
            sound.microphone(MICROPHONE)
            sound.hears(MICROPHONE, talking(-22))
            cameras.reset()
            cameras.set(film=Film.DESK)
            async with EmulatedLink(LINK, seed=1) as link:
                house = House(link.b.namespace, "em0", link.b.address, "")
                async with Coturn(house) as relay, _pc(link, relay, folder, pulse, cameras) as pc:
                    await checked(pc, link, CheckMode.QUICK)
                    yield Bench(link, pc)
        finally:
            sound.close()
            pulse.close()
            cameras.close()


@asynccontextmanager
async def _pc(
    link: EmulatedLink, relay: Coturn, folder: Path, pulse: PrivatePulse, cameras: CameraDouble
) -> AsyncIterator[Program]:
    files = relay.authority.parent
    pair = (str(files / "cert.pem"), str(files / "key.pem"))
    env = {"SSL_CERT_FILE": str(relay.authority), **pulse.environment}
    async with (
        program(link.b, folder, "far_end", str(folder), *pair, link.b.address) as far,
        program(link.a, folder, "check_end", env=env, cameras=cameras) as pc,
    ):
        served = msgspec.json.decode(await far.line())
        devices = ["default", f"id:pulse:{MICROPHONE}", "id:pulse:clinic_spk"]
        url = f"https://{link.b.address}:{served['port']}"
        where = Where(url, served["token"], [relay_spec(relay)], devices)
        await pc.say(msgspec.json.encode(where).decode())
        await pc.line()  # the media process is ready
        yield pc
