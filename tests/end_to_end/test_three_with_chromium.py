"""Three people, with our page in a browser: as the patient, and as a carer with a link of their own."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from telemed_desk.clinical.queue import Role
from telemed_desk.media.control import Devices
from tests.end_to_end.headless_desk import (
    HeadlessDesk,
    new_vault,
    running_desk,
    running_server,
    until,
)
from tests.end_to_end.headless_patient import headless_patient_at
from tests.end_to_end.patient import CALL_S, Patient, patient_at
from tests.end_to_end.steps import arrived, in_call, visit
from tests.end_to_end.test_three_people import (
    COLLEAGUE,
    DOCTOR,
    PATIENT,
    TONES,
    devices,
    invite,
    joined,
)
from tests.media.process.sides import tones_in
from tests.support.tab import Tab

HEARS = """(async () => {
  const tracks = document.querySelector('#remote').srcObject.getAudioTracks();
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 16384;
  analyser.smoothingTimeConstant = 0;
  context.createMediaStreamSource(new MediaStream(tracks)).connect(analyser);
  await new Promise((done) => setTimeout(done, 1500));
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const rate = context.sampleRate;
  context.close();
  return HZ.map((hz) => {
    const bin = Math.round((hz * 16384) / rate);
    return Math.max(...levels.slice(bin - 2, bin + 3));
  });
})()"""
AUDIBLE_DB = -60.0
NAMES = "document.querySelector('h1').textContent"


async def hears(page: Tab, tones: set[int]) -> None:
    """Wait until exactly these of the three tones are in what the page plays."""
    asked = (DOCTOR, PATIENT, COLLEAGUE)
    heard: set[int] = set()
    sound = "(v => v && v.srcObject && v.srcObject.getAudioTracks().length)"
    await page.wait_for(f"{sound}(document.querySelector('#remote'))", CALL_S)
    for _ in range(20):
        levels = await page.evaluate(HEARS.replace("HZ", str(list(asked))))
        heard = {
            hz
            for hz, level in zip(asked, levels, strict=True)
            if level is not None and level > AUDIBLE_DB
        }
        if heard == tones:
            return
    raise AssertionError(f"hears {heard}, not {tones}")


def connected_since(desk: HeadlessDesk, call: str) -> Callable[[], bool]:
    return lambda: (visit(desk).call, visit(desk).phase) == (call, "connected")


async def test_a_patient_with_a_browser_meets_a_colleague_who_is_killed_and_leaves(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server:
        vault = await new_vault(tmp_path / "a", server)
        elsewhere = await new_vault(tmp_path / "b", server, name="Dr Amani Kielelezo")
        async with (
            running_desk(vault, server.origin, devices(DOCTOR, tmp_path / "doctor.wav")) as desk,
            running_desk(
                elsewhere, server.origin, devices(COLLEAGUE, tmp_path / "colleague.wav")
            ) as colleague,
        ):
            link = await desk.link()
            async with patient_at(link.url) as patient:
                await in_call(desk, patient, await arrived(desk, patient))
                await hears(patient.page, {DOCTOR})
                call = visit(desk).call
                people = desk.session.people
                colleague.session.people.join(await invite(desk, Role.COLLEAGUE))
                await until(lambda: people.state.value.waiting, "the colleague waits")
                people.admit(people.state.value.waiting[0].seat)
                await hears(patient.page, {DOCTOR, COLLEAGUE})
                await patient.page.wait_for(f"{NAMES}.includes('Dr Amani Kielelezo (clinician)')")
                await until(
                    lambda: tones_in(tmp_path / "colleague.wav", TONES) == {DOCTOR},
                    "the colleague hears the doctor, not themself",
                )
                await until(lambda: joined(colleague).stats, "the colleague sees")

                pid = colleague.hub.process.pid
                assert pid is not None
                leg = people.state.value.there[0].call
                os.kill(pid, signal.SIGKILL)
                await until(
                    lambda: (
                        people.state.value.there[0].call != leg
                        and people.state.value.there[0].phase == "connected"
                    ),
                    "the colleague is called anew",
                )
                await hears(patient.page, {DOCTOR, COLLEAGUE})
                colleague.session.people.leave_joined()
                await until(lambda: not people.state.value.there, "the colleague has left")
                await hears(patient.page, {DOCTOR})
                await patient.page.wait_for(f"!{NAMES}.includes('Amani')")
                assert connected_since(desk, call)()
                await patient.sees_the_doctor()


async def join_as_guest(carer: Patient, name: str) -> None:
    """Walk our page as somebody whose link is not the patient's: a name, and no year of birth."""
    page = carer.page
    await page.click("#continue")
    await page.wait_visible("#name")
    assert not await page.evaluate("Boolean(document.querySelector('#year'))")
    await page.type("#name", name)
    await page.click("#continue")
    await page.click("#allow")
    await carer.to_the_room()


async def test_a_carer_joins_with_a_browser_and_is_let_in_and_out(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(
            vault, server.origin, devices(DOCTOR, tmp_path / "doctor.wav")
        ) as desk:
            phone = Devices("pattern:320x180@10", f"tone:{PATIENT}", f"file:{tmp_path}/patient.wav")
            link = await desk.link()
            async with headless_patient_at(link.url, phone) as patient:
                await patient.join(1959)
                await until(lambda: desk.session.room.value.waiting, "the patient arrives")
                desk.session.start_visit(desk.session.room.value.waiting[0].seat)
                await patient.sees_the_doctor()
                async with patient_at(await invite(desk, Role.CARER)) as carer:
                    await join_as_guest(carer, "Wairimu Mfano")
                    people = desk.session.people
                    await until(lambda: people.state.value.waiting, "the carer waits")
                    guest = people.state.value.waiting[0]
                    assert (guest.name, guest.role) == ("Wairimu Mfano", Role.CARER)
                    assert not desk.session.room.value.waiting  # no patient of that name on Today
                    people.admit(guest.seat)
                    await hears(carer.page, {DOCTOR, PATIENT})
                    await carer.page.wait_for(f"{NAMES}.includes('Nyambura (patient)')")
                    await until(
                        lambda: [p.name for p in patient.people] == ["Wairimu Mfano"],
                        "the patient is told",
                    )
                    people.remove(guest.seat)
                    await carer.page.wait_for("!document.querySelector('#remote')")
                    await until(lambda: not patient.people, "the patient is told again")
                    assert visit(desk).phase == "connected"
