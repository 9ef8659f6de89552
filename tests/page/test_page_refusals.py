"""What must not work, and what the patient is told then."""

import asyncio

import pytest

from telemed_protocol.joinlink import JoinLink
from telemed_protocol.talk import Answer, DeskText, Ended, Intake, Offer, PageState
from tests.page.doctor import CARD, Call
from tests.page.visit import Practice, until, visiting
from tests.support.chromium import BrowserOptions, running_chromium

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_an_offer_sealed_with_another_secret_is_ignored(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.to_waiting()
        forger = JoinLink(desk.link.jti, bytes(16))  # the server knows the jti, not the secret
        call = Call("forged")
        await desk.say(await call.offer(), link=forger)
        await desk.say(Ended(["Pay 500 to this number."]), link=forger)
        await page.wait_for("document.documentElement.dataset.ignored === '2'")
        await desk.say(DeskText("Still here"))  # later boxes are still read
        await page.wait_visible(".msg")
        assert await page.text("h1") == "You are in the waiting room"
        assert not any(isinstance(m, Answer) for m in desk.inbox)
        await call.close()
        await visit.called()
        assert visit.complaints() == []


async def test_boxes_that_are_nonsense_or_repeated_do_no_harm(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.to_waiting()
        await desk.say(DeskText("One"))
        await page.wait_visible(".msg")
        box = desk.last_box
        await desk.send_raw(box)  # the same again: a replay
        await desk.send_raw(desk.link.seal("to-page", b"not json"))
        await desk.send_raw(desk.link.seal("to-page", b'{"sid":"x","n":1,"body":{"t":"offer"}}'))
        await desk.send_raw(desk.link.seal("to-desk", b'{"sid":"y","n":1,"body":{"t":"ended"}}'))
        await desk.say(Offer("broken", 0, "v=0\r\nthis is no sdp"))
        await page.wait_for("Number(document.documentElement.dataset.ignored) >= 5")
        assert await page.evaluate("document.querySelectorAll('.msg').length") in {0, 1}
        await visit.called()


async def test_three_wrong_years_end_with_the_telephone(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page = visit.page
        await visit.open()
        await visit.join(1958)
        await page.wait_for("document.querySelector('#problem').textContent.includes('not match')")
        for number in (2, 3):
            await page.type("#year", "1957")
            await page.click("#continue")
            await visit.desk.expect(Intake, number)
        await page.wait_for(
            "document.querySelector('#problem').textContent.includes('three times')"
        )
        assert not await page.evaluate("document.querySelector('#continue').checkVisibility()")
        assert await page.evaluate("document.querySelector('#phone').href") == "tel:+254700000400"


async def test_without_the_first_consent_nothing_is_sent(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page = visit.page
        await visit.open()
        await page.click("#continue")
        await page.type("#year", "1959")
        await page.click("#continue")
        await page.wait_for("document.querySelector('#problem').textContent.includes('first box')")
        await page.type("#year", "59")
        await page.click("#continue")
        await page.wait_for(
            "document.querySelector('#problem').textContent.includes('four digits')"
        )
        await page.click("label.op + label.op span:last-child")
        await page.click("#continue")
        await page.wait_for("document.querySelector('#problem').textContent.includes('name')")
        await page.type("#name", "Wanjiru Mfano")
        await page.type("#year", "1959")
        await page.click("label.ck")
        await page.click("#continue")
        intake = await visit.desk.expect(Intake)
        assert (intake.who, intake.name) == ("helper", "Wanjiru Mfano")
        assert not intake.consent_photos
        assert len([m for m in visit.desk.inbox if isinstance(m, Intake)]) == 1


async def test_no_desk_online_does_not_stop_the_patient(practice: Practice) -> None:
    async with visiting(practice) as visit:
        visit.desk.checks_identity = False
        await visit.open()
        await visit.join()
        await visit.page.wait_visible("#allow")  # the desk will check when it is there


async def test_a_refused_camera_is_explained_and_sound_only_is_offered(practice: Practice) -> None:
    no = BrowserOptions(extra=("--use-fake-ui-for-media-stream=deny",))
    async with (
        running_chromium(no) as browser,
        visiting(Practice(practice.clinic, browser), language="en-GB") as visit,
    ):
        page = visit.page
        await visit.open()
        await visit.join()
        await page.click("#allow")
        await page.wait_for("document.querySelector('#problem').textContent.includes('blocked')")
        assert await page.evaluate("document.querySelectorAll('.how li').length") == 3
        await page.click("#sound-only")
        await page.wait_for(
            "document.querySelector('#problem').textContent.includes('microphone is blocked')"
        )
        await page.wait_visible("#phone")


async def test_sound_only_is_a_call_without_a_camera(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page, desk = visit.page, visit.desk
        await visit.open()
        await visit.join()
        await page.click("#sound-only")
        await page.click("#room")
        state = await desk.expect(PageState)
        assert (state.camera, state.microphone) == (False, True)
        await visit.clinic.admit(desk)
        call = await desk.ring("sound")
        await until(page, lambda: call.audio.loud > 3)
        assert call.video.frames == 0
        call.tell({"t": "photo-request", "id": "7"})  # a photo is still possible
        await page.click("#take-photo")
        await until(page, call.photo_is_here)
        assert call.photo()[0]["id"] == "7"
        await page.click("#sound")  # the patient turns video on after all
        await until(page, lambda: call.video.spread > 5)


async def test_links_that_are_used_over_or_incomplete_say_so(practice: Practice) -> None:
    async with visiting(practice) as visit:
        page, origin = visit.page, visit.wire.origin
        used = await visit.clinic.invite()
        async with asyncio.timeout(30):
            answer = await visit.clinic.post_join(used)
        assert answer == 200  # another browser was first
        await page.navigate(used.link.url(origin))
        await page.click("#continue")
        await page.wait_for(
            "document.querySelector('#problem').textContent.includes('another phone')"
        )

        gone = await visit.clinic.invite(life_s=0.5)
        await page.navigate("about:blank")
        await page.navigate(gone.link.url(origin))
        await page.wait_visible("#continue")
        await until(page, gone.link_is_over)
        await page.click("#continue")
        await page.wait_for("document.querySelector('#problem').textContent.includes('expired')")

        await page.navigate("about:blank")
        await page.navigate(visit.desk.link.url(origin).split("#")[0])
        await page.wait_for("document.querySelector('#problem').textContent.includes('missing')")


async def test_the_second_window_of_a_visit_takes_over(practice: Practice) -> None:
    async with visiting(practice) as visit:
        await visit.to_waiting()
        other = await visit.tab()
        await other.navigate(visit.desk.link.url(visit.wire.origin))
        await other.click("#continue")
        await other.wait_visible("#year")
        assert CARD.clinic in await other.text("header")
        await visit.page.wait_for(
            "document.querySelector('#problem').textContent.includes('another window')"
        )
