"""The HTTP interface for sealed files (:mod:`telemed_protocol.attachments`)."""

import re
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telemed_protocol.attachments import PART_BYTES, Announce
from telemed_protocol.errors import FormatError
from telemed_protocol.ids import ID_BYTES, from_base64url
from telemed_server import attachments
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.http import answer, read_body, read_message
from telemed_server.parts import Parts, parts_of

_PART: Final = re.compile(r"[0-9]{1,6}")


async def _asker(request: Request) -> tuple[Parts, Member, bytes]:
    """Return who asks and about which file.

    Raises:
        RequestRefused: 401, 429, or 404 an id that is none.
    """
    parts = parts_of(request)
    member = await parts.member(request)
    parts.limiter.check("attachments", member.device.hex())
    try:
        attachment = from_base64url(request.path_params["attachment"])
    except FormatError as error:
        raise RequestRefused(404, "not_found") from error
    if len(attachment) != ID_BYTES:
        raise RequestRefused(404, "not_found")
    return parts, member, attachment


def _part(request: Request) -> int:
    text = request.path_params["part"]
    if not _PART.fullmatch(text):
        raise RequestRefused(404, "not_found")
    return int(text)


async def announce_attachment(request: Request) -> Response:
    """Make room for a file, or say what is held of it."""
    parts, member, attachment = await _asker(request)
    message = await read_message(request, Announce)
    quota = parts.settings.attachment_quota_bytes
    state, new = await parts.store.run(
        lambda db: attachments.announce(db, time.time(), member, attachment, message, quota=quota)
    )
    return answer(state, 201 if new else 200)


async def attachment_state(request: Request) -> Response:
    """Say what is held of a file."""
    parts, member, attachment = await _asker(request)
    return answer(
        await parts.store.run(lambda db: attachments.state(db, member.clinic, attachment))
    )


async def put_attachment_part(request: Request) -> Response:
    """Keep a part; the answer goes out after it is durable."""
    parts, member, attachment = await _asker(request)
    part = _part(request)
    body = await read_body(request, PART_BYTES)
    data = bytes(body.data)
    state = await parts.store.run(
        lambda db: attachments.keep_part(
            db, time.time(), member.clinic, attachment, part=part, data=data
        )
    )
    if state is None:
        # Said after the commit: a refusal raised inside would bring the dropped parts back.
        raise RequestRefused(422, "attachment_hash")
    return answer(state)


async def get_attachment_part(request: Request) -> Response:
    """Return a part of a file that is whole."""
    parts, member, attachment = await _asker(request)
    part = _part(request)
    data = await parts.store.run(
        lambda db: attachments.part_of(db, member.clinic, attachment, part)
    )
    return Response(data, media_type="application/octet-stream")


_FILE: Final = "/v1/attachments/{attachment}"
ROUTES = [
    Route(_FILE, announce_attachment, methods=["PUT"]),
    Route(_FILE, attachment_state, methods=["GET"]),
    Route(_FILE + "/{part}", put_attachment_part, methods=["PUT"]),
    Route(_FILE + "/{part}", get_attachment_part, methods=["GET"]),
]
