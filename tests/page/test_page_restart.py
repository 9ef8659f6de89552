"""An offer with the same call and a higher revision restarts ICE and keeps the connection.

Another Chromium tab is the doctor here: aiortc alone cannot restart.
"""

import json

import pytest

from telemed_protocol.talk import Answer, Candidate, NeedPath, Offer
from tests.page.visit import CALL_S, Practice, Visit, visiting
from tests.support.page import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

_DOCTOR = """(async () => {
  const pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  window.pc = pc;
  pc.onicecandidate = e => telemedEmit(JSON.stringify(e.candidate));
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  for (const track of stream.getTracks().sort((a, b) => a.kind < b.kind ? -1 : 1))
    pc.addTransceiver(track, {direction: 'sendrecv', streams: [stream]});
  pc.addTransceiver('video', {direction: 'inactive'});
  pc.createDataChannel('desk');
})()"""
_OFFER = """(async restart => {
  if (restart) pc.restartIce();
  await pc.setLocalDescription(await pc.createOffer());
  return pc.localDescription.sdp;
})(%s)"""


def _ufrag(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=ice-ufrag:"))


async def _offer(visit: Visit, doctor: Page, revision: int) -> Answer:
    seen = len(visit.desk.inbox)
    sdp = await doctor.evaluate(_OFFER % ("true" if revision else "false"))
    await visit.desk.say(Offer("only", revision, sdp))
    answer = await visit.desk.expect(Answer, revision + 1)
    assert (answer.call, answer.revision) == ("only", revision)
    await doctor.evaluate(
        f"pc.setRemoteDescription({json.dumps({'type': 'answer', 'sdp': answer.sdp})})"
    )
    while not doctor.emitted.empty():
        theirs = json.loads(doctor.emitted.get_nowait())
        if theirs:
            body = Candidate("only", theirs["candidate"], theirs["sdpMid"], theirs["sdpMLineIndex"])
            await visit.desk.say(body)
    heard = [m for m in visit.desk.inbox[seen:] if isinstance(m, Candidate) and m.candidate]
    for message in heard:
        found = {"candidate": message.candidate, "sdpMid": message.mid}
        await doctor.evaluate(f"pc.addIceCandidate({json.dumps(found)})")
    return answer


async def test_a_higher_revision_restarts_ice_on_the_same_connection(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        await visit.clinic.admit(visit.desk)
        doctor = await visit.tab()
        await doctor.navigate(f"{visit.clinic.origin}/healthz")
        await doctor.evaluate(_DOCTOR)
        first = await _offer(visit, doctor, 0)
        await visit.page.wait_for("document.querySelector('#remote')?.currentTime > 0.3", CALL_S)
        await visit.page.evaluate("window.before = document.querySelector('#remote').srcObject")
        second = await _offer(visit, doctor, 1)
        assert _ufrag(first.sdp) != _ufrag(second.sdp)
        await doctor.wait_for("pc.iceConnectionState.match(/connected|completed/)", CALL_S)
        at = await visit.page.evaluate("document.querySelector('#remote').currentTime")
        await visit.page.wait_for(
            f"document.querySelector('#remote').currentTime > {at} + 0.5", CALL_S
        )
        assert await visit.page.evaluate(
            "window.before === document.querySelector('#remote').srcObject"
        )
        # The same revision once more is old news and is not answered.
        answers = len([m for m in visit.desk.inbox if isinstance(m, Answer)])
        await visit.desk.say(Offer("only", 1, second.sdp))
        await visit.desk.say(Offer("only", 2, await doctor.evaluate(_OFFER % "true")))
        await visit.desk.expect(Answer, answers + 1)
        last = [m for m in visit.desk.inbox if isinstance(m, Answer)]
        assert [m.revision for m in last] == [0, 1, 2]


async def test_a_phone_that_changed_its_network_asks_for_a_path_at_once(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        await visit.called("the call")
        assert not [m for m in visit.desk.inbox if isinstance(m, NeedPath)]
        await visit.page.evaluate("window.dispatchEvent(new Event('online'))")
        assert await visit.desk.expect(NeedPath) == NeedPath("the call")


async def test_a_phone_that_hears_nothing_asks_for_a_path_until_it_does(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        call = await visit.called("the call")
        call.fall_silent()
        await visit.desk.expect(NeedPath, 2)
        asked = [m for m in visit.desk.inbox if isinstance(m, NeedPath)]
        assert {m.call for m in asked} == {"the call"}
