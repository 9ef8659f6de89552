"""A patient who reloads or loses the network comes back to the same place."""

import pytest

from telemed_protocol.talk import DeskText, Intake, NeedOffer, PageLink, Worse
from tests.page.visit import CALL_S, Practice, until, visiting

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_reload_in_the_waiting_room_keeps_seat_language_and_messages(
    practice: Practice,
) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.to_waiting()
        await page.click("#lang-sw")
        await desk.say(DeskText("Tafadhali kuwa na dawa zako karibu."))
        await page.wait_visible(".msg")
        before = await visit.clinic.seat(desk.link)
        await page.reload()
        await page.wait_visible(".msg")
        assert await page.text("h1") == "Uko kwenye chumba cha kusubiri"
        assert "Wewe ndiye unayefuata" in await page.wait_for(
            "document.querySelector('#place').textContent"
        )
        after = await visit.clinic.seat(desk.link)
        assert (after.seat, after.arrived_at) == (before.seat, before.arrived_at)
        assert len([m for m in desk.inbox if isinstance(m, Intake)]) == 1
        await visit.called()  # and the camera came back without a question
        assert visit.complaints() == []


async def test_a_reload_while_filling_in_comes_back_to_the_form(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.open()
        await visit.page.click("#continue")
        await visit.page.wait_visible("#year")
        await visit.page.reload()
        await visit.page.wait_visible("#year")
        assert await visit.page.evaluate("document.querySelectorAll(':checked').length") == 1


async def test_a_call_is_replaced_by_a_new_one_and_comes_back_after_a_reload(
    practice: Practice,
) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        await visit.called()
        second = await visit.desk.ring("second")  # the desk's media process died and came back
        await until(visit.page, lambda: second.video.frames > 10 and second.audio.loud > 3)
        await visit.in_call()
        asked = len([m for m in visit.desk.inbox if isinstance(m, NeedOffer)])
        await visit.page.reload()
        await visit.desk.expect(NeedOffer, asked + 1)
        await visit.page.wait_visible("#remote")
        assert visit.desk.call is not second
        await visit.in_call()
        assert visit.complaints() == []


async def test_what_was_said_without_network_arrives_when_it_is_back(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.to_waiting()
        first = await desk.expect(PageLink)
        assert first.down_kbps is None or first.down_kbps > 0
        visit.wire.cut()
        await page.wait_for("!document.querySelector('#lost').hidden", CALL_S)
        assert "Looking for the network" in await page.text("#lost")
        await page.click("#worse")
        await page.click("#worse-yes")
        await page.wait_visible("#worse-state")
        assert "told" not in await page.text("#worse-state")
        await desk.say(DeskText("Are you there?"))
        visit.wire.mend()
        await desk.expect(Worse)
        await page.wait_for("document.querySelector('#worse-state').textContent.includes('told')")
        await page.wait_visible(".msg")
        await page.wait_for("document.querySelector('#lost').hidden")
        await desk.expect(PageLink, 2)  # the link is measured again while waiting
        assert len([m for m in desk.inbox if isinstance(m, Worse)]) == 1


async def test_the_call_goes_on_while_the_server_is_out_of_reach(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        call = await visit.called()
        visit.wire.cut()
        loud, frames = call.audio.loud, call.video.frames
        await until(
            visit.page, lambda: call.audio.loud > loud + 20 and call.video.frames > frames + 20
        )
        shown = await visit.page.evaluate("document.querySelector('#remote').currentTime")
        await visit.page.wait_for(f"document.querySelector('#remote').currentTime > {shown} + 0.5")
        assert "Network is" in await visit.page.text("#link")
