"""Bytes to measure a link with: random, so that nothing on the way can compress them."""

import os
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from telemed_protocol.api import MAX_PROBE_BYTES, ProbeReceipt
from telemed_server.http import answer, number_from_query, read_body

_CHUNK: Final = 16 * 1024
DEFAULT_BYTES: Final = 64 * 1024


async def _random(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, _CHUNK):
        yield os.urandom(min(_CHUNK, size - start))


def download(request: Request) -> Response:
    """Send the number of bytes asked for, at most 1 MiB."""
    size = number_from_query(request, "bytes", DEFAULT_BYTES, MAX_PROBE_BYTES)
    return StreamingResponse(
        _random(size),
        media_type="application/octet-stream",
        headers={"Content-Length": str(size)},
    )


async def upload(request: Request) -> Response:
    """Count bytes and time them as they arrive; nothing is kept."""
    body = await read_body(request, MAX_PROBE_BYTES, keep=False)
    return answer(ProbeReceipt(body.size, body.last_at - body.first_at))
