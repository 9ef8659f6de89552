"""A join link is one browser's, from the first tap on."""

import asyncio
import time

import httpx
import pytest

from telemed_protocol.api import CloseLink, Joined, NewLink
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.joinlink import JoinLink
from telemed_server import links
from telemed_server.schema import links as link_table
from tests.server.rig import Desk, ServerProcess, cookie_of, join, problem_of


def test_the_first_tap_gets_the_card_and_a_cookie_no_script_can_read(
    server: ServerProcess, desk: Desk
) -> None:
    link = desk.make_link(card=b'{"clinic":"Kielelezo"}')
    first = join(server, link)
    assert first.status_code == 200
    card = httpx.Response(200, content=first.content).json()["card"]
    assert link.open("card", from_base64url(Joined(card).card)) == b'{"clinic":"Kielelezo"}'
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie.replace("samesite", "")  # plain http on loopback


def test_a_reload_of_the_same_browser_comes_back_another_browser_does_not(
    server: ServerProcess, desk: Desk
) -> None:
    link = desk.make_link()
    first = join(server, link)
    again = join(server, link, cookie_of(first))
    assert (again.status_code, again.content) == (200, first.content)
    assert cookie_of(again) == cookie_of(first)
    for cookie in ("", "x" * 43, "short", '"é'):
        other = join(server, link, cookie)
        assert (other.status_code, problem_of(other)) == (409, "link_in_use")


def test_unknown_expired_and_withdrawn_links_look_the_same(
    server: ServerProcess, desk: Desk
) -> None:
    withdrawn = desk.make_link()
    assert desk.post("/v1/links/close", CloseLink(withdrawn.jti_hash)).status_code == 204
    expired = desk.make_link()
    expire(server, expired)
    answers = [join(server, link) for link in (JoinLink.generate(), expired, withdrawn)]
    answers += [httpx.post(f"{server.url}/v1/join/{odd}") for odd in ("x", "%00", "a" * 3000)]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.content == answers[0].content
        assert "set-cookie" not in answer.headers
    assert problem_of(answers[0]) == "link_not_valid"


def expire(server: ServerProcess, link: JoinLink) -> None:
    """Let a link's time be over, in the real database."""
    with server.database() as db:
        changed = db.execute(
            link_table.update()
            .where(link_table.c.jti_hash == link.jti_hash)
            .values(expires_at=time.time() - 1)
        )
    assert changed.rowcount == 1


def test_an_early_patient_is_told_when(server: ServerProcess, desk: Desk) -> None:
    link = JoinLink.generate()
    start = time.time() + 3600
    made = NewLink(link.jti_hash, start, start + 3600, link.seal("card", b"{}"))
    assert desk.post("/v1/links", made).status_code == 201
    early = join(server, link)
    assert early.status_code == 409
    assert early.json() == {"code": "link_too_early", "detail": str(int(start))}


async def tap_alone(url: str) -> int:
    async with httpx.AsyncClient(timeout=60) as client:
        return (await client.post(url)).status_code


async def test_fifty_browsers_at_once_have_exactly_one_winner(
    server: ServerProcess, desk: Desk
) -> None:
    for _ in range(2):
        link = desk.make_link()
        url = f"{server.url}/v1/join/{to_base64url(link.jti)}"
        codes = await asyncio.gather(*(tap_alone(url) for _ in range(50)))
        assert sorted(codes) == [200] + [409] * 49


def test_looking_at_a_link_uses_nothing_up_and_tells_nothing(
    server: ServerProcess, desk: Desk
) -> None:
    link = desk.make_link()
    real = httpx.get(f"{server.url}/j/{to_base64url(link.jti)}")
    made_up = httpx.get(f"{server.url}/j/whatever")
    assert real.status_code == made_up.status_code == 200
    assert real.content == made_up.content
    assert "set-cookie" not in real.headers
    head = httpx.head(f"{server.url}/j/{to_base64url(link.jti)}")
    assert head.status_code == 200
    assert join(server, link).status_code == 200


def test_a_lost_answer_can_be_asked_for_again(server: ServerProcess, desk: Desk) -> None:
    link = desk.make_link()
    with httpx.Client(base_url=server.url) as browser:
        index = browser.get(f"/j/{to_base64url(link.jti)}").text
        script = next(part.split('"')[0] for part in index.split('src="')[1:])
        assert browser.get(script).status_code == 200
        before = browser.cookies["tm_seat"]
        # The tap's answer never arrives: the browser keeps the cookie it had before.
        assert join(server, link, before).status_code == 200
        again = browser.post(f"/v1/join/{to_base64url(link.jti)}")
        assert again.status_code == 200
        etag = browser.get(script).headers["etag"]
        unchanged = browser.get(script, headers={"If-None-Match": etag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert "set-cookie" not in unchanged.headers


def test_another_sites_script_cannot_join(server: ServerProcess, desk: Desk) -> None:
    link = desk.make_link()
    url = f"{server.url}/v1/join/{to_base64url(link.jti)}"
    for origin in ("https://elsewhere.example", "null", f"http://localhost:{server.port}"):
        refused = httpx.post(url, headers={"Origin": origin})
        assert (refused.status_code, problem_of(refused)) == (403, "wrong_origin")
    assert httpx.post(url, headers={"Origin": server.url}).status_code == 200


def test_a_link_is_registered_once_and_closed_by_its_clinic_only(
    server: ServerProcess, desk: Desk
) -> None:
    link = JoinLink.generate()
    now = time.time()
    message = NewLink(link.jti_hash, now, now + 60, link.seal("card", b"{}"))
    assert desk.post("/v1/links", message).status_code == 201
    assert desk.post("/v1/links", message).status_code == 201
    other = Desk.founding(server)
    taken = other.post("/v1/links", message)
    assert (taken.status_code, problem_of(taken)) == (409, "link_exists")
    assert other.post("/v1/links/close", CloseLink(link.jti_hash)).status_code == 404
    assert join(server, link).status_code == 200
    other.close()


@pytest.mark.parametrize("times", [(0.0, 1.0), (float("nan"), float("inf")), (2e9, 9e99)])
def test_links_with_odd_times_are_refused(desk: Desk, times: tuple[float, float]) -> None:
    link = JoinLink.generate()
    odd = NewLink(link.jti_hash, *times, link.seal("card", b"{}"))
    assert desk.post("/v1/links", odd).status_code == 422


def test_cookies_are_kept_as_hashes_only() -> None:
    cookie = links.new_cookie()
    assert links.is_cookie(cookie)
    assert cookie.encode() not in links.cookie_hash(cookie)
