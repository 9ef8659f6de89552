"""Reading requests within bounds and answering in the protocol's words."""

import asyncio
import re
import time
from typing import Final, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from telemed_protocol.api import CONTENT_TYPE, MAX_BODY_BYTES, Problem
from telemed_server.errors import RequestRefused

T = TypeVar("T")
CHUNK_TIMEOUT_S: Final = 30.0
"""A sender that is silent for longer is let go (slow loris); 64 kbit/s sends 240 kB in that time."""
BODY_TIMEOUT_S: Final = 300.0
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_WORDS: Final = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    421: "wrong_host",
}


class Body:
    """The bytes of a request, with the times of the first and the last."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.size = 0
        self.first_at = 0.0
        self.last_at = 0.0


async def read_body(request: Request, limit: int, *, keep: bool = True) -> Body:
    """Read a body of at most ``limit`` bytes.

    Raises:
        RequestRefused: 413 too large, 408 too slow, 400 the sender went away or sent bad lengths.
    """
    declared = request.headers.get("content-length", "0")
    if not _NUMBER.fullmatch(declared):
        raise RequestRefused(400, "bad_request", "content-length")
    if int(declared) > limit:
        raise RequestRefused(413, "too_large")
    body = Body()
    stream = request.stream()
    deadline = time.monotonic() + BODY_TIMEOUT_S
    try:
        while True:
            async with asyncio.timeout(min(CHUNK_TIMEOUT_S, deadline - time.monotonic())):
                chunk = await anext(stream, None)
            if chunk is None:
                return body
            if not chunk:
                continue
            body.last_at = time.monotonic()
            body.first_at = body.first_at or body.last_at
            body.size += len(chunk)
            if body.size > limit:
                raise RequestRefused(413, "too_large")
            if keep:
                body.data += chunk
    except TimeoutError as error:
        raise RequestRefused(408, "too_slow") from error
    except ClientDisconnect as error:
        raise RequestRefused(400, "bad_request", "cut off") from error


async def read_message(request: Request, kind: type[T]) -> T:
    """Read a msgpack message.

    Raises:
        RequestRefused: As :func:`read_body`, and 422 not such a message.
    """
    body = await read_body(request, MAX_BODY_BYTES)
    try:
        return msgspec.msgpack.decode(body.data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestRefused(422, "format") from error


def number_from_query(request: Request, name: str, default: int, highest: int) -> int:
    """Read a whole number from the query.

    Raises:
        RequestRefused: 422 not a number; one that is too high is cut.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise RequestRefused(422, "format", name)
    return min(int(text), highest)


def answer(message: object, status: int = 200) -> Response:
    """Answer in msgpack."""
    return Response(msgspec.msgpack.encode(message), status, media_type=CONTENT_TYPE)


def answer_json(message: object, status: int = 200) -> Response:
    """Answer in JSON."""
    return Response(msgspec.json.encode(message), status, media_type="application/json")


def _speaks_json(path: str) -> bool:
    return not path.startswith("/v1/") or path.startswith("/v1/join/")


def problem(path: str, refused: RequestRefused) -> Response:
    """Answer with a refusal: JSON where browsers are, msgpack where desks are."""
    message = Problem(refused.problem, refused.words)
    make = answer_json if _speaks_json(path) else answer
    response = make(message, refused.status)
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(refused.retry_after_s)
    return response


async def on_refused(request: Request, error: Exception) -> Response:
    """Starlette's handler for our refusals."""
    if not isinstance(error, RequestRefused):
        raise error
    request.state.code = error.problem
    return problem(request.url.path, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler for its own refusals (no such route, wrong method)."""
    if not isinstance(error, HTTPException):
        raise error
    refused = RequestRefused(error.status_code, _WORDS.get(error.status_code, "refused"))
    response = problem(request.url.path, refused)
    if error.headers:
        response.headers.update(error.headers)
    return response


async def on_bug(request: Request, _error: Exception) -> Response:
    """Starlette's handler for what is our fault; the error itself goes to the log without words."""
    return problem(request.url.path, RequestRefused(500, "internal"))
