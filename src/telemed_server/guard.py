"""Around every request: whose name it was sent to, security headers, one line in the log."""

import time
from collections.abc import Mapping
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemed_server.errors import RequestRefused
from telemed_server.http import problem
from telemed_server.limiting import network_of
from telemed_server.logs import pseudonym
from telemed_server.settings import Settings, host_of

_PERMISSIONS: Final = (
    "camera=(self), microphone=(self), speaker-selection=(self), autoplay=(self), "
    "screen-wake-lock=(self), fullscreen=(self), display-capture=(), geolocation=(), payment=(), "
    "usb=(), serial=(), bluetooth=(), hid=(), midi=(), accelerometer=(), gyroscope=(), "
    "magnetometer=(), browsing-topics=()"
)
COMMON_HEADERS: Final[Mapping[str, str]] = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": _PERMISSIONS,
    "X-Robots-Tag": "noindex, nofollow",
}
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


def page_policy(socket_origin: str) -> str:
    """Return the page's Content-Security-Policy.

    ``'self'`` covers WebSockets only in newer browsers; older phones need the origin by name.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src blob:",
            f"connect-src 'self' {socket_origin}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _is_page(path: str) -> bool:
    return path.startswith(("/j/", "/page/"))


class Guard:
    """ASGI middleware; outermost, so that errors are dressed as well."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        known = host_of(host) in self._settings.hosts
        if scope["type"] == "websocket":
            if known:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 4421})
            return
        await self._http(scope, receive, send, host if known else "")

    async def _http(self, scope: Scope, receive: Receive, send: Send, host: str) -> None:
        started = time.monotonic()
        status = 500

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(MutableHeaders(scope=message), scope["path"], host)
            await send(message)

        try:
            if host or scope["path"] == "/healthz":
                await self._app(scope, receive, dressed)
            else:
                refused = problem(scope["path"], RequestRefused(421, "wrong_host"))
                await refused(scope, receive, dressed)
        finally:
            self._write_line(scope, status, time.monotonic() - started)

    def _dress(self, headers: MutableHeaders, path: str, host: str) -> None:
        for name, value in COMMON_HEADERS.items():
            headers[name] = value
        if self._settings.secure:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if _is_page(path):
            scheme = "wss" if self._settings.secure else "ws"
            headers["Content-Security-Policy"] = page_policy(f"{scheme}://{host}")
        else:
            headers["Content-Security-Policy"] = API_POLICY
        headers.setdefault("Cache-Control", "no-store")

    def _write_line(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = scope.get("endpoint")
        client = scope.get("client")
        self._log.info(
            "request",
            route=getattr(endpoint, "__name__", "none"),
            method=scope["method"] if scope["method"].isalpha() else "?",
            status=status,
            code=scope.get("state", {}).get("code", ""),
            ms=round(seconds * 1000, 1),
            net=pseudonym(network_of(client[0])) if client else "",
        )
