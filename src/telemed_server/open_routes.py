"""What anyone may ask: health, the patient page, and using a link."""

import time
from typing import Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telemed_protocol import PROTOCOL_VERSION
from telemed_protocol.api import ECHO_HEADER, MAX_ECHO, SEAT_COOKIE, Health, Joined
from telemed_protocol.ids import to_base64url
from telemed_server import __version__, links
from telemed_server.errors import RequestRefused
from telemed_server.http import answer_json, read_body
from telemed_server.page import set_seat_cookie
from telemed_server.parts import Parts, parts_of

_HEX: Final = frozenset("0123456789abcdef")


async def health(request: Request) -> Response:
    """Say whether the database answers."""
    parts = parts_of(request)
    try:
        await parts.store.run(
            lambda db: db.execute(sa.text("SELECT 1")).scalar_one(), patience_s=0.0
        )
    except (RequestRefused, sa.exc.DatabaseError):
        return answer_json(Health("degraded", __version__, PROTOCOL_VERSION, "no answer"), 503)
    return answer_json(Health("ok", __version__, PROTOCOL_VERSION, "ok"))


async def nothing(request: Request) -> Response:
    """Answer with nothing but an echo, so that no sign-in page and no cache can answer for us."""
    said = request.query_params.get("n", "")
    echo = said if len(said) <= MAX_ECHO and set(said) <= _HEX else ""
    return Response(status_code=204, headers={ECHO_HEADER: echo})


async def link_page(request: Request) -> Response:
    """Return the page; looks at neither link nor database."""
    parts = parts_of(request)
    parts.check_network(request, "page")
    return parts.page.serve_index()


async def page_file(request: Request) -> Response:
    """Return one of the page's files."""
    parts = parts_of(request)
    parts.check_network(request, "page")
    return parts.page.serve(request, secure=parts.settings.secure)


def check_origin(parts: Parts, request: Request) -> None:
    """Refuse what another site's script sends in a patient's name.

    Raises:
        RequestRefused: 403. A client that is no browser sends no ``Origin``, and has no cookie to
            abuse.
    """
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if origin is not None and not parts.settings.is_own_origin(origin, host):
        raise RequestRefused(403, "wrong_origin")


async def join(request: Request) -> Response:
    """Use a link: the one request that consumes it."""
    parts = parts_of(request)
    check_origin(parts, request)
    parts.check_network(request, "join")
    jti = request.path_params["jti"]
    parts.limiter.check("link", jti[:64])
    await read_body(request, 1024)
    cookie = request.cookies.get(SEAT_COOKIE, "")
    opened = await parts.store.run(lambda db: links.open_link(db, time.time(), jti, cookie))
    response = answer_json(Joined(to_base64url(opened.card)))
    set_seat_cookie(response, opened.cookie, secure=parts.settings.secure)
    return response


ROUTES = [
    Route("/healthz", health, methods=["GET"]),
    Route("/generate_204", nothing, methods=["GET"]),
    Route("/j/{jti}", link_page, methods=["GET"]),
    Route("/page/{name:path}", page_file, methods=["GET"]),
    Route("/v1/join/{jti}", join, methods=["POST"]),
]
