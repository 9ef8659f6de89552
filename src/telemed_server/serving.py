"""Running the app: the socket, uvicorn's settings, the ready line, a clean stop."""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
import uvicorn

from telemed_protocol.room import MAX_FRAME_BYTES
from telemed_server import __version__
from telemed_server.app import build_app
from telemed_server.errors import PortTaken
from telemed_server.logs import configure_logs
from telemed_server.places import open_store
from telemed_server.probe_socket import open_probe_socket
from telemed_server.settings import Settings, host_and_port

GRACE_S: Final = 5
PING_EVERY_S: Final = 30.0
PING_TIMEOUT_S: Final = 120.0
"""A ping waits behind bulk data on a slow link; at 20 s a 64 kbit/s upload was cut by it."""
MAX_CONNECTIONS: Final = 4000


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, url: str, port: int, ready_fd: int) -> None:
        super().__init__(config)
        self._line = json.dumps({"ready": url, "port": port}) + "\n"
        self._port = port
        self._ready_fd = ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the ready line."""
        await super().startup(sockets)
        os.write(self._ready_fd, self._line.encode())
        structlog.get_logger().info("ready", port=self._port, version=__version__)

    def on_late_signal(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle a signal outside of uvicorn's own care.

        uvicorn raises the signal again when it has shut down: then there is nothing left to do.
        Before it has started there is nothing to shut down.
        """
        if not self.started:
            raise SystemExit(0)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 picks a free one.

    Raises:
        PortTaken: Somebody else has it, or this computer has no such address.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, socket.IPPROTO_TCP)
    except OSError as error:
        raise PortTaken(os.strerror(error.errno) if error.errno else "address") from error
    try:
        if sys.platform != "win32":  # on Windows it would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(512)
    except OSError as error:
        sock.close()
        raise PortTaken(os.strerror(error.errno) if error.errno else "bind") from error
    return sock


def serve(
    settings: Settings,
    port: int,
    *,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    ready_fd: int = 1,
    stop_with_stdin: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT, or until standard input ends.

    Raises:
        KnownError: The folder, the database or the port cannot be used.
    """
    configure_logs()
    with listen(settings.host, port) as sock:
        port = int(sock.getsockname()[1])
        config = _configure(settings, tls_cert, tls_key, _listen_for_probes(settings, port))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "https" if settings.tls else "http"
        server = _Server(config, f"{scheme}://{host}:{port}", port, ready_fd)
        if stop_with_stdin:
            threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.on_late_signal)
        asyncio.run(server.serve([sock]))


def _listen_for_probes(settings: Settings, port: int) -> socket.socket | None:
    """Open the responder's socket; without an address of its own, a port that is free will do.

    Raises:
        PortTaken: The address that was asked for cannot be had.
    """
    if settings.probe_listen == "off":
        return None
    if settings.probe_listen:
        return open_probe_socket(*host_and_port(settings.probe_listen))
    try:
        return open_probe_socket(settings.host, port)
    except PortTaken:
        return open_probe_socket(settings.host, 0)


def _configure(
    settings: Settings, tls_cert: Path | None, tls_key: Path | None, probes: socket.socket | None
) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(settings, open_store(settings.place), probes),
        http="h11",
        ws="websockets-sansio",
        ws_max_size=2 * MAX_FRAME_BYTES,  # up to here we can still say why; beyond, it is cut
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PING_TIMEOUT_S,
        ws_per_message_deflate=False,  # boxes are ciphertext
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        lifespan="on",
    )


def _stop_at_eof(server: uvicorn.Server) -> None:
    """Stop when the parent process is gone. Own thread: Windows cannot await a pipe."""
    while os.read(0, 4096):
        pass
    server.should_exit = True
