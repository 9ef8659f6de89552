"""The patient page's files, read once at the start; a request never touches disk or database.

``/j/<anything>`` is the same page whatever follows, so that a messenger's link preview learns
nothing and uses nothing up.
"""

import gzip
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from telemed_protocol.api import SEAT_COOKIE
from telemed_server.errors import RequestRefused
from telemed_server.links import COOKIE_LIFE_S, is_cookie, new_cookie

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wav": "audio/wav",
}


class _File(NamedTuple):
    data: bytes
    packed: bytes
    kind: str
    etag: str


class PageFiles:
    """All files of a folder whose type we serve; others are not served at all."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _load(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }

    def serve_index(self) -> Response:
        """Return the page for any link.

        Raises:
            RequestRefused: 404 this server was installed without the page.
        """
        index = self._files.get("index.html")
        if index is None:
            raise RequestRefused(404, "not_found")
        return Response(index.data, media_type=index.kind, headers={"Cache-Control": "no-store"})

    def serve(self, request: Request, *, secure: bool) -> Response:
        """Return one file, or 304 if the browser has it.

        The first script also brings the browser its cookie. It must be there before the tap that
        uses the link up: an answer lost on a bad network could otherwise not be asked for again.
        The page itself cannot bring it: it is opened from another site, so a SameSite=Strict cookie
        that exists already would not be shown, and would be replaced.

        Raises:
            RequestRefused: 404.
        """
        name = request.path_params["name"]
        file = self._files.get(name)
        if file is None:
            raise RequestRefused(404, "not_found")
        headers = {
            "Cache-Control": "private, no-cache",
            "ETag": file.etag,
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == file.etag:
            response = Response(status_code=304, headers=headers)
        elif "gzip" in request.headers.get("accept-encoding", ""):
            # A third of the bytes on a slow phone. Only these public files: nothing secret is ever
            # in the same answer, so its length tells nothing.
            headers["Content-Encoding"] = "gzip"
            response = Response(file.packed, media_type=file.kind, headers=headers)
        else:
            response = Response(file.data, media_type=file.kind, headers=headers)
        is_script = file.kind.startswith("text/javascript")
        if is_script and not is_cookie(request.cookies.get(SEAT_COOKIE, "")):
            set_seat_cookie(response, new_cookie(), secure=secure)
        return response


def _load(path: Path) -> _File:
    data = path.read_bytes()
    # Weak: the packed form has the same content, not the same bytes. mtime 0 keeps it reproducible.
    etag = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'
    return _File(data, gzip.compress(data, 9, mtime=0), TYPES[path.suffix], etag)


def set_seat_cookie(response: Response, cookie: str, *, secure: bool) -> None:
    """Give a browser its cookie: no script reads it, no other site sends it."""
    response.set_cookie(
        SEAT_COOKIE,
        cookie,
        max_age=COOKIE_LIFE_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=secure,
    )
